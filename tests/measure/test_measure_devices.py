"""Judges on a device: what they are given goes to their networks, and answers come back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fake_device import FAR, FakeGpu
from vivavoce.measure.judges import load_judge
from vivavoce.measure.judges.corpus import ClipJudge, FaceJudge, SyncJudge, VoiceJudge

FRAMES = 40
RNG = np.random.default_rng(0)
PICTURES = RNG.integers(0, 255, (FRAMES, 96, 96, 3)).astype(np.uint8)
SOUND = (0.1 * RNG.standard_normal(640 * FRAMES)).astype(np.float32)


def points() -> np.ndarray:
    from vivavoce.measure.bounds.doctor import plain_face

    return np.repeat(plain_face().landmarks[None] * (96 / 512), FRAMES, 0)


ASKED = {
    "picture": ("features", "maps", "embedding", "people", "attributes", "emotions"),
    "clip": ("features",), "sync": ("distances",), "voice": ("features", "embedding"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ASKED)
def test_answers_on_a_device_are_those_of_the_cpu(kind: str) -> None:
    judge = load_judge(kind)
    given = {
        "sync": (points(), SOUND), "voice": (SOUND,),
    }.get(kind, (PICTURES[:18], points()[:18]))  # fmt: skip
    at_home = [getattr(judge, what)(*given) for what in ASKED[kind]]
    made = {"picture": FaceJudge, "clip": ClipJudge, "sync": SyncJudge, "voice": VoiceJudge}
    from vivavoce.nn.weights import SHIPPED

    with FakeGpu() as gpu:
        away = made[kind](SHIPPED / "judges")
        networks = [v for v in vars(getattr(away, "face", away)).values()
                    if isinstance(v, torch.nn.Module)]  # fmt: skip
        for network in networks:
            network.to(FAR)
        assert all(gpu.is_far(next(network.parameters())) for network in networks)
        answers = [getattr(away, what)(*given) for what in ASKED[kind]]
    for home, far in zip(at_home, answers, strict=True):
        np.testing.assert_equal(far, home)


def test_a_device_that_is_not_there_is_refused() -> None:
    from vivavoce.errors import RequestError

    with pytest.raises(RequestError, match="no device 'gpu'"):
        load_judge("face", device="gpu")
