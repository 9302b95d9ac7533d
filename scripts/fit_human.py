"""Weigh the signs by which a human face is told from an animal's, and measure the verdict.

    python scripts/fit_human.py --write        # ../shared/real; writes src/vivavoce/look/human.npz
    python scripts/fit_human.py                # measures the verdict that ships

Every picture is looked at as it is and after `CHANGES`. Weights are fitted on the portraits that
the manifest lets ship (`may_train_shipped`), on its animals, and on the astronaut and the cat that
come with scikit-image; figures are of all. Animals are also judged by weights that were fitted
without them.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from vivavoce.errors import NoFace
from vivavoce.look.face import MIN_EYE_PX, measure
from vivavoce.look.face478 import fit
from vivavoce.look.human import WEIGHTS, judged, signs
from vivavoce.look.track import find_faces
from vivavoce.media.picture import read_picture

MOST_PX = 1600
"""Longer side to which pictures are brought first."""
MOST = (3.0, 3.0, 3.0, 4.0)
"""Standard deviations that steadiness, dispute, residual and certainty count at most; each number
of the identity counts `MOST_IDENTITY`."""
MOST_IDENTITY = 3.0
SHRINKAGE = 0.1
"""Weight of the squared weights in the loss."""
LIMIT = 1.23
"""Logit over which a face is taken for none: between people and animals (see the output)."""


def turned(picture: np.ndarray, degrees: float) -> np.ndarray:
    """`picture` turned about its middle; its edge is mirrored."""
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REFLECT_101)


def scaled(picture: np.ndarray, factor: float) -> np.ndarray:
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=kind)


def lit(picture: np.ndarray, factor: float, gamma: float = 1.0) -> np.ndarray:
    return np.clip(255 * factor * (picture / 255) ** gamma + 0.5, 0, 255).astype(np.uint8)


def pressed(picture: np.ndarray, quality: int) -> np.ndarray:
    data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as it is": lambda a: a,
    "mirrored": lambda a: np.ascontiguousarray(a[:, ::-1]),
    "0.7 times": lambda a: scaled(a, 0.7),
    "1.3 times": lambda a: scaled(a, 1.3),
    "384 px": lambda a: scaled(a, 384 / max(a.shape[:2])),
    "turned 10": lambda a: turned(a, 10),
    "turned -10": lambda a: turned(a, -10),
    "mirrored, turned 10": lambda a: turned(np.ascontiguousarray(a[:, ::-1]), 10),
    "brighter": lambda a: lit(a, 1.4),
    "darker": lambda a: lit(a, 1.0, 1.6),
    "grey": lambda a: np.repeat(cv2.cvtColor(a, cv2.COLOR_RGB2GRAY)[..., None], 3, 2),
    "JPEG 40": lambda a: pressed(a, 40),
}
"""Small changes under which a verdict should hold."""


@dataclass(frozen=True)
class Seen:
    """One picture after one change."""

    name: str
    change: str
    animal: bool
    trains: bool
    signs: np.ndarray | None
    """None: no face was found that is large enough."""
    refused: str
    """Why the code that ships refuses it; "" if it does not."""


def pictures(real: Path) -> Iterator[tuple[str, bool, bool, np.ndarray]]:
    """Name, whether it is an animal, whether it may train what ships, and the picture."""
    from skimage import data

    yield "astronaut", False, True, data.astronaut()
    yield "chelsea", True, True, data.chelsea()
    with (real / "manifest.csv").open(newline="", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            animal = "_animal_" in row["file"]
            if animal or row["kind"] == "portrait":
                may = row["may_train_shipped"] == "yes"
                yield row["file"], animal, may, read_picture(real / row["file"])


def look_at(name: str, animal: bool, trains: bool, picture: np.ndarray) -> Iterator[Seen]:
    """The picture after every change."""
    picture = scaled(picture, min(1.0, MOST_PX / max(picture.shape[:2])))
    for change, made in CHANGES.items():
        changed = made(picture)
        found = find_faces(changed)
        if not found or found[0].eye_px < MIN_EYE_PX:
            yield Seen(name, change, animal, trains, None, "no face, or too small")
            continue
        refused = ""
        if WEIGHTS.is_file():
            try:
                measure(changed, found[0])
            except NoFace as refusal:
                refused = str(refusal)
        told = signs(found[0], fit(found[0].landmarks[None]))
        yield Seen(name, change, animal, trains, told, refused)


def fitted(seen: list[Seen]) -> dict[str, np.ndarray]:
    """Weights by logistic regression; people and animals count half each, every picture the same
    in its half."""
    given = np.stack([one.signs for one in seen if one.signs is not None]).astype(np.float64)
    there = [one for one in seen if one.signs is not None]
    animal = np.array([one.animal for one in there])
    names = np.array([one.name for one in there])
    share = 1 / np.array([(names == name).sum() for name in names])
    share = np.where(animal, share / share[animal].sum(), share / share[~animal].sum()) / 2
    mean, scale = given[~animal].mean(0), given[~animal].std(0) + 1e-6
    most = np.array([*MOST, *[MOST_IDENTITY] * (given.shape[1] - len(MOST))])
    away = torch.tensor(np.clip((given - mean) / scale, -most, most))
    truth, shares = torch.tensor(animal.astype(float)), torch.tensor(share)
    weight = torch.zeros(given.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([weight], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        logit = away @ weight[:-1] + weight[-1]
        bad = torch.nn.functional.binary_cross_entropy_with_logits(logit, truth, reduction="none")
        total = (shares * bad).sum() + SHRINKAGE * (weight[:-1] ** 2).sum()
        total.backward()
        return total

    solver.step(loss)
    found = weight.detach().numpy()
    arrays = {"mean": mean, "scale": scale, "most": most, "weight": found[:-1]}
    held = {name: array.astype(np.float32) for name, array in arrays.items()}
    return held | {"bias": np.float32(found[-1] - LIMIT)}


def tell(seen: list[Seen], held: dict[str, np.ndarray]) -> None:
    """Print how the weights judge what was seen."""
    people = [one for one in seen if not one.animal]
    animals = [one for one in seen if one.animal]
    wrong = [one for one in people if one.signs is not None and judged(one.signs, held) > 0]
    lost = [one for one in people if one.signs is None]
    print(f"people: {len(wrong)} of {len(people)} refused as no human; {len(lost)} not found")
    for one in (*wrong, *lost):
        print(f"  {one.name}, {one.change}")
    seen_animals = [one for one in animals if one.signs is not None]
    taken = [one for one in seen_animals if judged(one.signs, held) <= 0]
    print(f"animals: {len(taken)} of {len(animals)} accepted ({len(seen_animals)} found)")
    for name in sorted({one.name for one in seen_animals}):
        without = fitted([one for one in seen if one.trains and one.name != name])
        marks = [one for one in seen_animals if one.name == name]
        blind = sum(judged(one.signs, without) <= 0 for one in marks)
        least = min(judged(one.signs, held) for one in marks)
        print(
            f"  {name}: doubt at least {least:.2f}; {blind} of {len(marks)} without it in the fit"
        )
    most = sorted((judged(one.signs, held), one.name) for one in people if one.signs is not None)
    print("most doubted people:", ", ".join(f"{n} {d:.2f}" for d, n in most[-8:]))


def main() -> None:
    """Look, fit or read the weights, and tell."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--real", type=Path, default=Path("../shared/real"))
    asked.add_argument("--write", action="store_true", help="fit, and write human.npz")
    given = asked.parse_args()
    torch.set_num_threads(1)
    seen: list[Seen] = []
    for name, animal, trains, picture in pictures(given.real):
        seen += look_at(name, animal, trains, picture)
        print(f"\r{len(seen)} looks", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    if given.write:
        held = fitted([one for one in seen if one.trains])
        np.savez(WEIGHTS, **held)
    else:
        with np.load(WEIGHTS) as arrays:
            held = {name: arrays[name] for name in arrays.files}
        refused = [one for one in seen if one.refused and one.signs is not None]
        count = sum(not one.animal for one in refused)
        print(f"with all rules: {count} of {sum(not o.animal for o in seen)} people refused")
    tell(seen, held)


if __name__ == "__main__":
    main()
