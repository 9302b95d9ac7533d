"""Content and style → a face that lives: blocks of generated motion, blinks, glances, the head."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from vivavoce.move.eyes import BlinkStream, EyeHabits, GazeStream, show_eyes
from vivavoce.move.head import Head
from vivavoce.move.lips import stack_cues
from vivavoce.move.mover import BLINKS_A_MINUTE
from vivavoce.move.nods import NodStream
from vivavoce.move.style import BLOCK
from vivavoce.systems.avi_talking.net import SAID, AviNet
from vivavoce.types import ARKIT, ARKIT_INDEX, Cues, Float, Motion

OVERLAP = 2 * BLOCK
"""Frames over which one block of motion passes into the next."""


class Blocks:
    """Motion [n, E] of one clip, block after block; memory does not grow."""

    def __init__(self, net: AviNet, style: Tensor) -> None:
        self._net, self._style = net, style
        self._window = net.settings.window
        self._content: Float | None = None
        self._fading: Float | None = None  # the last frames of the block before

    def push(self, content: Float, last: bool = False) -> Float:
        """Take content [n, F]; give the motion that is decided."""
        held = content if self._content is None else np.concatenate([self._content, content])
        out = [np.zeros((0, len(self._net.scale.mean)), np.float32)]
        hop = self._window - OVERLAP
        while len(held) >= self._window:
            out.append(self._blended(self._moved(held[: self._window]), hop))
            held = held[hop:]
        if last and len(held):
            moved = self._moved(held)
            out.append(self._blended(moved, len(moved)))
            held = held[:0]
        self._content = held
        return np.concatenate(out)

    def _blended(self, moved: Float, count: int) -> Float:
        """The first `count` frames of a block, begun as the one before ended."""
        if self._fading is not None:
            n = min(len(self._fading), len(moved))
            part = (np.arange(n) + 1)[:, None] / (OVERLAP + 1)
            moved[:n] = self._fading[:n] * (1 - part) + moved[:n] * part
        self._fading = moved[count:]
        return moved[:count]

    @torch.no_grad()
    def _moved(self, content: Float) -> Float:
        heard = torch.from_numpy(content.astype(np.float32))[None].to(self._net.device)
        return np.asarray(self._net.motion(heard, self._style)[0].cpu().numpy(), np.float32)


class Alive:
    """Generated motion with blinks, glances, and a head that moves as portrait's does, on top."""

    def __init__(
        self, head: Head, eyes: EyeHabits, rng: np.random.Generator, still: bool, lively: float
    ) -> None:
        for_head, for_blinks, for_gaze, for_nods = rng.spawn(4)
        self._head, self._nods = head.stream(for_head, lively), NodStream(for_nods)
        self._blinks = BlinkStream(eyes, for_blinks, BLINKS_A_MINUTE)
        self._gaze = GazeStream(eyes, for_gaze)
        self._still, self._lively = still, lively
        self._waiting: list[Float] = []

    def push(self, rows: Float, prosody: Float) -> Iterator[Motion]:
        """Take motion rows [n, 57] and prosody [m, 3]; give what can be decided."""
        heard = self._head.push(prosody), self._nods.push(prosody), self._blinks.push(prosody)
        yield from self._give(rows, *heard)

    def finish(self, rows: Float) -> Iterator[Motion]:
        """The last rows, as if silence followed."""
        blinks = self._waiting[3] if self._waiting else rows[:0, 0]
        head, nods = (len(w) for w in self._waiting[1:3]) if self._waiting else (0, 0)
        late = self._head.finish(len(blinks) - head)
        last = self._nods.finish(len(blinks) - nods)
        yield from self._give(rows, late, last, blinks[:0])

    def _give(self, *new: Float) -> Iterator[Motion]:
        parts = list(new)
        if self._waiting:
            parts = [np.concatenate(both) for both in zip(self._waiting, new, strict=True)]
        count = min(map(len, parts))
        self._waiting = [part[count:] for part in parts]
        if count:
            yield self._together(*(part[:count] for part in parts))

    def _together(self, rows: Float, head: Float, nods: Float, blinks: Float) -> Motion:
        face = np.clip(rows[:, : len(ARKIT)], 0, 1)
        held = rows[:, len(ARKIT) :]
        pose = np.zeros((len(rows), 6), np.float32)
        if not self._still:
            pose[:, :5] = head[:, :5]
            pose[:, 1] += self._lively * nods
        gaze = self._gaze.push(pose[:, :2]) + held[:, 3:5]  # the eyes do not undo a turn asked for
        if not self._still:
            pose[:, :3] += held[:, :3]
        lids = face[:, [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]].copy()
        show_eyes(face, blinks, gaze.astype(np.float32))
        for side, name in enumerate(("Left", "Right")):
            held_shut = lids[:, side]
            face[:, ARKIT_INDEX[f"eyeBlink{name}"]] = held_shut + (1 - held_shut) * blinks
            face[:, ARKIT_INDEX[f"eyeWide{name}"]] *= 1 - blinks
        return Motion(face, pose, gaze.astype(np.float32))


def moving(
    net: AviNet, style: Tensor, held: Float, cues: Iterable[Cues], alive: Alive
) -> Iterator[Motion]:  # fmt: skip
    """Motion of a whole clip, in pieces, with what is `held` [57] through it."""
    blocks = Blocks(net, style)
    for piece in cues:
        yield from alive.push(blocks.push(stack_cues(piece)) + held, piece.prosody)
    nothing = np.zeros((0, SAID["listener"]), np.float32)
    yield from alive.finish(blocks.push(nothing, last=True) + held)
