"""TTSF's picture networks and its audio mapper, each by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from vivavoce.listen.audio_mapper import AudioMapper, conditions, energy, surround
from vivavoce.look.motion_codes import MotionCodes
from vivavoce.look.visual_encoder import VisualEncoder
from vivavoce.move.motion_sampler import (
    Level,
    MotionNormaliser,
    MotionSampler,
    prior_loss,
)
from vivavoce.nn.equalised import double, halve
from vivavoce.render.flow_generator import FlowGenerator, Modulated, slots_of
from vivavoce.systems.ttsf.motion import (
    MOST_GAIN,
    MOUTH,
    REACH,
    RESTING_CLOSE,
    LipDecoder,
    motion_of,
)
from vivavoce.types import ARKIT_INDEX

CHANNELS = {4: 16, 8: 16, 16: 12, 32: 8}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def pictures(count: int) -> Tensor:
    return torch.rand(count, 3, 32, 32) * 2 - 1


def test_the_encoder_gives_a_code_and_a_map_for_every_resolution_from_8() -> None:
    code, maps = VisualEncoder(32, CHANNELS, 24)(pictures(2))
    assert code.shape == (2, 24)
    assert [tuple(m.shape[1:]) for m in maps] == [(16, 8, 8), (12, 16, 16), (8, 32, 32)]


def test_a_generator_of_256_px_has_14_style_slots() -> None:
    assert [slots_of(s) for s in (64, 128, 256)] == [10, 12, 14]


def test_the_generator_begins_as_a_copy_of_where_the_source_is() -> None:
    encoder, generator = VisualEncoder(32, CHANNELS, 24), FlowGenerator(32, CHANNELS, 24)
    _, maps = encoder(pictures(1))
    styles = torch.randn(3, generator.slots, 24)
    made, flows = generator.with_flow(styles, maps)
    assert made.shape == (3, 3, 32, 32)
    assert [f.shape[-1] for f in flows] == [8, 16, 32]
    assert not any(f.any() for f in flows)


def test_a_flow_that_reads_landmarks_sees_no_appearance() -> None:
    """Other maps, the same flow: what it reads is the drawing and the styles alone."""
    generator = FlowGenerator(32, CHANNELS, 24, "landmarks")
    with torch.no_grad():
        for block in generator.blocks:
            block.flow.conv.weight.normal_()
    styles, drawing = torch.randn(1, generator.slots, 24), torch.rand(1, 3, 32, 32)
    sizes = (16, 8), (12, 16), (8, 32)
    first, second = ([torch.randn(1, c, s, s) for c, s in sizes] for _ in range(2))
    made, flows = generator.with_flow(styles, first, drawing)
    other, same = generator.with_flow(styles, second, drawing)
    assert all(torch.equal(a, b) for a, b in zip(flows, same, strict=True))
    assert not torch.allclose(made, other)
    _, moved = generator.with_flow(styles, first, drawing.flip(3))
    assert all(not torch.allclose(a, b) for a, b in zip(flows, moved, strict=True))
    styles[:, 2] += 1
    _, led = generator.with_flow(styles, first, drawing)
    assert not torch.allclose(flows[0], led[0])


def test_codes_are_told_as_arkit_motion() -> None:
    rest = np.zeros(20, np.float32)
    amounts = np.zeros((3, 20), np.float32)
    amounts[1, 0], amounts[1, 8], amounts[2, 15] = REACH, REACH * 5, 9.0
    mouths = np.full((3, len(MOUTH)), 0.2, np.float32)
    motion = motion_of(amounts, rest, mouths)
    assert motion.pose[0].tolist() == [0] * 6
    assert motion.pose[1, 0] == pytest.approx(0.1)  # a standard deviation of yaw
    assert motion.expression[1, ARKIT_INDEX["eyeBlinkLeft"]] == pytest.approx(0.9)
    assert not motion.expression[:, ARKIT_INDEX["eyeBlinkRight"]].any()
    assert motion.expression[0, ARKIT_INDEX["jawOpen"]] == pytest.approx(0.2)
    assert np.array_equal(motion.expression[0], motion.expression[2])  # a code of no known meaning
    close = motion.expression[0, ARKIT_INDEX["mouthClose"]]
    assert close == pytest.approx(0.2 - RESTING_CLOSE)  # what corpus lips need to touch at rest
    open_lips = motion_of(amounts, rest, 0 * mouths)
    assert not open_lips.expression[:, ARKIT_INDEX["mouthClose"]].any()
    turned = motion_of(amounts, amounts[1], mouths)
    assert not turned.pose[1].any()


def test_the_lip_decoder_keeps_to_what_a_mouth_can_do() -> None:
    decoder = LipDecoder(24).eval()
    told = decoder(100 * torch.randn(50, 24))
    assert told.shape == (50, 28)
    assert told.min() == 0
    assert told.max() <= 1
    assert decoder.guess(100 * torch.randn(50, 24)).min() < 0  # a slope where it is wrong


def test_decoded_lips_vary_as_the_true_ones() -> None:
    decoder, codes = LipDecoder(24), torch.randn(400, 24)
    guessed = decoder.guess(codes)
    true = 0.3 + 1.4 * (guessed - guessed.mean(0))
    decoder.vary_like(guessed, true)
    assert decoder.gain == pytest.approx(1.4, abs=1e-3)
    decoder.middle += 0.3 - guessed.mean(0)  # away from the ends of 0..1
    inside = decoder.middle + decoder.gain * (guessed - decoder.middle)
    assert torch.allclose(decoder(codes), inside.clamp(0, 1), atol=1e-5)
    decoder.vary_like(guessed, 9 * guessed)
    assert decoder.gain.max() == pytest.approx(MOST_GAIN)
    decoder.vary_like(guessed, 0.5 * guessed)
    assert decoder.gain.min() == 1


def test_a_flow_moves_the_source() -> None:
    """A flow of exactly one pixel to the left shows what lies one pixel to the left."""
    generator = FlowGenerator(8, {4: 2, 8: 2}, 4)
    head = generator.blocks[0].flow
    with torch.no_grad():
        head.bias[0] = torch.atanh(torch.tensor(-2 / 7))
        head.bias[2] = 30.0
    source = torch.rand(1, 2, 8, 8)
    blank = torch.zeros(1, 2, 8, 8)
    seen, _ = head(blank, blank, torch.zeros(1, 4), source, None)
    assert torch.allclose(seen[..., 1:], source[..., :-1], atol=1e-4)


def test_modulation_is_that_of_the_weights() -> None:
    """StyleGAN2 scales and normalises the weights of each sample; ours must be the same map."""
    conv = Modulated(5, 7, 3, 4)
    x, style = torch.randn(2, 5, 6, 6), torch.randn(2, 4)
    made = conv(x, style)
    for i in range(2):
        scaled = conv.weight * conv.modulation(style)[i][None, :, None, None] / (5 * 9) ** 0.5
        unit = scaled / (scaled.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        wanted = torch.nn.functional.conv2d(x[i : i + 1], unit, padding=1) * 2**0.5
        assert torch.allclose(made[i : i + 1], wanted, atol=1e-5)


def test_halving_and_doubling_keep_what_is_flat() -> None:
    flat = torch.full((1, 2, 8, 8), 3.0)
    assert torch.allclose(halve(flat)[..., 1:-1, 1:-1], torch.tensor(3.0))
    assert torch.allclose(double(flat), torch.tensor(3.0))


def test_motion_codes_separate_motion_from_identity() -> None:
    codes = MotionCodes(24, 5)
    f = torch.randn(4, 24)
    f_id, f_m = codes.split(f)
    inside = f_m @ codes.directions() @ codes.directions().T
    assert torch.allclose(inside, f_m, atol=1e-5)  # in the span of the codes
    assert torch.equal(f_id, f - f_m)


def test_the_mapper_of_the_paper_uses_60_rows_on_each_side() -> None:
    assert AudioMapper(273, 512).context == 60
    small = AudioMapper(3, 8, 4, kernels=(3, 5), dilations=(1, 2))
    assert small(torch.randn(2, 4 * 6 + 2 * small.context, 3), 6).shape == (2, 6, 8)


def test_the_mapper_stretches_when_it_gets_no_context() -> None:
    small = AudioMapper(3, 8, 4, kernels=(3, 5), dilations=(1, 2))
    assert small(torch.randn(2, 4 * 12, 3), 12).shape == (2, 12, 8)


def test_surroundings_are_real_inside_and_repeated_at_the_ends() -> None:
    rows = torch.arange(40.0)[None, :, None]
    cut = surround(rows, torch.tensor([40]), torch.tensor([3]), 2, 4)[0, :, 0]
    assert cut.tolist() == list(range(8, 24))
    first = surround(rows, torch.tensor([40]), torch.tensor([0]), 1, 3)[0, :, 0]
    assert first.tolist() == [0, 0, 0, 0, 1, 2, 3, 4, 5, 6]
    last = surround(rows, torch.tensor([38]), torch.tensor([9]), 1, 2)[0, :, 0]
    assert last.tolist() == [34, 35, 36, 37, 37, 37, 37, 37]


def test_what_the_mapper_may_not_hear_is_silent() -> None:
    e_t, feature = torch.randn(1, 6, 4), torch.randn(1, 6, 3)
    heard = conditions(e_t, feature, ("embedding",))
    assert torch.equal(heard[..., :4], e_t)
    assert not heard[..., 4:].any()
    both = conditions(e_t, feature, ("feature", "energy"))
    assert torch.equal(both[..., 7:], energy(feature))


def test_energy_is_a_norm_or_an_average() -> None:
    feature = torch.tensor([[[3.0, -4.0]]])
    assert torch.allclose(energy(feature) * 2**0.5, torch.tensor(5.0))
    assert torch.allclose(energy(feature, average=True), torch.tensor(-0.5))


def test_what_the_normaliser_gives_the_flow_has_unit_variance() -> None:
    normaliser = MotionNormaliser(24, 5)
    f_c = normaliser.encode(7 + 30 * torch.randn(8, 32, 24))
    assert torch.allclose(f_c.std((0, 1)), torch.ones(5), atol=0.01)
    assert normaliser.decode(f_c).shape == (8, 32, 24)


def test_a_window_alone_keeps_the_pose_that_its_frames_share() -> None:
    """Statistics of the batch itself would bring every window's mean to 0."""
    level = Level(5).train()
    for _ in range(200):
        level(torch.randn(1, 1, 5) + 0.1 * torch.randn(1, 32, 5))
    left, right = (level(x + 0.1 * torch.randn(1, 32, 5)).mean((0, 1)) for x in (-1.0, 1.0))
    assert (left < -0.5).all()
    assert (right > 0.5).all()


