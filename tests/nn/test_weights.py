"""Files of weights: what goes in comes out, within half a step of its row."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from vivavoce.nn.weights import packed, read_weights


def test_matrices_are_kept_in_bytes_and_come_back(tmp_path: Path) -> None:
    torch.manual_seed(0)
    weights = {
        "conv.weight": torch.randn(24, 16, 3, 3) * torch.logspace(-3, 3, 24).view(-1, 1, 1, 1),
        "conv.bias": torch.randn(24),
        "small.weight": torch.randn(4, 4),
        "nothing": torch.zeros(64, 64),
        "count": torch.tensor(7),
    }
    file = tmp_path / "w.safetensors"
    save_file(packed(weights), file, {"part": "toy"})
    assert file.stat().st_size < 24 * 16 * 9 + 64 * 64 + 2000
    found, _ = read_weights(file, "toy")
    assert found.keys() == weights.keys()
    assert torch.equal(found["count"], weights["count"])
    assert torch.equal(found["nothing"], weights["nothing"])
    assert torch.allclose(found["conv.bias"].float(), weights["conv.bias"], atol=1e-3)
    assert torch.allclose(found["small.weight"].float(), weights["small.weight"], atol=2e-3)
    rows, kept = found["conv.weight"].flatten(1), weights["conv.weight"].flatten(1)
    step = kept.abs().amax(1, keepdim=True) / 127
    assert ((rows - kept).abs() <= 0.501 * step).all()
    assert ((rows - kept).abs() > 0.4 * step).any()
