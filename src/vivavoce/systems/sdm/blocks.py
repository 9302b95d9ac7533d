"""SDM's motion of speech that arrives in pieces: blocks of four seconds that see two to either side.

Noise belongs to the frame and not to the block, so neighbouring blocks agree where they meet, and
memory does not grow with the length of the speech.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vivavoce.listen.mel import MELS, MelStream
from vivavoce.listen.prosody import ProsodyStream
from vivavoce.media.clock import Clock
from vivavoce.move.pose_rhythm import PROSODY
from vivavoce.systems.sdm.net import Coarse, Heard, SdmNet
from vivavoce.types import MELS_PER_FRAME, SAMPLES_PER_FRAME, Float, Speech

BLOCK, AROUND = 100, 50
"""Frames of a block, and frames that it sees before and after."""
BLENDED = 10
"""Frames over which a block takes over from the one before."""

Sampler = Literal["shallow", "full", "auxiliary", "recursive"]
"""Ways from F^aux to F*, see `SdmOptions.sampler`."""
Part = Literal["pose", "rhythm", "diffusion"]
"""Parts that can be left out, for the ablations of Fig. 3."""


@dataclass(frozen=True)
class SamplerOptions:
    """How motion is drawn for one clip."""

    sampler: Sampler
    """Way from F^aux to F*."""
    k: int
    """Step that "shallow" and "recursive" start from, 1 to T."""
    without: frozenset[str] = frozenset()
    """Parts that are left out: "pose", "rhythm"."""
    seed: int = 0
    """Seed of all noise."""


def motion_of(
    net: SdmNet, said: Iterable[Speech], options: SamplerOptions, clock: Clock
) -> Iterator[tuple[Tensor, Float]]:
    """F* [T, K] of block after block, on the CPU, with the sound [640 T] it belongs to."""
    blocks = Blocks(net, options)
    waiting = np.zeros(0, np.float32)
    for mel, prosody, samples, last in clock.watch("listen", _heard(said)):
        waiting = np.concatenate([waiting, samples])
        with clock("move"):
            found = blocks(mel, prosody, last)
        if len(found):
            count = len(found) * SAMPLES_PER_FRAME
            yield found, waiting[:count]
            waiting = waiting[count:]


def _heard(said: Iterable[Speech]) -> Iterator[tuple[Float, Float, Float, bool]]:
    """Blocks of mel [4 T, 80], prosody [T, 3] and sound [640 T] as the speech arrives; the last is
    marked, and filled up to whole frames with silence."""
    mels, sounds = MelStream(), ProsodyStream()
    mel, prosody = np.zeros((0, MELS), np.float32), np.zeros((0, PROSODY), np.float32)
    samples = np.zeros(0, np.float32)
    block_mels, block_samples = BLOCK * MELS_PER_FRAME, BLOCK * SAMPLES_PER_FRAME
    for piece in said:
        mel = np.concatenate([mel, mels.push(piece.samples)])
        prosody = np.concatenate([prosody, sounds.push(piece.samples)])
        samples = np.concatenate([samples, piece.samples])
        while min(len(mel) // MELS_PER_FRAME, len(prosody)) >= BLOCK:
            yield mel[:block_mels], prosody[:BLOCK], samples[:block_samples], False
            mel, prosody = mel[block_mels:], prosody[BLOCK:]
            samples = samples[block_samples:]
    silence = np.zeros(-len(samples) % SAMPLES_PER_FRAME, np.float32)
    mel = np.concatenate([mel, mels.push(silence), mels.finish()])
    prosody = np.concatenate([prosody, sounds.push(silence), sounds.finish()])
    samples = np.concatenate([samples, silence])
    frames = len(samples) // SAMPLES_PER_FRAME
    yield mel[: frames * MELS_PER_FRAME], prosody[:frames], samples, True


class Blocks:
    """Motion from mel and prosody that arrive in parts of any length."""

    def __init__(self, net: SdmNet, options: SamplerOptions) -> None:
        self._net, self._options = net, options
        self._mel, self._prosody = self._zeros(MELS), self._zeros(PROSODY)
        self._base = 0  # number of the frame that the buffers begin with
        self._done = 0  # number of frames that were given
        # F-bar and F^aux of the buffers' frames that were given
        self._pose, self._aux = self._zeros(net.space.size), self._zeros(net.space.size)
        self._next = self._zeros(net.space.size)  # what the last block saw of the frames to come

    @torch.inference_mode()
    def __call__(self, mel: Float, prosody: Float, last: bool) -> Tensor:
        """F* [T, K], on the CPU, of the frames that can be made now; after the `last` part, of all
        that are left."""
        device = self._net.device
        self._mel = torch.cat([self._mel, torch.from_numpy(mel).to(device)])
        self._prosody = torch.cat([self._prosody, torch.from_numpy(prosody).to(device)])
        seen = self._base + len(self._prosody)
        found = [self._zeros(self._net.space.size)]
        while seen - self._done >= BLOCK + AROUND or (last and self._done < seen):
            found.append(self._block(min(self._done + BLOCK, seen), seen))
        return torch.cat(found).cpu()

    def _block(self, end: int, seen: int) -> Tensor:
        """F* [T, K] of the frames from the first that was not given to `end`."""
        net, begin = self._net, self._done
        high = min(seen, end + AROUND)
        mel = self._mel[: (high - self._base) * MELS_PER_FRAME][None]
        heard = net.hear(mel, self._prosody[: high - self._base][None])
        coarse = self._coarse(heard, begin - self._base)
        code = self._refined(heard, coarse, begin - self._base)
        code = smoothed(code, net.settings.smoothing)[0]
        mine = blended(self._next, code[begin - self._base : end - self._base])
        self._next = code[end - self._base :][:BLENDED]
        self._forget(coarse, end)
        return mine

    def _coarse(self, heard: Heard, known: int) -> Coarse:
        """The coarse motion of all frames in the buffers, of which the first `known` are known."""
        rest = _frames(heard, known)
        first, first_pose = self._before(known)
        new = self._net.coarse(
            rest, first, first_pose=first_pose, noise=self._z_noise(known, rest.content),
            without=self._options.without,
        )  # fmt: skip
        pose = torch.cat([self._pose[None], new.pose], 1)
        return Coarse(pose, torch.cat([self._aux[None], new.aux], 1))

    def _before(self, known: int) -> tuple[Tensor, Tensor]:
        """F^aux and F-bar [1, K] of the frame before the first unknown one; at the beginning, those
        of the reference, which has not moved."""
        if known:
            return self._aux[-1:], self._pose[-1:]
        space = self._net.space
        still = self._zeros(len(space.points), space.axes)
        code = space.code(still)[None]
        return code, code

    def _z_noise(self, first: int, content: Tensor) -> Tensor | None:
        """Noise [1, T, C] that draws z for the frames from `first` of the buffers on; the same for
        all samplers. None where z is not drawn."""
        if not self._net.settings.sample_z:
            return None
        own = self._net.settings.steps + 1  # a number that no step of the diffusion has
        begin, seed = self._base + first, self._options.seed
        return frame_noise(seed, own, begin, *content.shape[1:])[None].to(content)

    def _refined(self, heard: Heard, coarse: Coarse, known: int) -> Tensor:
        """F* [1, T, K] of all frames in the buffers."""
        net, options, base = self._net, self._options, self._base

        def noise(t: int) -> Tensor:
            drawn = frame_noise(options.seed, t, base, *coarse.aux.shape[1:])
            return drawn[None].to(coarse.aux)

        if options.sampler == "auxiliary":
            return coarse.aux
        if options.sampler == "full":
            return net.refine(heard, coarse, net.settings.steps, noise, pure=True)
        if options.sampler == "recursive":
            return self._recursive(heard, coarse, known, noise)
        return net.refine(heard, coarse, options.k, noise)

    def _recursive(
        self, heard: Heard, coarse: Coarse, known: int, noise: Callable[[int], Tensor]
    ) -> Tensor:
        """Eq. 12 as it is printed: each frame is refined alone, and the next one continues F*."""
        net, made = self._net, list(coarse.aux[:, :known].unbind(1))
        first, pose = self._before(known)
        for i in range(known, coarse.aux.shape[1]):
            one = _frames(heard, i, i + 1)
            alone = net.coarse(
                one, first, first_pose=pose, noise=self._z_noise(i, one.content),
                without=self._options.without,
            )  # fmt: skip
            pose = alone.pose[:, 0]
            first = net.refine(one, alone, self._options.k, partial(_at_frame, noise, i))[:, 0]
            made.append(first)
        return torch.stack(made, 1)

    def _forget(self, coarse: Coarse, end: int) -> None:
        """Keep only what the next block sees before itself."""
        keep = max(self._base, end - AROUND)
        drop = keep - self._base
        self._pose, self._aux = (
            part[0, drop : end - self._base] for part in (coarse.pose, coarse.aux)
        )
        self._mel = self._mel[drop * MELS_PER_FRAME :]
        self._prosody = self._prosody[drop:]
        self._base, self._done = keep, end

    def _zeros(self, *shape: int) -> Tensor:
        """An empty buffer [0, K] for one number, or zeros of a shape, on the network's device."""
        whole = (0, *shape) if len(shape) == 1 else shape
        return torch.zeros(whole, device=self._net.device)


