"""TTSF's network, in the paper's order, with its presets and the stages of its training.

The paper and its diagram stand in the package's docstring; decisions on what it leaves open are in
docs/systems/ttsf.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from vivavoce.listen.audio_mapper import AudioMapper, conditions, surround
from vivavoce.look.motion_codes import MotionCodes, hidden_mouth
from vivavoce.look.visual_encoder import VisualEncoder
from vivavoce.move.motion_sampler import MotionNormaliser, MotionPrior, MotionSampler, NoNormaliser
from vivavoce.nn.weights import check_shipped, read_into, read_settings
from vivavoce.render.flow_generator import FlowGenerator, fuse
from vivavoce.speak import acoustic, hifigan, matcha
from vivavoce.speak.hifigan import Hifigan, HifiganSettings
from vivavoce.speak.matcha import Aligned, Matcha, MatchaSettings
from vivavoce.systems.ttsf.motion import LipDecoder
from vivavoce.types import Float

CROP = "close"
"""What of a picture it sees, see `look.crop`."""
WINDOW = 32
"""Frames that the motion sampler learns from (section 4.1)."""


class Learning(BaseModel):
    """How a network is taught, where that is a choice; the defaults are the paper's."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    perceptual: Literal["vgg19", "corpus"] = "vgg19"
    """Network whose feature maps Eq. 3 compares: torchvision's VGG19 from the user's own file, or
    the corpus face judge that ships."""
    identity: str = ""
    """Network of L_id: a file of arcface_torch's IResNet, or "corpus", the face judge that ships;
    "" chooses none, and the joint stage refuses to begin."""
    sync: str = ""
    """Network of L_sync: the file syncnet_v2.model, or "corpus", the sync judge that ships behind
    the lip reader of stage `reader`; "" chooses none, and the joint stage refuses to begin."""
    mouth_weight: float = 0.0
    """Extra weight of the pixels in the mouth's box in L_rec: the box is a tenth of a picture and
    most of what people look at. 0 counts all pixels alike."""
    lip_teacher: bool = False
    """If true, a small network gives G the lip code of the driving frame's mouth coefficients while
    the face half warms up; if false, the lip slots get f_id alone until the joint stage."""
    pitch_known: float = 0.0
    """Share of the samples of the speech half whose f_id is moved until it tells the true pitch, so
    that the decoder learns to follow it although faces tell little of pitch."""
    blur: float = 0.0
    """Standard deviations of noise on f_id in the speech half, against learning every face of a
    small set by heart."""
    nobody: float = 0.1
    """Share of the samples of the speech half that are spoken by nobody in particular, a learned
    code, so that the voice also works without a face."""


class TtsfSettings(BaseModel):
    """What the network is made of; the defaults are the paper's."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    size: int = 256
    """Side of the pictures in pixels."""
    channels: dict[int, int] = {4: 512, 8: 512, 16: 512, 32: 512, 64: 256, 128: 128, 256: 64}
    """Of the feature maps, by resolution."""
    code: int = 512
    """Length of f, f_id, f_m, f_lip."""
    motions: int = 20
    """Orthogonal motion codes M."""
    manipulated: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    """Style slots that get f_m or f_lip (section 4.1: layers 1 to 7)."""
    lip: tuple[int, ...] = (6, 7)
    """Those of them that get f_lip."""
    other_slots: Literal["identity", "source"] = "identity"
    """Code that all other style slots get: f_id, or the source's whole code f_s, which also knows
    the source's pose."""
    flow_reads: Literal["features", "landmarks"] = "features"
    """What G's flow is read from: the features of the picture that is being made, as the paper has
    it, or a drawing of the source's landmarks, which looks alike for photographs and drawings."""
    compressed: int = 16
    """Length d_c of f_c; below `motions`."""
    normalised: bool = True
    """False: the sampler draws f_m itself instead of f_c, the ablation of section 3.2."""
    about_mean: bool = False
    """The sampler's paths begin in N(mu, I) instead of N(0, I), in training and in use."""
    generator_sees: Literal["truth", "reconstruction"] = "truth"
    """Motion code that G is fed in the joint stage: the true f_m, or the normaliser's copy of it,
    decode(encode(f_m)), which is nearer to what G gets in use."""
    mapper_width: int = 256
    mapper_hears: tuple[str, ...] = ("embedding", "feature", "energy")
    """Its inputs; the ablation of Table 5 leaves some out."""
    energy_average: bool = False
    """Energy as the text has it, an average over channels, instead of the norm of Fig. 3."""
    real_context: bool = True
    """The mapper hears what lies around a window; False stretches its output instead."""
    prior_width: int = 512
    prior_layers: int = 4
    prior_heads: int = 8
    prior_kernel: int = 31
    sampler_width: int = 256
    speech: MatchaSettings = matcha.PRESETS["paper"]
    vocoder: HifiganSettings = hifigan.PRESETS["paper"]
    hide_mouth: bool = False
    """E_v does not see the lower face of driving pictures, so that only f_lip moves lips."""
    random_start: float = 0.5
    """Share of training windows whose first motion f_m,0 is the source's, as in inference."""

    learning: Learning = Learning()
    """Choices of the training that the network's weights depend on."""

    @property
    def sampled(self) -> int:
        """Length of what the sampler draws for a frame: d_c, or D without normaliser."""
        return self.compressed if self.normalised else self.code


