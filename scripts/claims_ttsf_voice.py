"""TTSF's voices on corpus people that it was not trained on: Table 3's direction, Fig. 5, steps.

    python scripts/claims_ttsf_voice.py CHECKPOINT --corpus SHARDS [--clips 48] [--out FOLDER]

Table 3: each clip's text is said again for a picture of its speaker from another clip, by f_id, by
f_id + f_m, and by nobody's code,
and held against the clip and the other clips of its speaker. Fig. 5:
one sentence for each person in the pictures where the head is turned most; silhouettes of the
speaker embeddings and a t-SNE picture. Prints Markdown; intervals are 95 % bootstraps over people.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

from vivavoce.data.schema import Sample
from vivavoce.data.shards import open_set
from vivavoce.measure.figures import bootstrap
from vivavoce.measure.judges import load_judge
from vivavoce.measure.metrics.sound import analysed, f0_rmse, mcd, stoi
from vivavoce.nn.pictures import as_tensor
from vivavoce.systems.ttsf.net import Seen, TtsfNet, load_net
from vivavoce.train.read.square import Sight
from vivavoce.train.read.windows import Clip
from vivavoce.types import RATE, Float

SENTENCE = "The boats were moving slowly along the river in the morning."
POSES = 4
"""Pictures of each person for Fig. 5."""
STEPS = (1, 2, 4, 10, 50)


@dataclass
class Person:
    """A speaker of the test split."""

    clips: list[Sample] = field(default_factory=list)

    def turned(self, net: TtsfNet) -> list[Seen]:
        """What the network sees of the `POSES` pictures that are turned most differently."""
        held = [(n, i) for n, c in enumerate(self.clips) for i in range(0, len(c), 5)]
        poses = np.stack([self.clips[n].tracks["pose"][i, :3] for n, i in held])
        chosen = [int(np.abs(poses).sum(1).argmin())]
        while len(chosen) < POSES:  # the one that is farthest from all so far
            apart = np.linalg.norm(poses[:, None] - poses[chosen], axis=2).min(1)
            chosen.append(int(apart.argmax()))
        return [seen(net, self.clips[held[k][0]], held[k][1]) for k in chosen]


def seen(net: TtsfNet, clip: Sample, frame: int) -> Seen:
    """A picture of a clip as the system would see it."""
    sight = Sight.of(Clip(clip), frame, net.settings.size)
    with torch.no_grad():
        return net.see(as_tensor(sight.pictures([frame])))


def people_of(corpus: Path, count: int) -> list[Person]:
    """Persons of the test split with at least two clips of a second and more."""
    found: dict[str, Person] = {}
    for clip in open_set(corpus).samples("test", ("wav", "frames", "tracks")):
        if clip.seconds >= 1.0 and clip.about.get("text"):
            found.setdefault(str(clip.about["person"]), Person()).clips.append(clip)
    return [p for p in found.values() if len(p.clips) > 1][:count]


def pitch(samples: Float) -> float:
    """Median f0 of the voiced frames in Hz."""
    f0 = analysed(samples).f0
    return float(np.median(f0[f0 > 0])) if (f0 > 0).any() else float("nan")


Whose = Callable[[Seen], "Tensor | None"]
WHOSE: dict[str, Whose] = {
    "without motion (f_id)": lambda s: s.f_id,
    "with motion (f_id + f_m)": lambda s: s.f,
    "nobody's code": lambda s: None,
}


def table_3(net: TtsfNet, people: Sequence[Person]) -> dict[str, list[dict[str, float]]]:
    """Row → people → means over their clips."""
    rows: dict[str, list[dict[str, float]]] = {}
    for number, person in enumerate(people):
        for name, whose in WHOSE.items():
            found = []
            for clip, other in zip(person.clips, person.clips[1:] + person.clips[:1], strict=True):
                said = net.speak(clip.about["text"], whose(seen(net, other, 0)), 10).samples
                found.append(against(said, clip, person))
            rows.setdefault(name, []).append(mean_of(found))
        truths = [against(c.samples, c, person) for c in person.clips]
        rows.setdefault("the speaker's own clip", []).append(mean_of(truths))
        others = people[(number + 1) % len(people)].clips
        strangers = [against(o.samples, c, person)
                     for c, o in zip(person.clips, others, strict=False)]  # fmt: skip
        rows.setdefault("another person's clip", []).append(mean_of(strangers))
    return rows


def against(said: Float, clip: Sample, person: Person) -> dict[str, float]:
    """One voice against a clip of the same text, and against the speaker's other clips."""
    voice, words = load_judge("voice"), load_judge("words")
    from vivavoce.measure.metrics.words import wer

    own = voice.embedding(said)
    there = [voice.embedding(c.samples) for c in person.clips if c is not clip]
    true = clip.samples
    return {
        "C-SIM": float(np.mean([own @ t for t in there])),
        "WER, %": wer(clip.about["text"], words.text(said)),
        "MCD, dB": 0.0 if said is true else mcd(true, said),
        "F0 RMSE, Hz": 0.0 if said is true else f0_rmse(true, said),
        "STOI": 1.0 if said is true else stoi(true, said),
        "median f0 off by, Hz": abs(pitch(said) - pitch(true)),
    }


