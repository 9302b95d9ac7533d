"""What the motion stage of TTSF learns from: the codes that frozen networks give every clip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vivavoce.errors import RequestError
from vivavoce.listen.audio_mapper import conditions, surround
from vivavoce.look.motion_codes import hidden_mouth
from vivavoce.speak.matcha import lay_along
from vivavoce.speak.tokens import tokens_of
from vivavoce.systems.stage import Sample
from vivavoce.systems.ttsf.net import TtsfNet
from vivavoce.train.read.square import Sight
from vivavoce.train.read.windows import Clip, Windows
from vivavoce.train.ttsf.face import MOUTH, LipTeacher, to_tensor
from vivavoce.train.ttsf.speech import MOST_FRAMES, MOST_TOKENS

MOST_CLIPS = 160
"""Clips that are looked at."""
AT_ONCE = 32
"""Pictures that are encoded at once."""
APART = 8
"""Frames from one that may be a source to the next."""


@dataclass(frozen=True)
class Codes:
    """Of one clip."""

    f_m: Tensor
    """Motion of every frame [T, D], its mouth hidden if the settings say so."""
    sources: Tensor
    """f_m,s of some frames as a portrait shows them [n, D]."""
    f_lip: Tensor
    """What the lip teacher says [T, D]."""
    heard: Tensor
    """What the mapper hears [4 T, C]."""


@torch.no_grad()
def codes_of(net: TtsfNet, teacher: LipTeacher, windows: Windows) -> list[Codes]:
    """The codes of the first `MOST_CLIPS` clips that say their phones.

    Raises: RequestError: none does.
    """
    found = []
    for number in range(len(windows)):
        clip = windows.clip(number)
        phones = clip.sample.about.get("phones")
        if phones and len(clip.mel) <= MOST_FRAMES:
            tokens = tokens_of([p[0] for p in phones], clip.sample.key).ids
            if len(tokens) <= min(MOST_TOKENS, len(clip.mel)):
                found.append(_codes(net, teacher, clip, torch.from_numpy(tokens)))
        if len(found) == MOST_CLIPS:
            break
    if not found:
        raise RequestError("The motion stage needs clips of at most 4.8 s that say their phones.")
    return found


def _codes(net: TtsfNet, teacher: LipTeacher, clip: Clip, ids: Tensor) -> Codes:
    size, all_of_it = net.settings.size, np.arange(len(clip.sample))
    sight = Sight.of(clip, 0, size)
    seen = to_tensor(sight.pictures(all_of_it))
    if net.settings.hide_mouth:
        seen = hidden_mouth(seen, torch.from_numpy(sight.mouths(all_of_it)))
    f_m = torch.cat([net.see(part).f_m for part in seen.split(AT_ONCE)])
    shown = [Sight.of(clip, int(i), size).pictures([i]) for i in all_of_it[::APART]]
    sources = net.see(to_tensor(np.concatenate(shown)))
    mouth = torch.from_numpy(clip.sample.tracks["expression"][:, list(MOUTH)]).float()
    mel = net.acoustic.normalised(torch.from_numpy(clip.mel)[None])
    counts = torch.tensor([len(ids)]), torch.tensor([mel.shape[1]])
    said = lay_along(net.acoustic, ids[None], counts[0], mel, counts[1], sources.f_id[:1])
    s = net.settings
    rows = conditions(said.embedding, said.feature, s.mapper_hears, s.energy_average)[0]
    return Codes(f_m, sources.f_m, teacher(mouth), rows)


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
    return {"f_m": clip.f_m[span], "f_lip": clip.f_lip[span], "start": start, "heard": heard}
