from __future__ import annotations

import numpy as np
import pytest

from vivavoce.listen.mel import MelStream, log_mel


@pytest.mark.parametrize("window", [640, 1280])
@pytest.mark.parametrize("length", [16_000, 12_345, 100, 0])
def test_in_parts_equals_whole(window: int, length: int) -> None:
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.1, length).astype(np.float32)
    whole = log_mel(sound, window)
    assert whole.shape == (length // 160, 80)
    stream, rows, at = MelStream(window), [], 0
    while at < length:
        size = int(rng.integers(1, 1500))
        rows.append(stream.push(sound[at : at + size]))
        at += size
    rows.append(stream.finish())
    assert np.allclose(np.concatenate(rows), whole, atol=1e-4)


def test_a_tone_is_where_it_sounds() -> None:
    time = np.arange(16_000) / 16_000
    tone = 0.5 * np.sin(2 * np.pi * 1000 * time) * (time > 0.5)
    mel = log_mel(tone.astype(np.float32))
    assert mel[60:90].mean(0).argmax() == pytest.approx(26, abs=1)  # 15 mel of 45.2 in 81 steps
    loud = mel.max(1) > mel.max() - 3
    assert loud.argmax() == pytest.approx(50, abs=1)