def mean_of(found: Sequence[dict[str, float]]) -> dict[str, float]:
    """Means over a person's clips, without those that could not be measured."""
    return {k: float(np.nanmean([f[k] for f in found])) for k in found[0]}


def silhouette(points: Float, owner: np.ndarray) -> Float:
    """(b - a) / max(a, b) of each point [N], by cosine distance (Rousseeuw 1987)."""
    far = 1 - points @ points.T
    scores = []
    for i, who in enumerate(owner):
        own = far[i][(owner == who) & (np.arange(len(owner)) != i)].mean()
        next_best = min(far[i][owner == other].mean() for other in set(owner) - {who})
        scores.append((next_best - own) / max(own, next_best))
    return np.array(scores)


def clusters(
    net: TtsfNet, people: Sequence[Person]
) -> dict[str, tuple[Float, np.ndarray]]:  # fmt: skip
    """Condition → speaker embeddings [N, 64] of one sentence and whose they are [N]."""
    voice, found = load_judge("voice"), {}
    looks = [(n, s) for n, person in enumerate(people) for s in person.turned(net)]
    for name in list(WHOSE)[:2]:
        points = [voice.embedding(net.speak(SENTENCE, WHOSE[name](s), 10).samples)
                  for _, s in looks]  # fmt: skip
        found[name] = np.stack(points), np.array([n for n, _ in looks])
    return found


def draw(found: dict[str, tuple[Float, np.ndarray]], path: Path) -> None:
    """Fig. 5: t-SNE of each condition, a colour a person."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from sklearn.manifold import TSNE

    figure, axes = plt.subplots(1, len(found), figsize=(9, 4.5))
    for axis, (name, (points, owner)) in zip(axes, found.items(), strict=True):
        flat = TSNE(
            2, perplexity=min(8, len(points) // 4), metric="cosine", init="random", random_state=0
        )
        x, y = flat.fit_transform(points).T
        axis.scatter(x, y, c=owner, cmap="nipy_spectral", s=22)
        axis.set(title=f"{name}: {silhouette(points, owner).mean():.2f}", xticks=[], yticks=[])
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def by_steps(net: TtsfNet, people: Sequence[Person]) -> list[str]:
    """Rows of the mel decoder's Euler steps: f_id's voices against the clips, and time."""
    lines = []
    for steps in STEPS:
        found, spent, made = [], 0.0, 0.0
        for person in people:
            clip = person.clips[0]
            start = perf_counter()
            said = net.speak(clip.about["text"], seen(net, person.clips[1], 0).f_id, steps).samples
            spent, made = spent + perf_counter() - start, made + len(said) / RATE
            found.append(against(said, clip, person))
        cells = [with_interval([f[k] for f in found]) for k in ("C-SIM", "MCD, dB", "STOI")]
        lines.append(f"| {steps} | " + " | ".join(cells) + f" | {spent / made:.3f} |")
    return lines


def with_interval(values: Sequence[float]) -> str:
    """The mean and its 95 % interval over people."""
    mean = f"{np.nanmean(values):.3g}"
    kept = [np.array([v]) for v in values if np.isfinite(v)]
    interval = bootstrap(kept, lambda v: float(np.mean(v)))
    return mean if interval is None else f"{mean} ({interval[0]:.3g} to {interval[1]:.3g})"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--out", type=Path, default=Path())
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = load_net(asked.checkpoint)
    people = people_of(asked.corpus, asked.people)
    print(f"{len(people)} people, {sum(len(p.clips) for p in people)} clips\n")
    rows = table_3(net, people)
    columns = list(next(iter(rows.values()))[0])
    print("| | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    for name, found in rows.items():
        print(f"| {name} | " + " | ".join(with_interval([f[c] for f in found]) for c in columns)
              + " |")  # fmt: skip
    ours, theirs = (rows[name] for name in list(WHOSE)[:2])
    gain = [a["C-SIM"] - b["C-SIM"] for a, b in zip(ours, theirs, strict=True)]
    print(f"\nC-SIM without motion less with motion, person by person: {with_interval(gain)}\n")
    seen_apart = clusters(net, people)
    for name, (points, owner) in seen_apart.items():
        by_person = silhouette(points, owner).reshape(-1, POSES).mean(1)
        print(f"silhouette {name}: {with_interval(by_person)}")
    draw(seen_apart, asked.out / "voices.png")
    print("\n| steps | C-SIM | MCD, dB | STOI | s a second |\n|---|---|---|---|---|")
    print("\n".join(by_steps(net, people)))


if __name__ == "__main__":
    main()
