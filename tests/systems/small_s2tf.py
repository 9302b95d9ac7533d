"""An S2TF so small that a test can run it, with weights that no one has trained."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from vivavoce.systems.s2tf.net import TRAINING_ONLY, S2tfNet, ready
from vivavoce.systems.s2tf.settings import Learning, S2tfSettings

SMALL = S2tfSettings(
    start=2, channels=(16, 16, 16, 12, 8, 8), hidden=16, content=12, people=4,
    face_layers=(1, 1, 1, 1), face_width=4, face_groups=2, frame_channels=(8, 8, 8, 8, 8, 8, 8),
    frame_pool="whole", centred=True, voice_layers=(1, 1, 1, 1), voice_filters=(4, 4, 8, 8),
    voice_stem=2,
    learning=Learning(perceptual="corpus", scale=16.0, margin=0.2, temperature=0.1, critic=8),
)  # fmt: skip


def small_net(**changes: object) -> S2tfNet:
    torch.manual_seed(0)
    return ready(S2tfNet(SMALL.model_copy(update=changes)))


def write_small(folder: Path) -> Path:
    """A checkpoint folder of `small_net`."""
    folder.mkdir()
    kept = {
        name: value.contiguous()
        for name, value in small_net().state_dict().items()
        if not name.startswith(TRAINING_ONLY)
    }
    save_file(kept, folder / "s2tf.safetensors", {"part": "s2tf"})
    about = {"system": "s2tf", "preset": "small", "settings": SMALL.model_dump(mode="json")}
    (folder / "config.json").write_text(json.dumps(about))
    return folder
