"""TTSF's motion half, trained in `tiny` on codes that frozen networks give every clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.listen.audio_mapper import conditions, surround
from vivavoce.look.motion_codes import hidden_mouth
from vivavoce.move.motion_sampler import prior_loss
from vivavoce.nn.pictures import as_tensor
from vivavoce.speak.matcha import lay_along
from vivavoce.systems.stage import Run, Sample, Stage, Trainable, Turn
from vivavoce.systems.ttsf.motion import MOUTH, TYPICAL
from vivavoce.systems.ttsf.net import TtsfNet
from vivavoce.train.read.square import Sight
from vivavoce.train.read.windows import Clip, Windows
from vivavoce.train.ttsf.clips import clips_of, spread
from vivavoce.train.ttsf.face import LipTeacher
from vivavoce.train.ttsf.script import script_of

MOST_CLIPS = 320
"""Clips that are looked at."""
AT_ONCE = 32
"""Pictures that are encoded at once."""
APART = 8
"""Frames from one that may be a source to the next."""


@dataclass(frozen=True)
class Codes:
    """What the frozen networks say of one clip, on the CPU."""

    f_m: Tensor
    """Motion of every frame [T, D], its mouth hidden if the settings say so."""
    sources: Tensor
    """f_m,s of some frames as a portrait shows them [n, D]."""
    f_lip: Tensor
    """What the lip teacher says [T, D]."""
    mouth: Tensor
    """The mouth's coefficients [T, 28]."""
    heard: Tensor
    """What the mapper hears [4 T, C]."""


@torch.no_grad()
def codes_of(net: TtsfNet, teacher: LipTeacher, clips: Windows) -> list[Codes]:
    """The codes of at most `MOST_CLIPS` clips that say what is spoken in them, evenly spread."""
    asked = ((n, script_of(clips.about[n], str(n))) for n in spread(len(clips), 4 * MOST_CLIPS))
    spoken = [(n, script) for n, script in asked if script is not None]
    chosen = [spoken[i] for i in spread(len(spoken), MOST_CLIPS)]
    return [
        _codes(net, teacher, clips.clip(n), torch.from_numpy(script.tokens.ids))
        for n, script in chosen
    ]


def _codes(net: TtsfNet, teacher: LipTeacher, clip: Clip, ids: Tensor) -> Codes:
    s, every = net.settings, np.arange(len(clip.sample))
    device = next(net.parameters()).device
    sight = Sight.of(clip, 0, s.size)
    seen = as_tensor(sight.pictures(every), net)
    if s.hide_mouth:
        seen = hidden_mouth(seen, torch.from_numpy(sight.mouths(every)).to(device))
    f_m = torch.cat([net.see(part).f_m for part in seen.split(AT_ONCE)])
    shown = [Sight.of(clip, int(i), s.size).pictures([i]) for i in every[::APART]]
    sources = net.see(as_tensor(np.concatenate(shown), net))
    mouth = torch.from_numpy(clip.sample.tracks["expression"][:, list(MOUTH)]).float().to(device)
    mel = net.acoustic.normalised(torch.from_numpy(clip.mel)[None].to(device))
    tokens, frames = (torch.tensor([n], device=device) for n in (len(ids), mel.shape[1]))
    said = lay_along(net.acoustic, ids[None].to(device), tokens, mel, frames, sources.f_id[:1])
    rows = conditions(said.embedding, said.feature, s.mapper_hears, s.energy_average)[0]
    return Codes(*(x.cpu() for x in (f_m, sources.f_m, teacher(mouth), mouth, rows)))


def draw_codes(
    codes: list[Codes], net: TtsfNet, frames: int, rng: np.random.Generator
) -> Sample:  # fmt: skip
    """A window of a clip's codes, and where its motion starts."""
    clip = codes[int(rng.integers(len(codes)))]
    first = int(rng.integers(len(clip.f_m) - frames + 1))
    span = slice(first, first + frames)
    start = clip.f_m[first]
    if rng.random() < net.settings.random_start:
        start = clip.sources[int(rng.integers(len(clip.sources)))]
    context = net.audio_mapper.context if net.settings.real_context else 0
    length = torch.tensor([len(clip.heard)])
    heard = surround(clip.heard[None], length, torch.tensor([first]), frames, context)[0]
    return {
        "f_m": clip.f_m[span],
        "f_lip": clip.f_lip[span],
        "mouth": clip.mouth[span],
        "start": start,
        "heard": heard,
    }


class MotionTraining(Trainable):
    """Stage motion: audio mapper, normaliser, prior and sampler, on codes that stand still."""

    system = "ttsf"

    def __init__(self, net: TtsfNet, teacher: LipTeacher, stages: tuple[Stage, ...]) -> None:
        self.net, self.teacher, self.stages = net, teacher, stages
        self.network = nn.ModuleDict({
            "audio_mapper": net.audio_mapper, "normaliser": net.normaliser, "prior": net.prior,
            "sampler": net.sampler,
        })  # fmt: skip
        if net.lip_decoder is not None:
            self.network["lip_decoder"] = net.lip_decoder
        self.codes: list[Codes] = []

    def begin(self, stage: Stage, run: Run) -> None:
        """Look at some clips once with the networks that stand still."""
        self.codes = codes_of(self.net.eval(), self.teacher, clips_of(run, stage.window))

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A window of a clip's codes."""
        return draw_codes(self.codes, self.net, stage.window, rng)

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """Lip codes against the teacher's, the mouth that is read out of them against the true one,
        L_AE, L_prior (Eq. 7), L_OT-CFM (Eq. 6)."""
        net, frames = self.net, batch["f_m"].shape[1]
        f_lip = net.audio_mapper(batch["heard"], frames)
        f_c = net.normaliser.encode(batch["f_m"])
        mu = net.prior(batch["start"], f_lip.detach())
        noise = turn.normal(*f_c.shape[1:])
        found = {}
        if net.lip_decoder is not None:
            found["mouth"] = F.l1_loss(net.lip_decoder.guess(f_lip), batch["mouth"]) / TYPICAL
        return found | {
            "lips": F.mse_loss(f_lip, batch["f_lip"]),
            "ae": F.mse_loss(net.normaliser.decode(f_c), batch["f_m"]),
            "prior": prior_loss(f_c.detach(), mu),
            "cfm": net.sampler.loss(f_c.detach(), mu, noise, turn.uniform()),
        }

    @torch.no_grad()
    def settle(self, stage: Stage) -> None:
        """Let the mouths that are read out of f_lip vary as the true ones do."""
        net = self.net
        if net.lip_decoder is None:
            return
        context = net.audio_mapper.context if net.settings.real_context else 0
        guessed = []
        for clip in self.codes:
            frames, length = len(clip.f_m), torch.tensor([len(clip.heard)])
            start = torch.zeros(1, dtype=torch.long)
            heard = surround(clip.heard[None], length, start, frames, context)
            guessed.append(
                net.lip_decoder.guess(net.audio_mapper(heard.to(self.device), frames)[0])
            )
        true = torch.cat([clip.mouth for clip in self.codes]).to(self.device)
        net.lip_decoder.vary_like(torch.cat(guessed), true)
