"""An STFM so small that a test can run it, with weights that no one has trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from vivavoce.nn.latent import LatentBase, LatentSettings
from vivavoce.render.hallo import HalloSettings
from vivavoce.speak.code_gpt import CodeGptSettings
from vivavoce.speak.hifigan import HifiganSettings
from vivavoce.speak.matcha import MatchaSettings
from vivavoce.speak.mel_codec import MelCodecSettings
from vivavoce.speak.tokens import COUNT
from vivavoce.systems.stfm.net import PARTS, StfmNet
from vivavoce.systems.stfm.settings import StfmSettings

LATENT = LatentSettings(
    size=64, latent_channels=4, scale=1.0, vae_channels=(8, 8, 8, 8), vae_layers=1,
    vae_attention=False, unet_channels=(8, 16), unet_layers=1, heads=2, groups=4, text_width=12,
    text_layers=1, text_heads=2, tokens=16, vocabulary=1024, prediction="v_prediction",
)  # fmt: skip
SMALL = StfmSettings(
    size=64, image_side=64, width=16, heads=2, hearing="small", voicing="mel", mel_width=12,
    frames=4,
    gpt=CodeGptSettings(
        width=16, layers=1, heads=2, text_ids=COUNT, text_start=-1, text_stop=-1, audio_ids=29,
        start=27, stop=28, longest_text=200, longest_audio=200, latents=3, perceiver_depth=1,
        perceiver_heads=2, perceiver_head=8, speaker=16, told=80,
    ),
    guide=MatchaSettings(
        code=24, width=16, voice=8, layers=1, filter=16, duration_width=16, decoder_width=16,
        decoder_middle=1,
    ),
    codec=MelCodecSettings(mels=82, width=8, blocks=1, dim=3, levels=(3, 3, 3), ids=27),
    vocoder=HifiganSettings(
        channels=16, upsamplings=(5, 4), kernels=(3,), dilations=((1, 2),), pairs=False,
        spectrum_hop=8, pitch_width=4,
    ),
    latent=LATENT,
    hallo=HalloSettings(
        channels=(8, 16), groups=4, heads=2, context=12, layers=1, audio_layers=1, audio_width=16,
        audio_hidden=8, audio_tokens=3, face=40, locator=(4, 4, 8, 8),
    ),
    piece=60,
)  # fmt: skip
OFFICIAL = SMALL.model_copy(update={
    "hearing": "official", "voicing": "latents", "latent_vocoder": 16,
    "gpt": SMALL.gpt.model_copy(update={"told": 0, "text_start": 1, "text_stop": 2}),
    "guide": None,
    "codec": MelCodecSettings(width=8, blocks=1, dim=4, ids=27),
    "hallo": SMALL.hallo.model_copy(update={
        "audio_layers": 12, "audio_width": 768, "face": 512,
    }),
})  # fmt: skip
"""The paper's wiring at a small width; Wav2Vec keeps its size."""


def small_net(settings: StfmSettings = SMALL, awake: bool = True) -> StfmNet:
    """`awake`: what begins at zero is drawn at random, so that every wire can be seen."""
    torch.manual_seed(0)
    net = StfmNet(settings)
    if awake:
        wake(net)
    if net.voice.guide is not None:
        with torch.no_grad():  # durations of about 4 mel frames a token
            net.voice.guide.durations.last.bias += 1.4
    return net.eval()


@torch.no_grad()
def wake(net: nn.Module) -> None:
    """Draw every matrix and gate that is all zero."""
    for name, parameter in net.named_parameters():
        if name.endswith("gate"):
            parameter.fill_(0.5)
        elif parameter.dim() > 1 and not parameter.any():
            parameter.normal_(0, parameter[0].numel() ** -0.5)


def small_base() -> LatentBase:
    torch.manual_seed(1)
    return LatentBase(LATENT).eval().requires_grad_(False)


def write_small(folder: Path, filmed: bool = False, **options: Any) -> Path:
    """A checkpoint folder of a small network; without a video half it asks no picture."""
    changes: dict[str, Any] = {} if filmed else {"filmed": False, "encoder": "none"}
    settings = SMALL.model_copy(update=changes)
    net = small_net(settings)
    folder.mkdir()
    for part in PARTS:
        module = getattr(net, part)
        if module is not None and module.state_dict():
            weights = {k: v.contiguous() for k, v in module.state_dict().items()}
            save_file(weights, folder / f"{part}.safetensors", {"part": f"stfm-{part}"})
    about = {
        "system": "stfm", "preset": "small", "settings": settings.model_dump(mode="json"),
        "options": {"render": "portrait"} | options,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(about))
    return folder