def blended(before: Tensor, mine: Tensor) -> Tensor:
    """The frames [T, K] of a block, which takes over from what the block before made of the first
    of them [N, K]: its share rises evenly."""
    count = min(len(before), len(mine))
    if not count:
        return mine
    share = (torch.arange(1, count + 1, device=mine.device) / (count + 1))[:, None]
    mixed = before[:count] * (1 - share) + mine[:count] * share
    return torch.cat([mixed, mine[count:]])


def smoothed(code: Tensor, deviation: float) -> Tensor:
    """F [1, T, K] smoothed over time by a Gaussian with a standard deviation of so many frames; 0
    leaves it as it is."""
    if not deviation:
        return code
    reach = round(3 * deviation)
    steps = torch.arange(-reach, reach + 1, device=code.device)
    kernel = torch.exp(-0.5 * (steps / deviation) ** 2)
    padded = F.pad(code.transpose(1, 2), (reach, reach), mode="replicate")
    return (padded.unfold(2, 2 * reach + 1, 1) @ (kernel / kernel.sum())).transpose(1, 2)


def frame_noise(seed: int, t: int, begin: int, frames: int, size: int) -> Tensor:
    """Standard normal noise [frames, size] of step t for the frames from `begin` on; a frame's
    noise is the same whichever block asks for it."""
    first, last = begin // BLOCK, (begin + frames - 1) // BLOCK
    rows = []
    for block in range(first, last + 1):
        number = (seed * 1_000_003 + block) * 1_009 + t
        generator = torch.Generator().manual_seed(number % 2**63)
        rows.append(torch.randn(BLOCK, size, generator=generator))
    at = begin - first * BLOCK
    return torch.cat(rows)[at : at + frames]


def _frames(heard: Heard, first: int, last: int | None = None) -> Heard:
    """What is heard at the frames from `first` to `last`, or to the end."""
    return Heard(*(part[:, first:last] for part in vars(heard).values()))


def _at_frame(noise: Callable[[int], Tensor], frame: int, t: int) -> Tensor:
    """Noise [1, 1, K] of one frame at step t."""
    return noise(t)[:, frame : frame + 1]
