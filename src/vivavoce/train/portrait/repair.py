"""Train the renderer's repair network on real frames.

Two frames of one clip: the first is the picture, the second is what it should become. Our own warp
moves the first to the tracked points of the second, and the network learns what is then still
missing inside the lips and on the lids. Preparing needs mediapipe and PyAV, training does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.errors import RequestError
from vivavoce.nn.devices import cpu_copy
from vivavoce.render.repair import REGIONS, STRENGTH, RepairNet, stack
from vivavoce.systems.stage import Files, Optimiser, Run, Sample, Stage, Trainable, Turn
from vivavoce.train.read.manifest import real_folder, rows
from vivavoce.types import EYE_CORNERS, NOSE_TIP, OUTER_EYES, Bytes, Face, Float

SIZE = 384
"""Side of the frames in which pairs are rendered."""
SOURCES, TARGETS = 6, 16
"""Pictures taken from each clip, and frames that each is turned into."""
GRID_CLIPS = 24
"""Clips taken of the one GRID speaker, so that one person does not outweigh the rest."""
HELD_OUT = ("latentsync_demo3", "styletalk_reagan", "videoretalking_1", "style_nice", "real3d_may")
"""Clips of people who are only measured on, never trained on."""
LONGEST = 700
"""Largest number of frames that are read from a clip."""
KINDS = ("mouth", "eye")
REPAIR = Stage(
    "repair",
    losses={"mouth": 2 / 3, "eye": 1 / 3, "size": 0.02},
    steps=6000,
    batch=6,
    # At a rate of 2e-3 the network falls into its tanh's saturation and stays there.
    optimisers={
        "repair": Optimiser(
            trains=("repair",),
            lr=6e-4,
            weight_decay=1e-3,
            schedule="one-cycle",
            warmup=0.1,
            clip=1.0,
        )
    },
    ema=0.995,
)
"""A sample is a mouth and an eye."""


@dataclass(frozen=True)
class Pairs:
    """Crops of one kind of region: B samples of side S."""

    rendered: Bytes
    """[B, S, S, 3]: what the warp alone makes."""
    picture: Bytes
    """[B, S, S, 3]: the same region of the source picture."""
    target: Bytes
    """[B, S, S, 3]: what it really looked like."""
    mask: Bytes
    """[B, S, S]: where and how much the network's answer counts, 0 to 255."""


