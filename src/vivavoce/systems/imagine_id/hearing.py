"""What PAD hears in a whole recording: windows of 1.28 s that overlap, averaged and blended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from vivavoce.listen.mel_windows import mel_rows
from vivavoce.systems.imagine_id.net import ImagineNet
from vivavoce.systems.imagine_id.pad import Pad
from vivavoce.systems.imagine_id.settings import STRIDE, WINDOW
from vivavoce.types import Float

Through = Literal["emotion", "content"]
"""Decoders that an expression can come from: the whole one of Eq. 7, or the mouth's of Eq. 5."""


@dataclass(frozen=True)
class Factors:
    """What a recording of T frames is taken apart into."""

    shape: Tensor
    """alpha^ [1, I], averaged over windows."""
    semantics: Tensor
    """theta_id [1, D], averaged over windows."""
    feeling: Tensor
    """theta_e [1, D], averaged over windows."""
    content: Tensor
    """l- of every window [W, 32, code]."""
    frames: int
    """T, frames of 1/25 s."""


@torch.no_grad()
def factors(net: ImagineNet, samples: Float) -> Factors:
    """Shape, semantics, feeling and content of samples [n] at 16 kHz."""
    rows = mel_rows(samples)
    device = next(net.parameters()).device
    sound = torch.from_numpy(windows(rows)).to(device)
    shape, semantics = net.pad.identity(sound)
    return Factors(
        shape.mean(0, keepdim=True), semantics.mean(0, keepdim=True),
        net.pad.feeling.encode(sound).mean(0, keepdim=True), net.pad.content.encode(sound),
        len(rows),
    )  # fmt: skip


def swapped(
    own: Factors, content: Factors | None = None, semantics: Factors | None = None,
    feeling: Factors | None = None, shape: Factors | None = None,
) -> Factors:  # fmt: skip
    """The factors of one recording with some of them taken from others; content is repeated or cut
    to the length of the recording."""
    found = own
    if content is not None:
        count = len(own.content)
        again = -(-count // len(content.content))
        found = replace(found, content=content.content.repeat(again, 1, 1)[:count])
    if semantics is not None:
        found = replace(found, semantics=semantics.semantics)
    if feeling is not None:
        found = replace(found, feeling=feeling.feeling)
    return found if shape is None else replace(found, shape=shape.shape)


@torch.no_grad()
def expression(pad: Pad, heard: Factors, through: Through = "emotion") -> Float:
    """beta^ (or l) [T, E] of every frame; windows take over from each other evenly."""
    count = len(heard.content)
    shape = heard.shape.expand(count, -1)
    if through == "content":
        found = pad.content.decode(heard.content, shape)
    else:
        found = pad.feeling.decode(heard.feeling.expand(count, -1), heard.content, shape)
    return blended(found.cpu().numpy(), heard.frames)


def windows(rows: Float) -> Float:
    """Windows [W, 32, K] of rows [T, K], every 16 rows and at the end; a short recording repeats
    its last row."""
    rows = np.pad(rows, ((0, max(0, WINDOW - len(rows))), (0, 0)), mode="edge")
    return np.stack([rows[at : at + WINDOW] for at in starts(len(rows))])


def starts(frames: int) -> list[int]:
    """First rows of the windows of a recording of `frames`."""
    last = max(0, frames - WINDOW)
    return [*range(0, last, STRIDE), last]


def blended(found: Float, frames: int) -> Float:
    """Rows [T, E] of windows [W, 32, E] that overlap: the share of a window falls evenly from its
    middle to its ends."""
    weight = np.minimum(np.arange(1, WINDOW + 1), np.arange(WINDOW, 0, -1)).astype(np.float32)
    total = np.zeros((max(frames, WINDOW), found.shape[2]), np.float32)
    shares = np.zeros((len(total), 1), np.float32)
    for rows, at in zip(found, starts(len(total)), strict=True):
        total[at : at + WINDOW] += rows * weight[:, None]
        shares[at : at + WINDOW] += weight[:, None]
    return (total / shares)[:frames]
