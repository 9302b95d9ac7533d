"""SDM as people call it: a picture and speech become a clip, a few seconds at a time.

Speech comes in pieces of any length. Motion is made in blocks of four seconds that see two seconds
to either side, with noise that belongs to the frame and not to the block, so neighbours agree where
they meet and memory does not grow with the length of the clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vivavoce.errors import RequestError, UnknownName
from vivavoce.listen.mel import MELS, MelStream
from vivavoce.listen.prosody import ProsodyStream
from vivavoce.look import face478
from vivavoce.media.clip import Clip
from vivavoce.media.provenance import Provenance
from vivavoce.move.pose_rhythm import PROSODY
from vivavoce.nn.threads import one_threaded
from vivavoce.speak.voices import DEFAULT_VOICE
from vivavoce.systems.sdm.net import PARTS, SAMPLERS, Coarse, Heard, SdmNet, load_net
from vivavoce.systems.sdm.picture import Painter
from vivavoce.systems.sdm.sitter import Sitter, as_motion, nobody, seat, settled
from vivavoce.systems.spoken import Speechlike
from vivavoce.systems.talker import Follower, Portraitlike, check_size
from vivavoce.types import (
    MELS_PER_FRAME,
    SAMPLES_PER_FRAME,
    Chunk,
    Emotion,
    Float,
    Motion,
    Speech,
)

BLOCK, AROUND = 100, 50
"""Frames of a block, and frames that it sees before and after."""
BLENDED = 10
"""Frames over which a block takes over from the one before."""
RENDERED = 5
RENDERERS = ("own", "portrait")


@dataclass(frozen=True)
class How:
    """What was asked of the sampler."""

    sampler: str
    k: int
    without: frozenset[str]
    seed: int


class Sdm(Follower):
    """The system; made once, used for many clips."""

    name = "sdm"
    OPTIONS = frozenset({"sampler", "k", "without", "render"})

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.net: SdmNet = load_net(folder)

    def __call__(
        self,
        portrait: Portraitlike,
        text: str | None = None,
        speech: Speechlike | None = None,
        *,
        voice: str = DEFAULT_VOICE,
        emotion: str | Emotion = "neutral",
        seed: int = 0,
        size: int | None = 512,
        still: bool = False,
        face: int | None = None,
        sampler: str = "shallow",
        k: int | None = None,
        without: Iterable[str] = (),
        render: str = "own",
    ) -> Clip:
        """The person in `portrait` says `text`, or what is heard in `speech`.

        Args:
            portrait: A picture file, RGB uint8 [H, W, 3], or a `Face` from `self.look`; best with
                the mouth closed.
            text: What to say; spoken by `voice`.
            speech: A sound or video file, or `Speech`; instead of text.
            voice: A name that `vivavoce voices` lists, or a piper voice file.
            emotion: Of the voice that speaks `text`; the face has no control of emotion.
            seed: Draws the noise; the same seed gives the same clip.
            size: Side of a square video around the head in pixels; None: the whole picture.
            still: Keep the head still; the face moves.
            face: Which face, from 1, the largest first.
            sampler: "shallow"; "full": from noise alone; "auxiliary": no diffusion; "recursive":
                frame by frame, each refined one the beginning of the next (Eq. 12).
            k: Step at which shallow diffusion begins, 0 to T; the checkpoint's own by default.
            without: Parts of `PARTS` to leave out.
            render: "own", or "portrait": that system's renderer on the picture's own pixels.

        Raises: NoFace, BadMedia, UnknownName, RequestError: see their messages.
        """
        how = self._how(sampler, k, without, seed)
        _check(size, render)
        said, seconds = self.speech(text, speech, voice, emotion)
        with self.clock("look"):
            sitter = seat(self.look(portrait, face), self.net.settings.size)
        moves = self.landmarks(sitter.landmarks, len(sitter.picture), said, how, still)
        made_by = Provenance(self.folder.name, seed)
        if render == "portrait":
            shown, shape = self._by_portrait(sitter, moves, size)
        else:
            height, width = sitter.face.picture.shape[:2]
            shape = (width, height) if size is None else (size, size)
            shown = self._own(sitter, moves, size)
        return Clip(one_threaded(shown), shape, made_by, seconds)

    def motion(
        self,
        text: str | None = None,
        speech: Speechlike | None = None,
        *,
        voice: str = DEFAULT_VOICE,
        emotion: str | Emotion = "neutral",
        seed: int = 0,
        still: bool = False,
    ) -> Iterator[Motion]:
        """How a face moves with this text or speech, without a picture: for 3D and for study."""
        said, _ = self.speech(text, speech, voice, emotion)
        how = self._how("shallow", None, (), seed)
        anyone = nobody(self.net.settings.size)
        for marks, _ in self.landmarks(anyone, self.net.settings.size, said, how):
            moves = as_motion(marks, anyone)
            yield replace(moves, pose=np.zeros_like(moves.pose)) if still else moves

    def landmarks(
        self, reference: Float, side: float, said: Iterable[Speech], how: How, still: bool = False
    ) -> Iterator[tuple[Float, Float]]:
        """Landmarks [T, 478, 3] px of a square `side` wide, with the sound [640 T] that they say,
        for the reference's [478, 3]."""
        space = self.net.space
        for code, samples in self._codes(said, how):
            moved_to = space.everywhere(space.movements(code).numpy(), reference, side)
            yield settled(moved_to, reference) if still else moved_to, samples

    def _how(self, sampler: str, k: int | None, without: Iterable[str], seed: int) -> How:
        if sampler not in SAMPLERS:
            raise UnknownName("sampler", sampler, SAMPLERS)
        left_out = frozenset([without] if isinstance(without, str) else without)
        for part in left_out - set(PARTS):
            raise UnknownName("part of sdm", part, PARTS)
        most = self.net.settings.steps
        start = int(self.net.k) if k is None else k
        if not 0 <= start <= most:
            raise RequestError(f"--k is a step from 0 to {most}, not {start}.")
        if "diffusion" in left_out or start == 0:
            sampler = "auxiliary"
        return How(sampler, start, left_out, seed)

    def _codes(self, said: Iterable[Speech], how: How) -> Iterator[tuple[Tensor, Float]]:
        """F* [T, K] of block after block, with its sound [640 T]."""
        blocks = Blocks(self.net, how)
        waiting = np.zeros(0, np.float32)
        for mel, prosody, samples, last in self.clock.watch("listen", _listened(said)):
            waiting = np.concatenate([waiting, samples])
            with self.clock("move"):
                found = blocks(mel, prosody, last)
            if len(found):
                count = len(found) * SAMPLES_PER_FRAME
                yield found, waiting[:count]
                waiting = waiting[count:]

    def _own(
        self, sitter: Sitter, moves: Iterable[tuple[Float, Float]], size: int | None
    ) -> Iterator[Chunk]:
        painter = Painter(self.net, sitter, size)
        for marks, samples in moves:
            for at in range(0, len(marks), RENDERED):
                part = marks[at : at + RENDERED]
                with self.clock("render"):
                    layers = painter.layers(part)
                with self.clock("carry"):
                    frames = painter.show(layers, part)
                sound = samples[at * SAMPLES_PER_FRAME :][: len(frames) * SAMPLES_PER_FRAME]
                yield Chunk(frames, sound)

    def _by_portrait(
        self, sitter: Sitter, moves: Iterable[tuple[Float, Float]], size: int | None
    ) -> tuple[Iterator[Chunk], tuple[int, int]]:
        """The same motion as ARKit curves on the portrait's renderer."""
        from vivavoce.render.repair import RepairNet
        from vivavoce.render.warp import Renderer
        from vivavoce.systems import WEIGHTS

        repair = RepairNet.load(WEIGHTS / "portrait-tiny" / "repair.safetensors")
        renderer = Renderer(sitter.face, face478.load(), size, repair)

        def chunks() -> Iterator[Chunk]:
            for marks, samples in moves:
                motion = as_motion(marks, sitter.landmarks)
                for at in range(0, len(motion), RENDERED):
                    with self.clock("render"):
                        frames = renderer.render(motion[at : at + RENDERED])
                    sound = samples[at * SAMPLES_PER_FRAME :][: len(frames) * SAMPLES_PER_FRAME]
                    yield Chunk(frames, sound)

        return chunks(), renderer.size


