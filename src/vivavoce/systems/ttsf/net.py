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

from vivavoce.errors import BadCheckpoint
from vivavoce.listen.audio_mapper import AudioMapper, conditions, surround
from vivavoce.look.motion_codes import MotionCodes, hidden_mouth
from vivavoce.look.visual_encoder import VisualEncoder
from vivavoce.move.motion_sampler import MotionNormaliser, MotionPrior, MotionSampler, NoNormaliser
from vivavoce.nn.weights import read_settings, read_weights
from vivavoce.render.flow_generator import FlowGenerator, fuse
from vivavoce.speak import acoustic, hifigan, matcha
from vivavoce.speak.hifigan import Hifigan, HifiganSettings
from vivavoce.speak.matcha import Aligned, Matcha, MatchaSettings
from vivavoce.systems.stage import Optimiser, Stage

WEIGHTS_OF_LOSSES = {
    "gan": 0.1, "rec": 1.0, "id": 0.3, "sync": 0.1, "cfm": 0.1, "ae": 1.0, "prior": 0.1, "tts": 1.0,
}  # fmt: skip
"""lambda_1 .. lambda_8 of Eq. 8."""
CROP = "close"
"""What of a picture it sees, see `look.crop`."""
WINDOW = 32
"""Frames that the motion sampler learns from (section 4.1)."""


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
    elsewhere: Literal["identity", "source"] = "identity"
    """What the other slots get: f_id, or the source's whole code f_s, which knows its pose."""
    compressed: int = 16
    """Length d_c of f_c; below `motions`."""
    normalised: bool = True
    """False: the sampler draws f_m itself instead of f_c, the ablation of section 3.2."""
    about_mean: bool = False
    """The sampler's paths begin in N(mu, I) instead of N(0, I), in training and in use."""
    shows: Literal["f_m", "again"] = "f_m"
    """What motion G learns from in the joint stage: the true one, or the normaliser's copy of it,
    which is nearer to what it gets in use (to tune a trained G)."""
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

    @property
    def drawn(self) -> int:
        """Length of what the sampler draws for a frame."""
        return self.compressed if self.normalised else self.code


PRESETS = {
    "paper": TtsfSettings(),
    "tiny": TtsfSettings(
        size=128, channels={4: 128, 8: 128, 16: 128, 32: 96, 64: 48, 128: 24}, code=256,
        mapper_width=48, prior_width=96, prior_heads=4, prior_layers=2, prior_kernel=15,
        sampler_width=56,
        hide_mouth=True, elsewhere="source", speech=matcha.PRESETS["tiny"],
        vocoder=hifigan.PRESETS["tiny"],
    ),
}  # fmt: skip


