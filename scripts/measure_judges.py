"""How right the corpus judges are: on people they were not trained on, and on real clips.

    python scripts/measure_judges.py CHECKPOINT --corpus SHARDS [--real FOLDER] [--out FILE]

Prints the table of the judges' card in Markdown; `--out` writes the figures as JSON. Sync: sound is
shifted by known amounts (planted), and the judge is asked for the offset. Real clips have an offset
of their own, so there the planted shift is counted against zero and against the offset of the clip.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vivavoce.data.schema import Sample
from vivavoce.data.shards import open_set
from vivavoce.measure.judges.corpus import MOST, FaceJudge, SyncJudge, VoiceJudge
from vivavoce.types import EMOTIONS, SAMPLES_PER_FRAME, Float

PLANTED = tuple(range(-5, 6))


def held_out(corpus: Path) -> Iterator[Sample]:
    """All clips of people in the validation and test splits."""
    for split in ("val", "test"):
        yield from open_set(corpus).samples(split, ("wav", "frames", "tracks"))


def offsets(judge: SyncJudge, landmarks: Float, samples: Float) -> list[int] | None:
    """The offset found for each planted one; None for clips under 35 frames."""
    found = []
    for shift in PLANTED:
        rows = judge.distances(landmarks, np.roll(samples, SAMPLES_PER_FRAME * shift))
        if not len(rows):
            return None
        found.append(int(rows.mean(0).argmin()) - MOST)
    return found


def sync_figures(found: list[list[int]]) -> dict[str, Any]:
    """Shares of planted offsets that are found."""
    errors = np.array(found) - np.array(PLANTED)
    own = np.median(errors, axis=1, keepdims=True)
    return {
        "clips": len(found),
        "within one frame": share(np.abs(errors) <= 1),
        "exact": share(errors == 0),
        "within one frame of the clip's own offset": share(np.abs(errors - own) <= 1),
        "own offsets, median": float(np.median(own)),
    }


def attribute_figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Age and sex of held-out people; whether a clip's nearest clip is the same person."""
    ages = np.array([(r["age"], r["true age"]) for r in rows])
    vectors = np.stack([r["embedding"] for r in rows])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    who = np.array([r["person"] for r in rows])
    near = vectors @ vectors.T
    np.fill_diagonal(near, -2)
    return {
        "clips": len(rows),
        "sex": share([(r["female"] > 0.5) == r["true female"] for r in rows]),
        "age, mean error in years": round(float(np.abs(ages[:, 0] - ages[:, 1]).mean()), 1),
        "age, correlation": round(float(np.corrcoef(ages.T)[0, 1]), 3),
        "nearest clip is of the same person": share(who[near.argmax(1)] == who),
    }