def _check(size: int | None, render: str) -> None:
    check_size(size)
    if render not in RENDERERS:
        raise UnknownName("renderer", render, RENDERERS)


def _listened(said: Iterable[Speech]) -> Iterator[tuple[Float, Float, Float, bool]]:
    """Blocks of mel [4 T, 80], prosody [T, 3] and sound [640 T] as the speech arrives; the last is
    marked, and filled up to whole frames with silence."""
    mels, sounds = MelStream(), ProsodyStream()
    mel, prosody = np.zeros((0, 80), np.float32), np.zeros((0, 3), np.float32)
    samples = np.zeros(0, np.float32)
    for piece in said:
        mel = np.concatenate([mel, mels.push(piece.samples)])
        prosody = np.concatenate([prosody, sounds.push(piece.samples)])
        samples = np.concatenate([samples, piece.samples])
        while min(len(mel) // MELS_PER_FRAME, len(prosody)) >= BLOCK:
            yield mel[: BLOCK * MELS_PER_FRAME], prosody[:BLOCK], samples[: BLOCK * 640], False
            mel, prosody = mel[BLOCK * MELS_PER_FRAME :], prosody[BLOCK:]
            samples = samples[BLOCK * SAMPLES_PER_FRAME :]
    rest = -len(samples) % SAMPLES_PER_FRAME
    silence = np.zeros(rest, np.float32)
    mel = np.concatenate([mel, mels.push(silence), mels.finish()])
    prosody = np.concatenate([prosody, sounds.push(silence), sounds.finish()])
    samples = np.concatenate([samples, silence])
    frames = len(samples) // SAMPLES_PER_FRAME
    yield mel[: frames * MELS_PER_FRAME], prosody[:frames], samples, True


class Blocks:
    """Motion from mel and prosody that arrive in parts."""

    def __init__(self, net: SdmNet, how: How) -> None:
        self._net, self._how = net, how
        self._mel = torch.zeros(0, MELS, dtype=torch.float32)
        self._prosody = torch.zeros(0, PROSODY)
        self._base = 0  # the frame that the buffers begin with
        self._done = 0  # frames that were given
        # F-bar and F^aux of the buffers' frames before `done`
        self._pose, self._aux = torch.zeros(2, 0, net.space.size)
        self._next = torch.zeros(0, net.space.size)  # the last block's view of what comes now

    @torch.inference_mode()
    def __call__(self, mel: Float, prosody: Float, last: bool) -> Tensor:
        """F* [T, K] of the frames that can be made now; after the `last` part of all the rest."""
        self._mel = torch.cat([self._mel, torch.from_numpy(mel)])
        self._prosody = torch.cat([self._prosody, torch.from_numpy(prosody)])
        seen = self._base + len(self._prosody)
        found = []
        while seen - self._done >= BLOCK + AROUND or (last and self._done < seen):
            found.append(self._block(min(self._done + BLOCK, seen), seen))
        return torch.cat(found) if found else torch.zeros(0, self._net.space.size)

    def _block(self, end: int, seen: int) -> Tensor:
        """F* of the frames from `done` to `end`."""
        net, begin = self._net, self._done
        high = min(seen, end + AROUND)
        mel = self._mel[: (high - self._base) * MELS_PER_FRAME][None]
        heard = net.hear(mel, self._prosody[: high - self._base][None])
        coarse = self._coarse(heard, begin - self._base)
        code = (
            coarse.aux if self._how.sampler == "auxiliary" else self._refined(heard, coarse, begin)
        )
        code = smoothed(code, net.settings.smoothing)
        mine = code[0, begin - self._base : end - self._base]
        mine = self._blended(mine)
        self._next = code[0, end - self._base :][:BLENDED]
        self._forget(coarse, end)
        return mine

    def _coarse(self, heard: Heard, known: int) -> Coarse:
        """The coarse motion of all frames in the buffers, of which the first `known` are known."""
        rest = _from(heard, known)
        first = slow = self._net.space.code(self._still())[None]
        if known:
            first, slow = self._aux[-1:], self._pose[-1:]
        new = self._net.coarse(
            rest, first, slow=slow, noise=self._z(known, rest.content), without=self._how.without
        )
        pose = torch.cat([self._pose[None], new.pose], 1)
        return Coarse(pose, torch.cat([self._aux[None], new.aux], 1))

    def _z(self, known: int, content: Tensor) -> Tensor | None:
        """What draws z from frame `known` of the buffers on, for [1, T, C]; the same for all
        samplers."""
        if not self._net.settings.drawn:
            return None
        own = self._net.settings.steps + 1  # a number that no step of the diffusion has
        return frame_noise(self._how.seed, own, self._base + known, *content.shape[1:])[None]

    def _still(self) -> Tensor:
        """No movement at all, as the reference frame."""
        space = self._net.space
        return torch.zeros(len(space.points), space.axes)

    def _refined(self, heard: Heard, coarse: Coarse, begin: int) -> Tensor:
        how, base, net = self._how, self._base, self._net

        def noise(t: int) -> Tensor:
            return frame_noise(how.seed, t, base, *coarse.aux.shape[1:])[None]

        if how.sampler == "full":
            return net.refine(heard, coarse, net.settings.steps, noise, pure=True)
        if how.sampler == "recursive":
            return self._recursive(heard, coarse, begin - base, noise)
        return net.refine(heard, coarse, how.k, noise)

    def _recursive(
        self, heard: Heard, coarse: Coarse, known: int, noise: Callable[[int], Tensor]
    ) -> Tensor:
        """Eq. 12 as it is printed: each frame is refined alone and is the next one's beginning."""
        net, made = self._net, list(coarse.aux[:, :known].unbind(1))
        first = slow = net.space.code(self._still())[None]
        if known:
            first, slow = self._aux[-1:], self._pose[-1:]
        for i in range(known, coarse.aux.shape[1]):
            one = _from(heard, i, i + 1)
            z = self._z(i, one.content)
            alone = net.coarse(one, first, slow=slow, noise=z, without=self._how.without)
            slow = alone.pose[:, 0]
            first = net.refine(one, alone, self._how.k, partial(_only, noise, i))[:, 0]
            made.append(first)
        return torch.stack(made, 1)

    def _blended(self, mine: Tensor) -> Tensor:
        """A block takes over from the one before within some frames."""
        count = min(len(self._next), len(mine))
        if not count:
            return mine
        share = (torch.arange(1, count + 1) / (count + 1))[:, None]
        mixed = self._next[:count] * (1 - share) + mine[:count] * share
        return torch.cat([mixed, mine[count:]])

    def _forget(self, coarse: Coarse, end: int) -> None:
        """Keep what the next block sees before itself."""
        keep = max(self._base, end - AROUND)
        drop = keep - self._base
        self._pose, self._aux = (
            part[0, drop : end - self._base] for part in (coarse.pose, coarse.aux)
        )
        self._mel = self._mel[drop * MELS_PER_FRAME :]
        self._prosody = self._prosody[drop:]
        self._base, self._done = keep, end


def _from(heard: Heard, first: int, last: int | None = None) -> Heard:
    """What is heard at the frames from `first` to `last`."""
    return Heard(*(part[:, first:last] for part in vars(heard).values()))


def smoothed(code: Tensor, deviation: float) -> Tensor:
    """F [1, T, K] blurred along time by a Gaussian of so many frames; 0 leaves it as it is."""
    if not deviation:
        return code
    reach = round(3 * deviation)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / deviation) ** 2)
    padded = F.pad(code.transpose(1, 2), (reach, reach), mode="replicate")
    return (padded.unfold(2, 2 * reach + 1, 1) @ (kernel / kernel.sum())).transpose(1, 2)


def _only(noise: Callable[[int], Tensor], frame: int, t: int) -> Tensor:
    return noise(t)[:, frame : frame + 1]


def frame_noise(seed: int, t: int, begin: int, frames: int, size: int) -> Tensor:
    """Noise [frames, size] of step t for frames from `begin` on; it belongs to the frame, whichever
    block asks for it."""
    first, last = begin // BLOCK, (begin + frames - 1) // BLOCK
    rows = []
    for block in range(first, last + 1):
        number = (seed * 1_000_003 + block) * 1_009 + t
        generator = torch.Generator().manual_seed(number % 2**63)
        rows.append(torch.randn(BLOCK, size, generator=generator))
    at = begin - first * BLOCK
    return torch.cat(rows)[at : at + frames]