ENCODER = ("visual_encoder", "motion_codes")
FACE = (*ENCODER, "generator")
MOTION = ("audio_mapper", "normaliser", "prior", "sampler")
ALL = (*FACE, *MOTION, "acoustic")
"""What the joint stage trains: nothing of the speech half is frozen, since lambda_8 is 1."""
JOINT_LOSSES = WEIGHTS_OF_LOSSES | {"critic": 1.0, "r1": 0.0, "lpips": 0.0, "same": 0.0}
"""Eq. 8, the discriminator's own, and what is off unless asked for: R1, LPIPS beside Eq. 3, and
that f_id of source and driving pictures be one."""
_JOINT = {"critic": Optimiser(("critic",), 1e-4), "maker": Optimiser(ALL, 1e-4, clip=1.0)}
STAGES = {
    "paper": (
        Stage("face", {"rec": 1.0}, 200_000, 8, {"face": Optimiser(FACE, 1e-4, clip=1.0)},
              window=WINDOW),
        Stage("joint", JOINT_LOSSES, 200_000, 8, _JOINT, window=WINDOW, workers=4),
    ),
    "tiny": (
        Stage("encoder", {"guide": 1.0, "who": 0.5}, 700, 8,
              {"encoder": Optimiser((*ENCODER, "recogniser"), 4e-3, betas=(0.9, 0.99), warmup=0.05,
                                    clip=2.0, schedule="cosine")},
              window=WINDOW, ema=0.99),
        Stage("face", {"rec": 1.0, "flow": 10.0, "lips": 20.0, "guide": 0.5, "who": 0.25}, 3000, 3,
              {"face": Optimiser((*FACE, "recogniser", "lip_teacher"), 6e-3, betas=(0.9, 0.99),
                                 warmup=0.01, clip=2.0, schedule="cosine")},
              window=WINDOW, ema=0.998,
              curriculum={0: {"taught": 0.6}, 2000: {"taught": 0.3}}),
        Stage("generator", {"rec": 1.0, "flow": 5.0, "lips": 20.0}, 1500, 3,
              {"generator": Optimiser(("generator", "lip_teacher"), 4e-3, betas=(0.9, 0.99),
                                      warmup=0.05, clip=2.0, schedule="cosine")},
              window=WINDOW, ema=0.998, curriculum={0: {"taught": 0.2}}),
        Stage("motion", {"lips": 1.0, "ae": 1.0, "prior": 0.1, "cfm": 1.0}, 1500, 16,
              {"motion": Optimiser(MOTION, 1e-3, warmup=0.05, clip=1.0, schedule="cosine")},
              window=WINDOW, ema=0.995),
        Stage("reader", {"curves": 1.0}, 600, 64,
              {"reader": Optimiser(("lip_reader",), 2e-3, schedule="cosine")}, window=WINDOW),
        Stage("joint", JOINT_LOSSES, 200, 1, _JOINT, window=WINDOW),
    ),
}  # fmt: skip
"""Section 4 of docs/systems/ttsf.md; the speech half's own stages come after `face`."""


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

    def repeated(self, count: int) -> Seen:
        """Each picture `count` times in a row."""
        again = [x.repeat_interleave(count, 0) for x in (self.f, self.f_id, self.f_m, *self.maps)]
        return Seen(again[0], again[1], again[2], again[3:])


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
            s.code, s.drawn, s.prior_width, s.prior_layers, s.prior_heads, s.prior_kernel
        )  # fmt: skip
        self.sampler = MotionSampler(s.drawn, s.sampler_width, s.about_mean)  # v_theta
        self.generator = FlowGenerator(s.size, s.channels, s.code)  # G

    def see(self, pictures: Tensor) -> Seen:
        """f = f_id + f_m of pictures [B, 3, S, S] in -1..1 (section 3.1)."""
        f, maps = self.visual_encoder(pictures)
        f_id, f_m = self.motion_codes.split(f)
        return Seen(f, f_id, f_m, maps)

    def speak(
        self, text: str, who: Tensor, steps: int, speed: float = 1.0, temperature: float = 1.0
    ) -> acoustic.Spoken:
        """About a sentence in the voice of `who` [1, D] (section 3.3), `speed` times as fast;
        `temperature` scales the noise that the mel is drawn from."""
        scale = temperature * acoustic.TEMPERATURE
        return acoustic.speak(self.acoustic, self.vocoder, text, who, steps, speed, scale)

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
        if s.elsewhere == "source":
            keep = [n for n in range(self.generator.slots) if n not in s.manipulated]
            styles[:, keep] = source.f.expand(len(styles), -1)[:, None]
        return self.generator(styles, source.maps)

    def forward(self, talk: Talk) -> Joint:
        """The training path, in the paper's order; losses are made of what it gives.

        Gradients stop where f_m goes into the normaliser and f_c into the prior and the sampler,
        or the code could collapse; f_id into speech and f~_t into the mapper stay attached.
        """
        s, frames, k = self.settings, talk.driving.shape[1], talk.rendered
        source = self.see(talk.source)  # 1. f_s = f_id + f_m,s
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
        start = torch.where(talk.elsewhere[:, None], source.f_m.detach(), still[:, 0])
        mu = self.prior(start, f_lip)
        cfm = self.sampler.loss(f_c.detach(), mu, talk.noise, talk.times)
        again = self.normaliser.decode(f_c)
        moved = f_m if s.shows == "f_m" else again
        shown = window_of(torch.stack([moved, f_lip], 2), talk.at, k).flatten(0, 1)
        pictures = self.render(source.repeated(k), shown[:, 0], shown[:, 1])  # 5. fusion and G
        same = (f_id_d - source.f_id[:, None]).square().sum(-1).mean()
        return Joint(
            pictures.unflatten(0, (-1, k)), source.f_id, said, still, again, f_c, mu, cfm, same
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
    elsewhere: Tensor
    """[B], true where the first motion f_m,0 is the source's (open point O21)."""
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
    again: Tensor
    """The normaliser's copy of it."""
    f_c: Tensor
    """Compressed [B, T, d_c]."""
    mu: Tensor
    """The prior's mean [B, T, d_c]."""
    cfm: Tensor
    """L_OT-CFM of the motion."""
    same: Tensor
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
    if not folder.is_dir():
        raise BadCheckpoint(
            f"No {folder.name} ships with this version. Train one with `vivavoce train ttsf --data "
            "SHARDS -o FOLDER` and give its folder: --system FOLDER."
        )
    net = TtsfNet(read_settings(folder, "ttsf", TtsfSettings))
    net.vocoder.folded()
    for file, part, module in (
        ("face.safetensors", "ttsf-face", net),
        ("acoustic.safetensors", "ttsf-acoustic", net.acoustic),
        ("vocoder.safetensors", "ttsf-vocoder", net.vocoder),
    ):
        weights, _ = read_weights(folder / file, part)
        _fill(module, {k: v.float() for k, v in weights.items()}, folder / file)
    return ready(net)


def ready(net: TtsfNet) -> TtsfNet:
    """The network for use: its maps lie channel beside channel, which is a third faster."""
    for part in (net.visual_encoder, net.generator):
        part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net.eval()


def _fill(module: nn.Module, weights: dict[str, Tensor], file: Path) -> None:
    try:
        missing, unknown = module.load_state_dict(weights, strict=False)
    except RuntimeError:
        missing, unknown = ["sizes"], []
    if unknown or any(not name.startswith(ELSEWHERE) for name in missing):
        raise BadCheckpoint(
            f"{file} does not fit the settings in config.json beside it: it was trained for "
            "another preset. Copy all files from one checkpoint."
        )
