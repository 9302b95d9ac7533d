"""What the joint stage of TTSF, and the reader before it, learn from."""

from __future__ import annotations

import numpy as np
import torch

from vivavoce.errors import RequestError
from vivavoce.measure.judges.views import heard, lip_curves
from vivavoce.speak.tokens import tokens_of
from vivavoce.systems.stage import Sample
from vivavoce.train.read.square import Sight
from vivavoce.train.read.windows import Clip, Windows
from vivavoce.train.ttsf.critics import MOUTH_PX, crop
from vivavoce.train.ttsf.face import to_tensor
from vivavoce.train.ttsf.speech import MOST_FRAMES, MOST_TOKENS, Utterance, sample_of
from vivavoce.types import MELS_PER_FRAME

RENDERED = 5
"""Driving frames of a window that become pictures: a window of the sync critic."""
TRIES = 200


def draw_talk(windows: Windows, size: int, rng: np.random.Generator) -> Sample:
    """A window of a clip whose phones are known, a source frame outside the window where there is
    one, and the whole clip's tokens and mel.

    Raises: RequestError: no clip says its phones, or all are too long.
    """
    for _ in range(TRIES):
        clip = windows.clip(int(rng.integers(len(windows))))
        phones = clip.sample.about.get("phones")
        if not phones or len(clip.mel) > MOST_FRAMES:
            continue
        tokens = tokens_of([p[0] for p in phones], clip.sample.key)
        if len(tokens.ids) <= min(MOST_TOKENS, len(clip.mel)):
            break
    else:
        raise RequestError("The joint stage needs clips of at most 4.8 s that say their phones.")
    frames, total = windows.frames, len(clip.sample)
    start = int(rng.integers(total - frames + 1))
    outside = [i for i in range(total) if not start <= i < start + frames] or [start]
    source = int(rng.choice(outside))
    at = int(rng.integers(frames - RENDERED + 1))
    said = sample_of(Utterance(tokens, np.zeros(0, np.float32), clip.mel, None), rng, 1)
    sight, driving = Sight.of(clip, source, size), np.arange(start, start + frames)
    return {
        "source": to_tensor(sight.pictures([source]))[0],
        "driving": to_tensor(sight.pictures(driving)),
        "mouths": torch.from_numpy(sight.mouths(driving)),
        "starts": torch.tensor(start),
        "at": torch.tensor(at),
        "heard": torch.from_numpy(_heard(clip, start + at)),
        **{name: said[name] for name in ("ids", "tokens", "mel", "frames")},
    }


def draw_mouths(windows: Windows, size: int, rng: np.random.Generator) -> Sample:
    """A mouth's crop and its lip curves."""
    clip = windows.clip(int(rng.integers(len(windows))))
    frame = int(rng.integers(len(clip.sample)))
    sight = Sight.of(clip, frame, size)
    box = torch.from_numpy(sight.mouths([frame]))
    moved = box + torch.from_numpy(rng.uniform(-1.5, 1.5, (1, 1)).astype(np.float32))
    curves = lip_curves(clip.sample.tracks["landmarks"])[frame]
    mouth = crop(to_tensor(sight.pictures([frame])), moved, MOUTH_PX)[0]
    return {"mouth": mouth, "curves": torch.from_numpy(curves)}


def _heard(clip: Clip, first: int) -> np.ndarray:
    """What the sync critic hears of the rendered frames [20, 80]."""
    assert clip.sample.samples is not None
    rows = slice(MELS_PER_FRAME * first, MELS_PER_FRAME * (first + RENDERED))
    return heard(clip.sample.samples)[rows]