def test_the_statistics_stand_still_where_nothing_learns() -> None:
    level = Level(5).train()
    level(torch.randn(2, 32, 5))
    before = level.running_mean.clone()
    with torch.no_grad():  # the discriminator's turn
        level(3 + torch.randn(2, 32, 5))
    level.eval()(3 + torch.randn(2, 32, 5))
    assert torch.equal(level.running_mean, before)


def test_the_prior_loss_is_a_gaussian_likelihood() -> None:
    f_c, mu = torch.randn(2, 6, 5), torch.randn(2, 6, 5)
    wanted = -torch.distributions.Normal(mu, 1.0).log_prob(f_c).mean()
    assert torch.allclose(prior_loss(f_c, mu), wanted)


def test_padding_does_not_reach_the_frames_of_a_clip() -> None:
    sampler = MotionSampler(5, 16).eval()
    x, mu, t = torch.randn(1, 9, 5), torch.randn(1, 9, 5), torch.tensor([0.3])
    mask = torch.arange(13)[None] < 9
    longer = [torch.cat([a, 9 * torch.ones(1, 4, 5)], 1) for a in (x, mu)]
    alone = sampler.velocity(x, mu, t)
    assert torch.allclose(sampler.velocity(*longer, t, mask)[:, :9], alone, atol=1e-5)