PRESETS = {
    "paper": TtsfSettings(),
    "tiny": TtsfSettings(
        size=128, channels={4: 128, 8: 128, 16: 128, 32: 96, 64: 48, 128: 24}, code=256,
        mapper_width=48, prior_width=96, prior_heads=4, prior_layers=2, prior_kernel=15,
        sampler_width=56,
        hide_mouth=True, other_slots="source", flow_reads="landmarks",
        speech=matcha.PRESETS["tiny"], vocoder=hifigan.PRESETS["tiny"],
        learning=Learning(
            perceptual="corpus", identity="corpus", sync="corpus", mouth_weight=3.0,
            lip_teacher=True, pitch_known=0.7, blur=0.5,
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What E_v and E_m say of pictures."""

    f: Tensor
    """Whole codes [B, D]."""
    f_id: Tensor
    """Who it is [B, D]."""
    f_m: Tensor
    """How they hold themselves [B, D]."""
    maps: list[Tensor]
    """Feature maps [B, C, s, s] from 8 px up."""
    drawing: Tensor | None = None
    """Drawings of their landmarks [B, 3, S, S] in 0..1, where they were given."""

    def repeated(self, count: int) -> Seen:
        """Each picture `count` times in a row."""
        again = [x.repeat_interleave(count, 0) for x in (self.f, self.f_id, self.f_m, *self.maps)]
        drawing = self.drawing
        drawing = None if drawing is None else drawing.repeat_interleave(count, 0)
        return Seen(again[0], again[1], again[2], again[3:], drawing)


class TtsfNet(nn.Module):
    """All parts. The paper's symbols are in the comments."""

    def __init__(self, settings: TtsfSettings) -> None:
        super().__init__()
        s = self.settings = settings
        self.visual_encoder = VisualEncoder(s.size, s.channels, s.code)  # E_v
        self.motion_codes = MotionCodes(s.code, s.motions)  # E_m
        self.acoustic = Matcha(s.speech)  # E_t, durations, D_TTS
        self.vocoder = Hifigan(s.vocoder)
        heard = s.speech.width + s.speech.mels + 1  # e_t, f~_t, energy
        self.audio_mapper = AudioMapper(heard, s.code, s.mapper_width)
        self.normaliser = (
            MotionNormaliser(s.code, s.compressed) if s.normalised else NoNormaliser()
        )  # fmt: skip
        self.prior = MotionPrior(
            s.code, s.sampled, s.prior_width, s.prior_layers, s.prior_heads, s.prior_kernel
        )  # fmt: skip
        self.sampler = MotionSampler(s.sampled, s.sampler_width, s.about_mean)  # v_theta
        self.generator = FlowGenerator(s.size, s.channels, s.code, s.flow_reads)  # G
        self.lip_decoder = LipDecoder(s.code) if s.learning.lip_teacher else None

    def see(self, pictures: Tensor, drawing: Tensor | None = None) -> Seen:
        """f = f_id + f_m of pictures [B, 3, S, S] in -1..1 (section 3.1); `drawing` [B, 3, S, S] of
        their landmarks goes along, for G's flow."""
        f, maps = self.visual_encoder(pictures)
        f_id, f_m = self.motion_codes.split(f)
        return Seen(f, f_id, f_m, maps, drawing)

    def speak(
        self, text: str, who: Tensor, steps: int, speed: float = 1.0, temperature: float = 1.0,
        recorded: Float | None = None,
    ) -> acoustic.Spoken:  # fmt: skip
        """About a sentence in the voice of `who` [1, D] (section 3.3), `speed` times as fast, or as
        long as in a recording of it, whose log-mel is `recorded` [T, 80]; `temperature` scales the
        noise that the mel is drawn from."""
        scale = temperature * acoustic.TEMPERATURE
        return acoustic.speak(
            self.acoustic, self.vocoder, text, who, steps, speed, scale, recorded
        )  # fmt: skip

    def hear(
        self, embedding: Tensor, feature: Tensor, lengths: Tensor, starts: Tensor, frames: int
    ) -> Tensor:
        """f_lip [B, frames, D] from e_t [B, L, E] and f~_t [B, L, d], both expanded to mel frames;
        `lengths` [B] are real, windows begin at video frames `starts` [B]."""
        s = self.settings
        heard = conditions(embedding, feature, s.mapper_hears, s.energy_average)
        context = self.audio_mapper.context if s.real_context else 0
        return self.audio_mapper(surround(heard, lengths, starts, frames, context), frames)

    def move(self, start: Tensor, f_lip: Tensor, noise: Tensor, steps: int) -> Tensor:
        """f_m [B, T, D] that begins near `start` [B, D]: `noise` [B, T, d_c] is carried to f_c by
        `steps` Euler steps (section 3.2)."""
        mu = self.prior(start, f_lip)
        return self.normaliser.decode(self.sampler(noise, mu, steps))

    def render(self, source: Seen, f_m: Tensor, f_lip: Tensor) -> Tensor:
        """Pictures [T, 3, S, S] with motion and lips [T, D] (Eq. 1), of one source or of T."""
        s = self.settings
        f_id, f_m, f_lip = torch.broadcast_tensors(source.f_id, f_m, f_lip)
        styles = fuse(f_id, f_m, f_lip, self.generator.slots, s.manipulated, s.lip)
        if s.other_slots == "source":
            keep = [n for n in range(self.generator.slots) if n not in s.manipulated]
            styles[:, keep] = source.f.expand(len(styles), -1)[:, None]
        return self.generator(styles, source.maps, source.drawing)

    def forward(self, talk: Talk) -> Joint:
        """The training path, in the paper's order; losses are made of what it gives.

        Gradients stop where f_m goes into the normaliser and f_c into the prior and the sampler,
        or the code could collapse; f_id into speech and f~_t into the mapper stay attached.
        """
        s, frames, k = self.settings, talk.driving.shape[1], talk.rendered
        source = self.see(talk.source, talk.drawing)  # 1. f_s = f_id + f_m,s
        driving = talk.driving
        if s.hide_mouth:
            hidden = hidden_mouth(driving.flatten(0, 1), talk.mouths.flatten(0, 1))
            driving = hidden.view_as(driving)
        f_m, f_id_d = self._motions(driving, talk.at, k)  # [B, T, D], [B, k, D]
        said = matcha.lay_along(  # 2. e_t, f_t, durations, f~_t
            self.acoustic, talk.ids, talk.tokens, talk.mel, talk.mel_frames, source.f_id
        )
        f_lip = self.hear(said.embedding, said.feature, talk.mel_frames, talk.starts, frames)
        still = f_m.detach()
        f_c = self.normaliser.encode(still)  # 6. normaliser, prior, sampler
        start = torch.where(talk.from_source[:, None], source.f_m.detach(), still[:, 0])
        mu = self.prior(start, f_lip)
        cfm = self.sampler.loss(f_c.detach(), mu, talk.noise, talk.times)
        rebuilt = self.normaliser.decode(f_c)
        moved = f_m if s.generator_sees == "truth" else rebuilt
        shown = window_of(torch.stack([moved, f_lip], 2), talk.at, k).flatten(0, 1)
        pictures = self.render(source.repeated(k), shown[:, 0], shown[:, 1])  # 5. fusion and G
        gap = (f_id_d - source.f_id[:, None]).square().sum(-1).mean()
        return Joint(
            pictures.unflatten(0, (-1, k)), source.f_id, said, still, rebuilt, f_c, mu, cfm, gap
        )

    def _motions(self, driving: Tensor, at: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """f_m [B, T, D] of driving pictures [B, T, 3, S, S], and f_id [B, k, D] of the `k` that are
        rendered, from `at` [B] on; only those teach E_v and E_m: the others would only cost
        memory."""
        with torch.no_grad():
            f_m = self.see(driving.flatten(0, 1)).f_m.unflatten(0, driving.shape[:2])
        kept = self.see(window_of(driving, at, k).flatten(0, 1))
        rows = torch.arange(len(at), device=at.device)[:, None]
        where = rows, at[:, None] + torch.arange(k, device=at.device)
        return f_m.index_put(where, kept.f_m.unflatten(0, (-1, k))), kept.f_id.unflatten(0, (-1, k))


@dataclass(frozen=True)
class Talk:
    """A batch of the joint stage."""

    source: Tensor
    """I_s [B, 3, S, S] in -1..1."""
    drawing: Tensor
    """Drawings of their landmarks [B, 3, S, S] in 0..1."""
    driving: Tensor
    """I_d [B, T, 3, S, S], T = 32 in the paper."""
    mouths: Tensor
    """Boxes of the driving pictures' mouths [B, T, 4] px."""
    starts: Tensor
    """Where the window begins in the clip, in video frames [B]."""
    at: Tensor
    """First of the driving frames that are rendered [B]."""
    rendered: int
    """How many are, one after the other."""
    ids: Tensor
    """Tokens of the whole clip [B, L]."""
    tokens: Tensor
    """How many of them are real [B]."""
    mel: Tensor
    """Normalised log-mel of the whole clip [B, M, 80]."""
    mel_frames: Tensor
    """How many rows of it are real [B]."""
    from_source: Tensor
    """Whether the first motion f_m,0 is the source's [B], as in use (open point O21)."""
    noise: Tensor
    """N(0, I) for the sampler [B, T, d_c]."""
    times: Tensor
    """Uniform in 0..1 for the sampler [B]."""


@dataclass(frozen=True)
class Joint:
    """What the losses of the joint stage are made of."""

    pictures: Tensor
    """Made pictures [B, k, 3, S, S]."""
    f_id: Tensor
    said: Aligned
    """The text laid along the clip's sound."""
    f_m: Tensor
    """The true motion [B, T, D], detached."""
    f_m_rebuilt: Tensor
    """The normaliser's copy of it, decode(encode(f_m)) [B, T, D]."""
    f_c: Tensor
    """Compressed [B, T, d_c]."""
    mu: Tensor
    """The prior's mean [B, T, d_c]."""
    cfm: Tensor
    """L_OT-CFM of the motion."""
    identity_gap: Tensor
    """|f_id(source) - f_id(driving)|^2, mean over pictures."""


def window_of(rows: Tensor, at: Tensor, length: int) -> Tensor:
    """`length` frames of each [B, T, ...] from `at` [B] on."""
    return torch.stack([r[int(a) : int(a) + length] for r, a in zip(rows, at, strict=True)])


ELSEWHERE = ("normaliser.down.", "normaliser.level.", "acoustic.", "vocoder.")
"""Weights that face.safetensors does without: of training alone, or in files of their own."""


def load_net(folder: Path) -> TtsfNet:
    """The network of the checkpoint in `folder`.

    Raises: BadCheckpoint: not there, incomplete, damaged, or its weights are another preset's.
    """
    check_shipped(folder, "ttsf")
    net = TtsfNet(read_settings(folder, "ttsf", TtsfSettings))
    net.vocoder.folded()
    for file, part, module in (
        ("face.safetensors", "ttsf-face", net),
        ("acoustic.safetensors", "ttsf-acoustic", net.acoustic),
        ("vocoder.safetensors", "ttsf-vocoder", net.vocoder),
    ):
        read_into(module, folder / file, part, ELSEWHERE)
    return ready(net)


def ready(net: TtsfNet) -> TtsfNet:
    """The network for use: its maps lie channel beside channel, which is a third faster."""
    for part in (net.visual_encoder, net.generator):
        part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net.eval()