def clips(real: Path) -> list[Path]:
    """The clips whose licence lets a trained checkpoint be given away."""
    names = [row.file for row in rows(real) if row.kind.startswith("video")]
    grid = [name for name in names if "grid" in name]
    return [real / name for name in names if "grid" not in name] + [
        real / name for name in grid[:: max(1, len(grid) // GRID_CLIPS)][:GRID_CLIPS]
    ]


def prepare(real: Path, out: Path, seed: int = 0) -> None:
    """Write shards of pairs, one `.npz` a clip, under `out`; finished shards are kept."""
    out.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(clips(real)):
        shard = out / f"{path.stem}.npz"
        if shard.exists():
            continue
        rng = np.random.default_rng([seed, number])
        samples = list(_clip_pairs(path, rng, 1 if "grid" in str(path) else SOURCES))
        arrays = {}
        for kind in ("mouth", "eye"):
            chosen = [sample[1:] for sample in samples if sample[0] == kind]
            for name, parts in zip(Pairs.__annotations__, zip(*chosen, strict=True), strict=False):
                arrays[f"{kind}_{name}"] = np.stack(parts)
        if arrays:
            np.savez(shard, **arrays)
        print(f"{path.name}: {len(samples)} pairs", flush=True)


def _frames(path: Path) -> list[Bytes]:
    import av

    with av.open(str(path)) as container:
        first = islice(container.decode(video=0), LONGEST)
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in first]


def _clip_pairs(path: Path, rng: np.random.Generator, sources: int) -> Iterator[tuple]:
    """(kind, rendered, picture, target, mask) of pairs of frames of the clip at `path`."""
    from vivavoce.errors import NoFace
    from vivavoce.look import look
    from vivavoce.look.track import track_video

    frames = _frames(path)
    found = list(track_video(frames))
    seen = [i for i, points in enumerate(found) if points is not None]
    tracked = [np.zeros((478, 3), np.float32) if p is None else p for p in found]
    if len(seen) < 20:
        return
    for first in _sources(seen, tracked, sources, rng):
        try:
            face = look(frames[first], name=path.name)
        except NoFace:
            continue
        near = _targets(seen, tracked, first, rng)
        yield from _render_pairs(face, [frames[i] for i in near], [tracked[i] for i in near])


def _openness(tracked: list, chosen: list[int]) -> tuple[Float, Float]:
    """Lip gaps [N] and eye heights over eye widths [N]."""
    from vivavoce.types import lip_gap

    points = np.stack([tracked[i] for i in chosen])
    height = np.linalg.norm(points[:, 159, :2] - points[:, 145, :2], axis=1)
    outer, inner = EYE_CORNERS[0]
    width = np.linalg.norm(points[:, outer, :2] - points[:, inner, :2], axis=1)
    return lip_gap(points), height / width


def _sources(seen: list[int], tracked: list, count: int, rng: np.random.Generator) -> list[int]:
    """Frames to start from: open eyes, half of them with closed lips."""
    gap, eyes = _openness(tracked, seen)
    awake = eyes > np.percentile(eyes, 30)
    shut = [i for i, a, g in zip(seen, awake, gap, strict=True) if a and g < 0.03]
    other = [i for i, a, g in zip(seen, awake, gap, strict=True) if a and g >= 0.03]
    picked = list(rng.permutation(shut)[: (count + 1) // 2])
    return [int(i) for i in [*picked, *rng.permutation(other)[: count - len(picked)]]]


def _targets(seen: list[int], tracked: list, first: int, rng: np.random.Generator) -> list[int]:
    """Frames to turn the picture into: not turned far from it, open lips and blinks preferred."""
    gap, eyes = _openness(tracked, seen)
    eyes_of = list(OUTER_EYES)
    nose = np.stack([tracked[i][NOSE_TIP, :2] - tracked[i][eyes_of, :2].mean(0) for i in seen])
    own = tracked[first][NOSE_TIP, :2] - tracked[first][eyes_of, :2].mean(0)
    unit = np.linalg.norm(np.subtract(*tracked[first][eyes_of, :2]))
    near = np.linalg.norm(nose - own, axis=1) < 0.14 * unit
    wish = near * (0.05 + np.minimum(gap, 0.2) * 8 + 2.0 * (eyes < 0.6 * np.median(eyes)))
    if (wish > 0).sum() < 4:
        return []
    count = min(TARGETS, int((wish > 0).sum()))
    return [int(i) for i in rng.choice(seen, count, replace=False, p=wish / wish.sum())]


def _render_pairs(face: Face, frames: list[Bytes], points: list[Float]) -> Iterator[tuple]:
    """Warp `face` to the `points` of each frame and cut both at the same places."""
    import cv2

    from vivavoce.look import face478
    from vivavoce.render.warp import Renderer

    renderer = Renderer(face, face478.load(), SIZE)
    scene, unit = renderer.scene, renderer.shape.unit
    zoom = SIZE / (face.box[2] - face.box[0])
    for frame, tracked in zip(frames, points, strict=True):
        local, pose = _as_motion(renderer, (tracked - [*face.box[:2], 0]) * zoom)
        drawn = renderer.draw(local, pose, np.zeros((1, 2), np.float32))[0]
        to_view = np.asarray(
            [[zoom, 0, -face.box[0] * zoom], [0, zoom, -face.box[1] * zoom]], np.float32
        )
        real = cv2.warpAffine(frame, to_view, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)
        at = renderer.rig.deform(local, pose)[0, :478, :2] - renderer.origin
        rest = scene.landmarks[:, :2]
        for region in REGIONS:
            matrix = region.matrix(at, unit)
            mask = region.mask(at, rest, matrix, unit)
            if mask.sum() < 20:
                continue
            own = region.crop(scene.image, region.matrix(rest, unit))
            crops = (region.crop(drawn, matrix), own, region.crop(real, matrix))
            yield (region.kind, *crops, np.asarray(mask * 255, np.uint8))


def _as_motion(renderer: object, landmarks: Float) -> tuple[Float, Float]:
    """Points [1, 478, 3] in the head's frame and relative pose [1, 6] that carry the renderer's
    face onto `landmarks` [478, 3] in pixels of its view."""
    from vivavoce.look.face478 import fit
    from vivavoce.render.shape import FLIP, LOWER, UPPER
    from vivavoce.types import NECK, rotation_angles, rotation_matrix

    shape = renderer.shape  # type: ignore[attr-defined]
    seen = (landmarks + np.append(renderer.origin, 0)) * FLIP  # type: ignore[attr-defined]
    turn = rotation_matrix(fit(landmarks[None].astype(np.float32), 2).pose[0, :3])
    pivot = seen[list(OUTER_EYES)].mean(0) + shape.unit * (turn @ np.asarray(NECK, np.float32))
    local = ((seen - pivot) / shape.unit) @ turn
    gap = local[UPPER, 1] - local[LOWER, 1]
    if gap.mean() < 0.03:
        local[UPPER] = local[LOWER] = (local[UPPER] + local[LOWER]) / 2
    angles = rotation_angles(turn @ shape.rotation.T)
    pose = np.concatenate([angles, (pivot - shape.pivot) / shape.unit])
    return local[None].astype(np.float32), pose[None].astype(np.float32)


def load(shards: Path, kind: str, held_out: bool) -> Pairs:
    """All pairs of one kind ("mouth", "eye") of the people trained on, or of those held out."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in Pairs.__annotations__}
    for path in sorted(shards.glob("*.npz")):
        if any(name in path.stem for name in HELD_OUT) != held_out:
            continue
        with np.load(path) as arrays:
            for name, part in parts.items():
                if f"{kind}_{name}" in arrays:
                    part.append(arrays[f"{kind}_{name}"])
    if not parts["mask"]:
        raise RequestError(f"There are no {kind} pairs in {shards}. Prepare them first.")
    return Pairs(**{name: np.concatenate(part) for name, part in parts.items()})


def _crop(pairs: Pairs, kind: str, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Input [8, S, S] and target [3, S, S], mirrored and recoloured at random: paintings, grey
    photographs and dim rooms are not in the clips."""
    chosen = rng.integers(len(pairs.mask), size=1)
    mask = pairs.mask[chosen] / np.float32(255)
    asked = stack(pairs.rendered[chosen], pairs.picture[chosen], mask, kind == "eye")[0]
    target = torch.from_numpy(pairs.target[chosen[0]]).permute(2, 0, 1) / 255
    rendered, picture, target = _recolour([asked[:3], asked[3:6], target], rng)
    asked = torch.cat([rendered, picture, asked[6:]])
    if kind == "mouth" and rng.random() < 0.5:
        return asked.flip(-1), target.flip(-1)
    return asked, target


def _recolour(images: list[Tensor], rng: np.random.Generator) -> list[Tensor]:
    """The same change of light and colour on all `images` [3, S, S] of one sample."""
    gain = torch.tensor(rng.uniform(0.8, 1.15, (3, 1, 1)) * rng.uniform(0.55, 1.1)).float()
    gamma = float(rng.uniform(0.8, 1.3))
    grey = float(rng.choice([0.0, 1.0, rng.random()], p=[0.5, 0.2, 0.3]))
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    changed = []
    for image in images:
        image = image + grey * ((image * weights).sum(0, keepdim=True) - image)
        changed.append((image.clamp(0, 1) ** gamma * gain).clamp(0, 1))
    return changed


def loss(answer: Tensor, asked: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error inside the mask on four scales of a pyramid (after Zhao et al., "Loss
    Functions for Image Restoration with Neural Networks", 2017); coarse scales count as much as
    fine ones, so a tooth that lies a pixel off does not matter more than the light. And as much
    contrast and as many edges as the real mouth has: the error alone is least where all is grey."""
    mask = asked[:, 6:7]
    made, wanted = repaired(answer, asked) * mask, target * mask
    total = 4 * (contrast(made, mask) - contrast(wanted, mask)).abs().mean()
    total = total + 4 * (edges(made, mask) - edges(wanted, mask)).abs().mean()
    for _ in range(4):
        area = mask.mean() + 1e-3
        total = total + (made - wanted).abs().mean() / area
        made, wanted, mask = (nn.functional.avg_pool2d(x, 2) for x in (made, wanted, mask))
    return total / 4


def contrast(image: Tensor, mask: Tensor) -> Tensor:
    """Standard deviation [B, 3] of `image` [B, 3, S, S] where `mask` [B, 1, S, S] is."""
    area = mask.sum((2, 3)) + 1
    mean = image.sum((2, 3)) / area
    around = (image - mean[..., None, None]) * mask
    return ((around**2).sum((2, 3)) / area + 1e-4).sqrt()


def edges(image: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference [B, 2] of `image` [B, 3, S, S] to the next column and row."""
    area = mask.sum((1, 2, 3)) + 1
    across = image.diff(dim=-1).abs().mean(1).sum((1, 2)) / area
    down = image.diff(dim=-2).abs().mean(1).sum((1, 2)) / area
    return torch.stack([across, down], -1)


def repaired(answer: Tensor, asked: Tensor) -> Tensor:
    """The crop [B, 3, S, S] after the network's `answer` [B, 3, S/2, S/2]."""
    wide = nn.functional.interpolate(answer.float(), scale_factor=2.0, mode="bilinear")
    return asked[:, :3] + wide * asked[:, 6:7]


@torch.no_grad()
def measure(net: RepairNet, pairs: Pairs, kind: str) -> dict[str, float]:
    """PSNR (dB, higher is better) and SSIM inside the mask before and after the repair at the
    strength it is used with.

    SSIM: Wang et al., "Image Quality Assessment", 2004, 7x7 windows."""
    before: list[tuple[float, float]] = []
    after: list[tuple[float, float]] = []
    for start in range(0, len(pairs.mask), 32):
        part = slice(start, start + 32)
        mask = pairs.mask[part] / np.float32(255)
        asked = stack(pairs.rendered[part], pairs.picture[part], mask, kind == "eye")
        target = torch.from_numpy(pairs.target[part]).permute(0, 3, 1, 2) / 255
        answer = STRENGTH[kind] * net(asked)
        for found, image in ((before, asked[:, :3]), (after, repaired(answer, asked))):
            found += [_quality(*trio) for trio in zip(image, target, asked[:, 6], strict=True)]
    (psnr0, ssim0), (psnr1, ssim1) = np.mean(before, 0), np.mean(after, 0)
    return {"psnr_before": psnr0, "psnr_after": psnr1, "ssim_before": ssim0, "ssim_after": ssim1}


def _quality(image: Tensor, target: Tensor, mask: Tensor) -> tuple[float, float]:
    inside = mask > 0.3
    if not inside.any():
        return 40.0, 1.0
    error = float(((image - target) ** 2).mean(0)[inside].mean())

    def pool(x: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(x[None], 7, 1, 3)[0]

    a, b = image.mean(0, keepdim=True), target.mean(0, keepdim=True)
    mean_a, mean_b = pool(a), pool(b)
    var_a, var_b = pool(a * a) - mean_a**2, pool(b * b) - mean_b**2
    both = pool(a * b) - mean_a * mean_b
    alike = (2 * mean_a * mean_b + 1e-4) * (2 * both + 9e-4)
    alike = alike / ((mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4))
    return -10 * float(np.log10(error + 1e-6)), float(alike[0][inside].mean())


class RepairTraining(Trainable):
    """Training of the network that repairs mouth and lids."""

    system = "portrait"
    stages = (REPAIR,)

    def __init__(self) -> None:
        net = RepairNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.net: RepairNet = net
        self.network = nn.ModuleDict({"repair": net})

    def begin(self, stage: Stage, run: Run) -> None:
        """Pairs of frames, rendered into the scratch folder where they are not there yet."""
        real, self.pairs = real_folder(run), run.scratch / "pairs"
        prepare(real, self.pairs, run.seed)
        self.data = {kind: load(self.pairs, kind, held_out=False) for kind in KINDS}

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A mouth and an eye of any clip, each with what it should become."""
        sample: Sample = {}
        for kind in KINDS:
            sample[kind], sample[f"{kind} target"] = _crop(self.data[kind], kind, rng)
        return sample

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """How far each kind is from the real frame, and how much the network changes at all."""
        found, sizes = {}, []
        for kind in KINDS:
            asked = batch[kind].contiguous(memory_format=torch.channels_last)
            with torch.autocast(asked.device.type, torch.bfloat16):
                answer = self.net(asked)
            found[kind] = loss(answer, asked, batch[f"{kind} target"])
            sizes.append(stage.losses[kind] * answer.float().abs().mean())
        return found | {"size": torch.stack(sizes).sum()}

    def picture(self, stage: Stage, batch: Sample) -> np.ndarray:
        """Rows: what the warp makes, what the network makes of it, the real frame."""
        asked, real = batch["mouth"], batch["mouth target"]
        rows = [asked[:, :3], repaired(self.net(asked), asked), real]
        strip = torch.cat([torch.cat(list(row), -1) for row in rows], -2).clamp(0, 1)
        return (strip * 255).byte().permute(1, 2, 0).cpu().numpy()

    def figures(self, stage: Stage) -> dict[str, float]:
        """On held-out people, of mouths and eyes, before and after."""
        found: dict[str, float] = {}
        for kind in KINDS:
            measured = measure(cpu_copy(self.net), load(self.pairs, kind, held_out=True), kind)
            found |= {f"{kind} {name}": value for name, value in measured.items()}
        return found

    def files(self, stage: Stage) -> Files:
        """The file repair.safetensors, in half precision."""
        weights = {name: tensor.half() for name, tensor in self.net.state_dict().items()}
        return {"repair.safetensors": (weights, {"part": "repair"})}
