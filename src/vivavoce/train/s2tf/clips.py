"""What S2TF learns from: K frames of a speaker and the 3.2 s of speech around them.

A sample never mixes people: all its pictures and its sound are of one clip, but for the negatives
of stage 2b, which are of the same speaker.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vivavoce.errors import RequestError
from vivavoce.listen.mel import log_mel
from vivavoce.move.pose_rhythm import mel_windows
from vivavoce.nn.pictures import as_tensor
from vivavoce.systems.s2tf.net import CROP
from vivavoce.systems.s2tf.settings import Learning, S2tfSettings
from vivavoce.systems.s2tf.sound import WINDOW, level_of, looped, scaled, span
from vivavoce.systems.s2tf.stages import FROM_FACES
from vivavoce.systems.stage import Sample, Stage
from vivavoce.train.read.augment import spoil
from vivavoce.train.read.square import Sight
from vivavoce.train.read.windows import Clip, Window, Windows
from vivavoce.train.s2tf.augment import Augmentation
from vivavoce.types import SAMPLES_PER_FRAME, Bytes, Float

AWAY = 50
"""Frames between a window and a negative of the same video: 2 s."""
TRIES = 100
"""How many windows are drawn until one has a negative of the same speaker."""
SILENCE = np.zeros(1, np.float32)


def steps_of(stage: Stage) -> np.ndarray:
    """The K frames that a stage takes of its window, from 0: all, or every `stride`-th where its
    curriculum says so."""
    return np.arange(0, stage.window, int(stage.settings_at(0).get("stride", 1)))


def draw_clip(
    window: Window, stage: Stage, settings: S2tfSettings, person: int, rng: np.random.Generator
) -> Sample:
    """K frames I_1 … I_K [K, 3, S, S], the same augmented, the mouths' boxes [K, 4] px, and the
    number of the person; where the stage hears, the log-mel [320, 80] that tells who speaks, and
    its windows [K, 80, 20] around the frames."""
    frames = window.start + steps_of(stage)
    sight = Sight.of(window.clip, int(frames[0]), settings.size, CROP)
    pictures = sight.pictures(frames)
    changed = augmented(pictures, settings.learning, rng)
    sample: Sample = {
        "pictures": as_tensor(pictures), "augmented": as_tensor(changed),
        "mouths": torch.from_numpy(sight.mouths(frames)),
        "reference": torch.tensor(int(rng.integers(len(frames)))), "person": torch.tensor(person),
    }  # fmt: skip
    if stage.name not in FROM_FACES:
        identity, content = heard(window, frames, settings.learning.spoiled, rng)
        sample |= {"identity": identity, "content": content}
    return sample


def augmented(pictures: Bytes, how: Learning, rng: np.random.Generator) -> Bytes:
    """I_1^+ … I_K^+ by one draw; I_1 as it is where the settings say so."""
    changed = Augmentation.drawn(rng, how.corner_shift, how.axis_scale).of(pictures)
    if not how.augmented_first:
        changed[0] = pictures[0]
    return changed


def heard(
    window: Window, frames: np.ndarray, spoiled: float, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Scaled log-mel [320, 80] around a window, and its windows [K, 80, 20] around `frames` of the
    clip; of a share `spoiled` of the voices through a room, a microphone, noise or a codec."""
    samples = window.clip.sample.samples
    assert samples is not None
    first, end = span(window.start, window.frames, len(window.clip.sample))
    sound = samples[first * SAMPLES_PER_FRAME : end * SAMPLES_PER_FRAME]
    if rng.random() < spoiled:
        sound = spoil(sound, SILENCE, rng)
    return sound_codes(sound, frames - first)


def sound_codes(sound: Float, frames: np.ndarray) -> tuple[Tensor, Tensor]:
    """Scaled log-mel [320, 80] of the middle of `sound` [640 T], and the windows [K, 80, 20] around
    its video `frames`."""
    rows = log_mel(sound, WINDOW)
    rows = scaled(rows, level_of(looped(rows)))
    windows = mel_windows(torch.from_numpy(rows)[None])[0]
    return torch.from_numpy(looped(rows).copy()), windows[torch.from_numpy(frames)]


def draw_hard(
    windows: Windows, stage: Stage, settings: S2tfSettings, people: dict[str, int],
    rng: np.random.Generator,
) -> Sample:  # fmt: skip
    """A clip, and augmented frames [N, K, 3, S, S] of the same speaker saying something else: half
    of other videos, half of moments of the same video that are at least the window and 2 s away;
    all of one kind where the speaker has no other.

    Raises: RequestError: no clip has any.
    """
    for _ in range(TRIES):
        window = windows.draw(rng)
        others = negatives(windows, window, settings.learning.hard_negatives, rng)
        if others:
            person = str(window.about["person"])
            sample = draw_clip(window, stage, settings, people[person], rng)
            seen = [_augmented_frames(w.clip, w.start + steps_of(stage), settings, rng)
                    for w in others]  # fmt: skip
            return sample | {"negatives": torch.stack(seen)}
    raise RequestError(
        "Stage 2b needs speakers with several clips, or clips of more than two windows and 2 s: "
        f"{TRIES} clips have neither."
    )


def negatives(
    windows: Windows, anchor: Window, count: int, rng: np.random.Generator
) -> list[Window]:
    """`count` windows of the anchor's speaker that do not overlap it; none where there are none."""
    person = str(anchor.about["person"])
    own = [n for n in windows.people[person] if windows.about[n]["clip"] != anchor.about["clip"]]
    whole = len(anchor.clip.sample)
    apart = max(anchor.frames, AWAY)
    starts = [s for s in range(whole - anchor.frames + 1) if abs(s - anchor.start) >= apart]
    found = []
    for number in range(count):
        same_video = bool(starts) and (number % 2 == 1 or not own)
        if same_video:
            found.append(Window(anchor.clip, int(rng.choice(starts)), anchor.frames))
        elif own:
            other = int(rng.choice(own))
            last = windows.about[other]["frames"] - anchor.frames
            found.append(Window(windows.clip(other), int(rng.integers(last + 1)), anchor.frames))
    return found


def _augmented_frames(
    clip: Clip, frames: np.ndarray, settings: S2tfSettings, rng: np.random.Generator
) -> Tensor:  # fmt: skip
    pictures = Sight.of(clip, int(frames[0]), settings.size, CROP).pictures(frames)
    return as_tensor(augmented(pictures, settings.learning, rng))
