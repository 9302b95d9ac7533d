"""A TTSF so small that a test can run it, with weights that no one has trained."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from vivavoce.speak.hifigan import HifiganSettings
from vivavoce.speak.matcha import MatchaSettings
from vivavoce.systems.ttsf.net import ELSEWHERE, Learning, TtsfNet, TtsfSettings

SMALL = TtsfSettings(
    size=64, channels={4: 16, 8: 16, 16: 12, 32: 8, 64: 8}, code=24, motions=16, compressed=5,
    mapper_width=8, prior_width=16, prior_layers=1, prior_heads=2, prior_kernel=5, sampler_width=16,
    speech=MatchaSettings(
        code=24, width=16, voice=8, layers=1, filter=16, duration_width=16, decoder_width=16,
        decoder_middle=1,
    ),
    vocoder=HifiganSettings(
        channels=16, upsamplings=(5, 4), kernels=(3,), dilations=((1, 2),), pairs=False,
        spectrum_hop=8, critic_width=4,
    ),
    learning=Learning(perceptual="corpus", identity="corpus", sync="corpus", lip_teacher=True),
)  # fmt: skip


def small_net(**changes: object) -> TtsfNet:
    torch.manual_seed(0)
    net = TtsfNet(SMALL.model_copy(update=changes))
    with torch.no_grad():  # durations of about 4 mel frames a token
        net.acoustic.durations.last.bias += 1.4
        for block in net.generator.blocks:
            block.flow.conv.weight.normal_()
    return net.eval()


def write_small(folder: Path) -> Path:
    """A checkpoint folder of `small_net`."""
    net = small_net()
    face = {k: v for k, v in net.state_dict().items() if not k.startswith(ELSEWHERE)}
    folder.mkdir()
    save_file(face, folder / "face.safetensors", {"part": "ttsf-face"})
    acoustic = net.acoustic.state_dict()
    save_file(acoustic, folder / "acoustic.safetensors", {"part": "ttsf-acoustic"})
    vocoder = {k: v.contiguous() for k, v in net.vocoder.folded().state_dict().items()}
    save_file(vocoder, folder / "vocoder.safetensors", {"part": "ttsf-vocoder"})
    about = {"system": "ttsf", "preset": "small", "settings": SMALL.model_dump(mode="json")}
    (folder / "config.json").write_text(json.dumps(about))
    return folder
