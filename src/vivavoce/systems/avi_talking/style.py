"""Where a clip's style comes from: heard, written, taken from a reference; and what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from vivavoce.errors import RequestError
from vivavoce.listen.instruction import tokens
from vivavoce.listen.instruction.reading import Understood, understood
from vivavoce.listen.instruction.shown import units_shown
from vivavoce.listen.manner import manner
from vivavoce.listen.sounds import CLASSES
from vivavoce.move.style_prior import Sampler, StylePath
from vivavoce.systems.avi_talking.instruct import Instructor, embeddings
from vivavoce.systems.avi_talking.net import AviNet
from vivavoce.types import ARKIT, ARKIT_INDEX, EMOTIONS, Float

LIDS = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]
"""Columns of the lids in motion."""
LEAST_LIDS = 0.15
"""Reading of closed lids under which nothing is asked of them."""
TURNED = 3.0
"""Factor on angles in what the text encoder reads, see `train.avi_talking.looks`."""

Way = Literal["diffusion", "direct", "heard"]
"""Way from what is asked to a style: "diffusion" draws it (P1 to P3), "direct" takes the aligned
text itself (P6), "heard" puts the aligned speech in the place of text, without a language model
(P4)."""


@dataclass(frozen=True)
class Chosen:
    """A style, and what is told of it."""

    style: Tensor
    """Unit style [1, D]."""
    held: Float = field(default_factory=lambda: np.zeros(len(ARKIT) + 5, np.float32))
    """What is added to every frame of the motion [57]: lids, turn of the head and gaze that the
    instruction asks for. The thesis keeps them still, and the style does not hold them; they are
    read off the instruction's embedding."""
    words: Mapping[str, str] = field(default_factory=dict)
    """For `Clip.words`: the instruction, what was understood of it, what the face shows."""


class Stylist:
    """Who chooses the style of a clip."""

    def __init__(self, net: AviNet, instructor: Instructor | None) -> None:
        """With the network; without an instructor there is no language model to ask (P2 to P6)."""
        self.net, self.instructor = net, instructor

    def choose(
        self, speech: Float, instruction: str | None, way: Way, seed: int, steps: int = 64,
        sampler: Sampler = "ddim", guidance: float = 1.0,
    ) -> Chosen:  # fmt: skip
        """The style for speech [n] at 16 kHz and an instruction; without one, it is written from
        the speech.

        Raises: RequestError: no word of the instruction is known.
        """
        if way == "heard":
            if instruction is not None:
                raise RequestError('The way "heard" takes no instruction: leave one of them out.')
            heard = embeddings(self.net, manner(speech)).mean(1)
            style = self._drawn(self.net.heard, heard, seed, steps, sampler, guidance)
            return self._told(style, {"instruction from": "the voice, without words"})
        given = instruction is not None
        if instruction is None:
            assert self.instructor is not None
            instruction = self.instructor.of_speech(speech)
        read = understood(instruction)
        if given and read.asked.is_empty and not read.refused:
            raise RequestError(_not_understood(read, instruction))
        source = "the words that were given" if given else "the voice"
        embedding = self.embedding(read.spelt or "neutral")
        if way == "direct":
            with torch.no_grad():
                style = self.net.path.directed(embedding)
        else:
            style = self._drawn(self.net.path, embedding, seed, steps, sampler, guidance)
        words = {"instruction": instruction, "instruction from": source}
        if read.unknown:
            words["not understood"] = ", ".join(read.unknown)
        if read.refused:
            words["left out"] = ", ".join(read.refused)
        return self._told(style, words, self.held(embedding))

    @torch.no_grad()
    def held(self, embedding: Tensor) -> Float:
        """Lids, turn of the head and gaze [57] that an embedding [1, L] asks for; the rest is 0."""
        read = self.net.words.reads(embedding)[0, len(EMOTIONS) + 1 :].cpu().numpy()
        row = np.zeros(len(ARKIT) + 5, np.float32)
        row[LIDS] = np.where(read[LIDS] > LEAST_LIDS, read[LIDS].clip(0, 1), 0)
        row[len(ARKIT) :] = read[len(ARKIT) :] / TURNED
        return row

    @torch.no_grad()
    def embedding(self, text: str) -> Tensor:
        """Embedding [1, L] of an instruction."""
        ids = tokens.padded([tokens.encode(text) or [tokens.EOS]]).to(self.net.device)
        found: Tensor = self.net.words(ids)
        return found

    @torch.no_grad()
    def of_clip(self, video: Path, seed: int) -> Chosen:
        """The style of a reference clip (P5).

        Raises: BadMedia, NoFace: see their messages. RequestError: no face in it.
        """
        motion = tracked(video)
        rng = np.random.default_rng(seed)
        count = self.net.settings.references
        frames = motion[rng.choice(len(motion), count, len(motion) < count)]
        known = torch.from_numpy(frames)[None].to(self.net.device)
        style = self.net.style(self.net.scale(known))
        return self._told(style, {"instruction from": f"the movement of {video.name}"})

    @cached_property
    def _neutral(self) -> Tensor:
        """The style [1, D] of a neutral face."""
        return self._drawn(self.net.path, self.embedding("neutral"), 0, 64, "ddim", 1.0)

    def _drawn(
        self, path: StylePath, embedding: Tensor, seed: int, steps: int, sampler: Sampler,
        guidance: float,
    ) -> Tensor:  # fmt: skip
        draw = torch.Generator().manual_seed(seed)
        noise = torch.randn(1, self.net.settings.style, generator=draw).to(self.net.device)
        return path.sample(embedding, noise, steps, sampler, guidance, draw)

    def _told(
        self, style: Tensor, words: Mapping[str, str], held: Float | None = None
    ) -> Chosen:  # fmt: skip
        added = np.zeros(len(ARKIT) + 5, np.float32) if held is None else held
        shown = in_words(self.effect(style) + added)
        return Chosen(style, added, dict(words) | {"shown": shown})

    @torch.no_grad()
    def effect(self, style: Tensor) -> Float:
        """What a style adds to a neutral face that speaks: motion [57], the median of a second."""
        both = torch.cat([style, self._neutral])
        made = self.net.motion(carrier(self.net.device).expand(2, -1, -1), both)
        shown, without = made.median(1).values.cpu().numpy()
        return np.asarray(shown - without, np.float32)


