"""HiFi-GAN: lengths, locality, sizes of the paper, files that give the same sound."""

from __future__ import annotations

import pytest
import torch

from vivavoce.nn.gan import least_squares_critic_loss
from vivavoce.speak.excitation import pulses
from vivavoce.speak.hifigan import PRESETS, Hifigan, HifiganSettings, SoundCritics

SMALL = HifiganSettings(
    channels=16, kernels=(3, 5), dilations=((1, 2), (1, 3)), pairs=False, critic_width=4
)
SPECTRAL = SMALL.model_copy(update={"upsamplings": (5, 4), "spectrum_hop": 8})
EXCITED = SPECTRAL.model_copy(update={"pitch_width": 8})


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def mel(frames: int, count: int = 1) -> torch.Tensor:
    return torch.randn(count, frames, 80) * 4 - 16


@pytest.mark.parametrize("settings", [SMALL, SPECTRAL, EXCITED])
def test_a_mel_frame_becomes_160_samples(settings: HifiganSettings) -> None:
    net = Hifigan(settings)
    for frames in (1, 7, 20):
        assert net(mel(frames, 2)).shape == (2, 160 * frames)


@pytest.mark.parametrize("settings", [SMALL, SPECTRAL])
def test_sound_depends_on_the_mel_near_it_alone(settings: HifiganSettings) -> None:
    net = Hifigan(settings).eval()
    one = mel(60)
    two = one.clone()
    two[:, 30] += 20
    with torch.no_grad():
        apart = (net(one) - net(two)).abs()[0].view(60, 160).amax(1)
    changed = torch.nonzero(apart > 1e-7)[:, 0]
    assert 30 in changed
    assert changed.min() > 15
    assert changed.max() < 45


def test_steps_must_come_to_a_mel_frame() -> None:
    with pytest.raises(ValueError, match="160"):
        Hifigan(SMALL.model_copy(update={"upsamplings": (8, 8)}))


@pytest.mark.parametrize("settings", [SMALL, SPECTRAL, EXCITED])
def test_folded_weights_give_the_same_sound_and_fit_a_new_network(
    settings: HifiganSettings,
) -> None:
    net = Hifigan(settings).eval()
    x = mel(9)
    with torch.no_grad():
        before = net(x)
        weights = {k: v.clone() for k, v in net.folded().state_dict().items()}
        assert torch.allclose(net(x), before, atol=1e-6)
        other = Hifigan(settings).eval().folded()
        other.load_state_dict(weights)
        assert torch.allclose(other(x), before, atol=1e-6)


def test_the_papers_sizes() -> None:
    """V1 has 13.92 M parameters at hop 256 = 8 * 8 * 2 * 2 (table 1); our upsamplings by 5, 4, 4, 2
    have shorter kernels. The published critics have 41.10 M (periods) and 29.61 M (scales)."""
    with torch.device("meta"):
        usual = HifiganSettings(upsamplings=(5, 4, 4, 2))
        counts = [
            sum(p.numel() for p in net.parameters())
            for net in (Hifigan(usual), SoundCritics().periods, SoundCritics().scales)
        ]
    assert counts[0] == pytest.approx(12.92e6, rel=0.01)
    assert counts[1] == pytest.approx(41.10e6, rel=0.01)
    assert counts[2] == pytest.approx(29.61e6, rel=0.01)


def test_pulses_come_at_the_pitch() -> None:
    octaves, voiced = torch.full((1, 100), -1.0), torch.ones(1, 100)  # 80 Hz
    voiced[:, 50:] = 0
    sound = pulses(octaves, voiced)[0]
    assert sound.shape == (16000,)
    peaks = torch.nonzero(sound > 0.6)[:, 0]
    apart = torch.diff(peaks)
    assert set(apart[apart > 2].tolist()) <= {199, 200, 201}
    assert len(apart[apart > 2]) == 39
    assert not sound[8000:].any()
    spectrum = torch.fft.rfft(sound[:8000]).abs()
    assert spectrum[40::40].min() > 20 * spectrum[20::40].max()  # lines of 80 Hz alone, to 8 kHz


def test_given_pitch_moves_the_sound_and_noise_is_the_same_each_time() -> None:
    net, x = Hifigan(EXCITED).eval(), mel(20)
    voiced = torch.ones(1, 20)
    with torch.no_grad():
        low, high = (net(x, (torch.full((1, 20), o), voiced)) for o in (-0.5, 0.5))
        assert not torch.allclose(low, high, atol=1e-5)
        assert torch.equal(net(x), net(x))


def test_critics_hear_periods_and_scales_and_can_be_taught() -> None:
    critics = SoundCritics(4)
    true = torch.sin(torch.arange(1600) * 0.3).repeat(2, 1)
    made = torch.randn(2, 1600)
    found = critics(true)
    assert len(found) == 8
    assert found[1][0].shape[-1] == 3  # folded by the period
    adam = torch.optim.Adam(critics.parameters(), 2e-3)

    def loss() -> torch.Tensor:
        pairs = zip(critics(true), critics(made), strict=True)
        return torch.stack([least_squares_critic_loss(a[-1], b[-1]) for a, b in pairs]).mean()

    first = loss().item()
    for _ in range(8):
        adam.zero_grad()
        loss().backward()
        adam.step()
    assert loss().item() < 0.8 * first


def test_the_tiny_preset_is_small() -> None:
    count = sum(p.numel() for p in Hifigan(PRESETS["tiny"]).folded().parameters())
    assert count == pytest.approx(1.39e6, rel=0.02)