def emotion_figures(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Emotion, one of eight, over all clips and by intensity, by exact and by tracked points."""
    figures: dict[str, Any] = {"clips": len(rows)}
    for i, points in enumerate(("exact points", "tracked points")):
        right = np.array([r["emotion"][i] == r["true emotion"] for r in rows])
        degree = np.array([r["intensity"] for r in rows])
        figures[f"emotion, {points}"] = share(right)
        for k in (1, 2, 3):
            figures[f"emotion, {points}, intensity {k}"] = share(right[degree == k])
    return figures


def both(sample: Sample) -> tuple[Float, Float]:
    """Exact and tracked points of up to 25 frames."""
    from vivavoce.look.follow import filled
    from vivavoce.look.track import track_video

    at = np.unique(np.linspace(0, len(sample) - 1, min(len(sample), 25)).astype(int))
    exact = sample.tracks["landmarks"][at]
    assert sample.frames is not None
    found = list(track_video(sample.frames[:][at]))
    seen = np.array([points is not None for points in found])
    return exact, filled(found, seen) if seen.mean() > 0.5 else exact


def told(sample: Sample) -> dict[str, Any]:
    """What is true of a clip."""
    attributes = sample.about["attributes"]
    return {
        "person": sample.about["person"], "true age": attributes["age"],
        "true female": attributes["sex"] == "female", "intensity": sample.about["intensity"],
        "true emotion": EMOTIONS.index(sample.about["emotion"]),
    }  # fmt: skip


def seen(judge: FaceJudge, sample: Sample) -> dict[str, Any]:
    """What the face judge says of eight frames."""
    at = np.linspace(0, len(sample) - 1, 8).astype(int)
    assert sample.frames is not None
    frames = np.stack([sample.frames[int(i)] for i in at])
    points = sample.tracks["landmarks"][at]
    looks = judge.attributes(frames, points)
    return told(sample) | {
        "age": float(looks["age"].mean()), "female": float(looks["female"].mean()),
        "emotion": [int(judge.emotions(frames, p).argmax()) for p in both(sample)],
        "embedding": judge.embedding(frames, points).mean(0),
    }  # fmt: skip


@torch.no_grad()
def heard(judge: VoiceJudge, sample: Sample) -> dict[str, Any]:
    """What the voice judge says of a clip's sound."""
    said = judge.net.heads(torch.from_numpy(judge.features(sample.samples)))
    return told(sample) | {
        "age": float(said["age"].mean()), "female": float(said["sex"].sigmoid().mean()),
        "embedding": judge.embedding(sample.samples),
    }  # fmt: skip


def real_clips(folder: Path) -> Iterator[tuple[str, Float, Float]]:
    """Kind, landmarks and sound of the talking clips in `folder`/video."""
    from vivavoce.measure.metrics.view import NotMeasured, View

    for path in sorted((folder / "video").glob("*.mp4")):
        view = View(path.stem, path)
        try:
            landmarks, samples = view.landmarks, view.samples
        except NotMeasured:
            continue
        count = min(len(landmarks), len(samples) // SAMPLES_PER_FRAME)
        yield path.stem.split("_")[0], landmarks[:count], samples[: SAMPLES_PER_FRAME * count]


def share(hits: Any) -> float:
    """As a percentage with one digit."""
    return round(100 * float(np.mean(hits)), 1)


def table(figures: dict[str, dict[str, Any]]) -> str:
    """Markdown."""
    lines = ["| judge, on | figure | value |", "|---|---|---|"]
    for part, rows in figures.items():
        lines += [f"| {part} | {name} | {value} |" for name, value in rows.items()]
    return "\n".join(lines)


def parameters(folder: Path) -> dict[str, Any]:
    """Sizes of the networks."""
    face = FaceJudge(folder)
    nets: dict[str, torch.nn.Module] = {
        "face": face.net, "feeling": face.feeling, "voice": VoiceJudge(folder).net,
        "sync": SyncJudge(folder).net,
    }  # fmt: skip
    return {k: sum(p.numel() for p in net.parameters()) for k, net in nets.items()}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--real", type=Path)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    sync, face = SyncJudge(asked.checkpoint), FaceJudge(asked.checkpoint)
    voice = VoiceJudge(asked.checkpoint)
    planted, looks, voices = [], [], []
    for sample in held_out(asked.corpus):
        found = offsets(sync, sample.tracks["landmarks"], sample.samples)
        planted += [found] if found else []
        looks.append(seen(face, sample))
        voices.append(heard(voice, sample))
    figures = {
        "parameters": parameters(asked.checkpoint),
        "sync, held-out people": sync_figures(planted),
        "face, held-out people": attribute_figures(looks),
        "feeling, held-out people": emotion_figures(looks),
        "voice, held-out people": attribute_figures(voices),
    }
    if asked.real:
        kinds: dict[str, list[list[int]]] = {}
        for kind, landmarks, samples in real_clips(asked.real):
            found = offsets(sync, landmarks, samples)
            if found:
                kinds.setdefault(kind if kind in ("grid", "diffdub") else "other", []).append(found)
                kinds.setdefault("all", []).append(found)
        figures |= {f"sync, real clips: {k}": sync_figures(v) for k, v in sorted(kinds.items())}
    print(table(figures))
    if asked.out:
        asked.out.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