def carrier(device: torch.device) -> Tensor:
    """Content [1, 32, F] of speech that means nothing: syllables of t and e, 120 ms a sound."""
    sounds = torch.zeros(1, 32, len(CLASSES) + 3, device=device)
    for frame in range(32):
        vowel = frame // 3 % 2
        sounds[0, frame, CLASSES.index("eh" if vowel else "tdnl")] = 1
        sounds[0, frame, len(CLASSES)] = 0.8 if vowel else 0.5
        sounds[0, frame, -1] = float(vowel)
    return sounds


def in_words(row: Float) -> str:
    """A row [57] of motion, as "mouthSmile 0.55, head down 4 degrees"."""
    units = units_shown(row[None, : len(ARKIT)], {})
    said = [f"{name} {strength:.2f}" for name, strength in units.items()]
    yaw, pitch, roll, aside, up = np.degrees(row[len(ARKIT) :])
    turns = (
        ("head to its left", yaw), ("head up", pitch), ("head tilted to its left", roll),
        ("eyes to their left", aside), ("eyes up", up),
    )  # fmt: skip
    for name, angle in turns:
        if abs(angle) >= 2:
            way = name if angle > 0 else name.replace("left", "right").replace("up", "down")
            said.append(f"{way} {abs(angle):.0f} degrees")
    return ", ".join(said) or "a face at rest"


def tracked(video: Path) -> Float:
    """Motion [T, 57] of the face in a video of at most 20 s, as the networks know it.

    Raises: RequestError: no face is seen in it.
    """
    from vivavoce.look.face478 import fit
    from vivavoce.look.follow import filled, gaze
    from vivavoce.look.track import track_video
    from vivavoce.media.read import read_video

    found = list(track_video(read_video(video, max_seconds=20)))
    seen = np.array([points is not None for points in found])
    if not seen.any():
        raise RequestError(f"No face is seen in {video}: give a clip of one face as style_from.")
    points = filled(found, seen)
    fitted = fit(points)
    moves = without_blinks(fitted.expression)
    held = np.concatenate([np.zeros(3), np.median(gaze(points, fitted.pose), 0)])
    rows = np.concatenate([moves, np.repeat(held[None], len(moves), 0)], 1)
    return rows.astype(np.float32)


def without_blinks(expression: Float) -> Float:
    """Coefficients [T, 52] without blinks and glances, which are drawn and not learnt."""
    names = list(ARKIT)
    out = expression.copy()
    out[:, [i for i, name in enumerate(names) if name.startswith("eyeLook")]] = 0
    lids = [names.index("eyeBlinkLeft"), names.index("eyeBlinkRight")]
    out[:, lids] = np.percentile(out[:, lids], 20, axis=0)
    return out


def _not_understood(read: Understood, text: str) -> str:
    said = ", ".join(f'"{word}"' for word in read.unknown) or f'"{text}"'
    return (
        f"Nothing in the instruction is understood ({said}). Say in English what the face does or "
        'feels, e.g. "She smiles broadly and raises her brows."'
    )


SECONDS_READ = 30
"""Length of speech, in seconds, from which one instruction is written."""
