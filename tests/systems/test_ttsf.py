"""The checklist of the TTSF specification (section 10), item by item."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
import pytest
import torch
from small_ttsf import SMALL, small_net, write_small
from torch import Tensor

import vivavoce
from vivavoce.errors import BadCheckpoint, BadMedia, RequestError, UnknownName
from vivavoce.listen.mel import log_mel
from vivavoce.media.provenance import Provenance
from vivavoce.media.sound import write_sound
from vivavoce.move.motion_sampler import MotionSampler, prior_loss
from vivavoce.nn.flow_matching import SIGMA_MIN, path, solve, velocity
from vivavoce.render.flow_generator import fuse
from vivavoce.speak import acoustic
from vivavoce.speak.alignment import expand
from vivavoce.speak.tokens import tokens_of
from vivavoce.systems.ttsf.net import PRESETS, Talk, TtsfNet
from vivavoce.systems.ttsf.stages import STAGES, WEIGHTS_OF_LOSSES
from vivavoce.systems.ttsf.talker import Ttsf
from vivavoce.types import INNER_LOWER_LIP, SAMPLES_PER_FRAME, Face, Speech

TEXT = "My mum bakes bread."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small(tmp_path_factory.mktemp("ttsf") / "small")


@pytest.fixture(scope="module")
def system(folder: Path) -> object:
    return vivavoce.load(str(folder))


@pytest.fixture(scope="module")
def face() -> Face:
    """A picture with points on it; nobody has to track it."""
    rng = np.random.default_rng(0)
    points = rng.uniform(70, 190, (478, 3)).astype(np.float32)
    points[33, :2], points[263, :2] = (100, 110), (160, 110)
    points[10, :2], points[152, :2] = (130, 60), (130, 200)
    picture = rng.integers(0, 255, (256, 256, 3), np.uint8)
    none = np.zeros(0, np.float32)
    return Face(picture, points, none, np.zeros(52, np.float32), np.zeros(6, np.float32),
                np.ones((256, 256), np.float32), (0, 0, 256, 256))  # fmt: skip


def a_talk(frames: int = 8, rendered: int = 2) -> Talk:
    rng = torch.Generator().manual_seed(1)
    pictures = torch.rand(2, frames + 1, 3, 64, 64, generator=rng) * 2 - 1
    return Talk(
        pictures[:, 0], torch.rand(2, 3, 64, 64, generator=rng), pictures[:, 1:],
        torch.tensor([20.0, 30, 40, 50]).expand(2, frames, 4),
        torch.tensor([1, 0]), torch.tensor([3, 0]), rendered, torch.randint(0, 9, (2, 11)),
        torch.tensor([11, 9]), torch.randn(2, 44, 80, generator=rng), torch.tensor([44, 36]),
        torch.tensor([True, False]), torch.randn(2, frames, 5, generator=rng),
        torch.tensor([0.2, 0.7]),
    )  # fmt: skip


def test_01_a_second_is_100_mel_frames_and_25_pictures(system: object, face: Face) -> None:
    assert log_mel(np.zeros(16_000, np.float32)).shape == (100, 80)
    for chunk in system(face, TEXT, size=None):  # type: ignore[operator]
        assert len(chunk.samples) == len(chunk.frames) * SAMPLES_PER_FRAME


def test_02_the_code_book_is_orthogonal_and_stays_so() -> None:
    codes = small_net().motion_codes
    adam = torch.optim.Adam(codes.parameters(), 0.1)
    for _ in range(3):
        book = codes.directions()
        assert torch.allclose(book.T @ book, torch.eye(16), atol=1e-5)
        codes(torch.randn(4, 24)).square().sum().backward()
        adam.step()


def test_03_identity_and_motion_are_the_whole_code() -> None:
    seen = small_net().see(torch.rand(2, 3, 64, 64))
    assert torch.allclose(seen.f_id + seen.f_m, seen.f, atol=1e-6)


def styles(f_id: float, f_m: float, f_lip: float) -> Tensor:
    codes = (torch.full((1, 3), x) for x in (f_id, f_m, f_lip))
    return fuse(*codes, 14, PRESETS["paper"].manipulated, PRESETS["paper"].lip)


def test_04_lips_and_motion_have_slots_of_their_own() -> None:
    at_rest, moved, spoken = styles(1, 0, 0), styles(1, 5, 0), styles(1, 0, 5)
    changed = [n for n in range(14) if not torch.equal(at_rest[:, n], moved[:, n])]
    assert changed == [1, 2, 3, 4, 5]
    changed = [n for n in range(14) if not torch.equal(at_rest[:, n], spoken[:, n])]
    assert changed == [6, 7]


def test_05_the_other_slots_are_identity_alone() -> None:
    rest = [0, *range(8, 14)]
    assert torch.equal(styles(1, 5, 6)[:, rest], styles(1, 0, 0)[:, rest])
    assert not torch.equal(styles(2, 5, 6)[:, rest], styles(1, 5, 6)[:, rest])


@pytest.mark.parametrize("frame", [4, 11])
def test_06_an_impulse_comes_out_at_its_frame(frame: int) -> None:
    net = small_net()
    quiet = torch.zeros(1, 80, 16), torch.zeros(1, 80, 80)
    loud = torch.zeros(1, 80, 16)
    loud[:, 4 * frame] = 10.0
    told = torch.tensor([80]), torch.tensor([0]), 20
    apart = (net.hear(loud, quiet[1], *told) - net.hear(*quiet, *told)).norm(dim=-1)[0]
    assert abs(int(apart.argmax()) - frame) <= 1


def test_07_what_the_mapper_hears_is_as_long_as_the_durations_say() -> None:
    spoken = small_net().speak(TEXT, torch.zeros(1, 24), 2)
    rows = spoken.embedding.shape[1]
    assert spoken.feature.shape[1] == spoken.mel.shape[1] == rows
    assert len(spoken.samples) == 160 * rows
    durations = torch.tensor([[2, 0, 3]])
    assert expand(torch.randn(1, 3, 4), durations, int(durations.sum())).shape == (1, 5, 4)


def test_08_the_path_begins_in_noise_and_ends_in_data() -> None:
    x0, x1 = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    assert torch.equal(path(x0, x1, torch.zeros(2)), x0)
    left = path(x0, x1, torch.ones(2)) - x1
    assert torch.allclose(left, 1e-4 * x0, atol=1e-6)
    steps = [path(x0, x1, torch.full((2,), t)) for t in (0.1, 0.4, 0.7)]
    assert torch.allclose(steps[1] - steps[0], steps[2] - steps[1], atol=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 7, 50])
def test_09_the_true_field_is_followed_exactly(steps: int) -> None:
    x0, x1 = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    end = solve(lambda x, t: velocity(x0, x1), x0, steps)
    assert torch.allclose(end, path(x0, x1, torch.ones(2)), atol=1e-5)


def test_12_the_prior_does_not_teach_the_normaliser() -> None:
    net = small_net().train()
    joint = net(a_talk())
    (prior_loss(joint.f_c.detach(), joint.mu) + joint.cfm).backward()
    assert all(p.grad is None for p in net.normaliser.parameters())
    assert any(p.grad is not None and p.grad.any() for p in net.audio_mapper.parameters())
    assert any(p.grad is not None and p.grad.any() for p in net.acoustic.parameters())


def test_the_normaliser_does_not_teach_the_face() -> None:
    net = small_net().train()
    joint = net(a_talk())
    (joint.f_m_rebuilt - joint.f_m).square().mean().backward()
    assert any(p.grad is not None for p in net.normaliser.parameters())
    assert all(p.grad is None for p in net.visual_encoder.parameters())


def test_13_no_driving_picture_is_seen(
    system: object, face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    net: TtsfNet = system.net  # type: ignore[attr-defined]
    look = net.visual_encoder.forward
    monkeypatch.setattr(net.visual_encoder, "forward", lambda x: (seen.append(len(x)), look(x))[1])
    list(system(face, TEXT, size=None))  # type: ignore[operator]
    assert seen == [1]


def test_14_where_motion_starts_decides_its_mean() -> None:
    net = small_net()
    f_lip = torch.randn(1, 12, 24)
    one, two = (net.prior(torch.randn(1, 24), f_lip) for _ in range(2))
    assert one.shape == two.shape == (1, 12, SMALL.compressed)
    assert not torch.allclose(one, two, atol=1e-3)


@pytest.mark.parametrize("frames", [32, 33, 100, 500])
def test_15_the_sampler_takes_any_length(frames: int) -> None:
    made = small_net().move(torch.randn(1, 24), torch.randn(1, frames, 24),
                            torch.randn(1, frames, 5), 2)  # fmt: skip
    assert made.shape == (1, frames, 24)


def test_16_seeds_move_the_head_and_leave_the_sound(system: object, face: Face) -> None:
    clips = [list(system(face, TEXT, seed=s, size=None)) for s in (1, 2)]  # type: ignore[operator]
    sounds = [np.concatenate([c.samples for c in clip]) for clip in clips]
    assert np.array_equal(*sounds)
    assert np.abs(sounds[0]).max() > 0
    pictures = [np.concatenate([c.frames for c in clip]) for clip in clips]
    assert not np.array_equal(*pictures)


def test_17_motion_that_is_projected_off_does_not_reach_the_voice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = small_net()
    codes = net.motion_codes
    book = codes.directions().detach()
    monkeypatch.setattr(codes, "amounts", lambda f: f @ book)
    f = torch.randn(1, 24)
    shifted = f + 3 * book[:, 2]
    without, also = codes.split(f)[0], codes.split(shifted)[0]
    assert torch.allclose(without, also, atol=1e-5)
    ids = torch.tensor([[0, 3, 0, 4, 0]])
    means = [net.acoustic.read(ids, who).mean for who in (without, also, f, shifted)]
    assert torch.allclose(means[0], means[1], atol=1e-4)
    assert not torch.allclose(means[2], means[3], atol=1e-3)


def test_19_sound_and_pictures_are_equally_long(system: object, face: Face) -> None:
    chunks = list(system(face, TEXT, size=None))  # type: ignore[operator]
    frames = sum(len(c.frames) for c in chunks)
    assert sum(len(c.samples) for c in chunks) == frames * SAMPLES_PER_FRAME
    spoken = system.net.speak(TEXT, torch.zeros(1, 24), 10)  # type: ignore[attr-defined]
    assert frames >= ceil(len(spoken.samples) / SAMPLES_PER_FRAME)


def test_the_weights_of_the_losses_are_the_papers() -> None:
    assert list(WEIGHTS_OF_LOSSES.values()) == [0.1, 1, 0.3, 0.1, 0.1, 1, 0.1, 1]
    for stages in STAGES.values():
        assert stages[-1].losses.items() >= WEIGHTS_OF_LOSSES.items()


def test_a_still_head_has_one_motion(system: object, face: Face) -> None:
    net = system.net  # type: ignore[attr-defined]
    seen: list[Tensor] = []
    render = net.render
    net.render = lambda s, f_m, f_lip: (seen.append(f_m), render(s, f_m, f_lip))[1]
    try:
        list(system(face, TEXT, still=True, size=None))  # type: ignore[operator]
    finally:
        net.render = render
    assert torch.cat(seen).var(0).max() == 0


def test_the_voice_can_be_made_with_motion(system: object, face: Face) -> None:
    both = [
        np.concatenate([s.samples for s in system.voice(face, TEXT, voice_from=v)])  # type: ignore[attr-defined]
        for v in ("without-motion", "with-motion")
    ]
    assert len(both[0]) != len(both[1]) or not np.allclose(*both)


def test_portraits_renderer_shows_the_same_words(system: Ttsf, astronaut: Path) -> None:
    person = system.look(astronaut)
    own = system(person, TEXT, size=128)
    shown = system(person, TEXT, size=128, render="portrait")
    made, drawn = list(own), list(shown)
    for a, b in zip(made, drawn, strict=True):
        assert np.array_equal(a.samples, b.samples)
        assert a.frames.shape == b.frames.shape
    assert drawn[0].frames[0].std() > 30  # it shows the picture, as untaught as G is
    assert not np.array_equal(drawn[0].frames, made[0].frames)


def test_portraits_renderer_needs_codes_that_tell_of_lips(face: Face, system: Ttsf) -> None:
    untaught = SMALL.learning.model_copy(update={"lip_teacher": False})
    paper = Ttsf(system.about, small_net(learning=untaught))
    with pytest.raises(RequestError, match="do not tell how the lips are held"):
        paper(face, TEXT, render="portrait")


def test_the_generator_sees_where_the_portraits_lips_are(face: Face, system: Ttsf) -> None:
    """Where the flow reads landmarks, other landmarks on the same square make other pictures."""
    reading = Ttsf(system.about, small_net(flow_reads="landmarks"))
    moved = face.landmarks.copy()
    moved[list(INNER_LOWER_LIP)] += 6
    one, two = (
        next(iter(reading(f, TEXT))).frames.astype(int)
        for f in (face, replace(face, landmarks=moved))
    )
    assert np.abs(one - two).max() > 0


def test_values_of_its_options_are_checked(system: object, face: Face) -> None:
    say = system.__call__  # type: ignore[operator]
    with pytest.raises(UnknownName, match="Did you mean 'with-motion'"):
        say(face, TEXT, voice_from="with-motions")
    for name, bad in (("steps", 0), ("temperature", -1), ("speed", 0)):
        with pytest.raises(RequestError, match=f"option {name} of ttsf cannot be {bad}"):
            say(face, TEXT, **{name: bad})


def test_temperature_scales_both_draws(system: object, face: Face) -> None:
    def made(seed: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
        clip = list(system(face, TEXT, seed=seed, temperature=temperature, size=None))  # type: ignore[operator]
        return tuple(np.concatenate([getattr(c, n) for c in clip]) for n in ("frames", "samples"))  # type: ignore[return-value]

    cold, also = made(1, 0.0), made(2, 0.0)
    assert np.array_equal(cold[0], also[0])  # nothing is left to chance
    warm = made(1, 1.0)
    assert not np.array_equal(warm[0], cold[0])
    assert not np.array_equal(warm[1], cold[1])


def test_twice_the_speed_is_half_the_length(system: object, face: Face) -> None:
    lengths = [
        sum(len(s.samples) for s in system.voice(face, TEXT, speed=v))  # type: ignore[attr-defined]
        for v in (1.0, 2.0)
    ]
    assert 0.4 < lengths[1] / lengths[0] < 0.75  # the pause at the end stays


def test_a_recording_of_the_text_times_the_voice(
    system: object, face: Face, tmp_path: Path
) -> None:
    def written(name: str, samples: np.ndarray) -> str:
        write_sound(tmp_path / name, [Speech(samples)], Provenance("test", 0))
        return str(tmp_path / name)

    rng = np.random.default_rng(0)
    loud, soft = 0.3 * rng.standard_normal(17_280), 0.01 * rng.standard_normal(17_280)
    texts = "One. Two."
    heard: dict[str, Speech] = {}
    for name, sound in (
        ("a.wav", np.concatenate([loud, soft])), ("b.wav", np.concatenate([soft, loud])),
    ):  # fmt: skip
        file = written(name, sound.astype(np.float32))
        (heard[name],) = system.voice(face, texts, timed_by=file)  # type: ignore[attr-defined]
        (again,) = system.voice(face, texts, timed_by=file, speed=2.0)  # type: ignore[attr-defined]
        assert np.array_equal(heard[name].samples, again.samples)
        frames = sum(len(c.frames) for c in system(face, texts, timed_by=file))  # type: ignore[operator]
        assert frames == 54
    assert not np.array_equal(heard["a.wav"].features, heard["b.wav"].features)
    with pytest.raises(RequestError, match=r"lasts 0.1 s, too short for the text"):
        list(system(face, TEXT, timed_by=written("c.wav", loud[:2000].astype(np.float32))))  # type: ignore[operator]
    with pytest.raises(BadMedia):
        system(face, TEXT, timed_by=str(tmp_path / "none.wav"))  # type: ignore[operator]


def test_a_text_is_laid_along_its_recording() -> None:
    """The tokens' own means as the recording: search finds how long each of them lasted."""
    model, f_id = small_net().acoustic, torch.randn(1, 24)
    tokens = tokens_of(["_", "h", "ə", "l", "oʊ", "_"])
    with torch.no_grad():
        mean = model.read(torch.from_numpy(tokens.ids)[None], f_id).mean
        wanted = torch.arange(len(tokens.ids)) % 4 + 1
        mel = expand(mean, wanted[None], int(wanted.sum()))[0] * model.spread + model.level
        assert torch.equal(acoustic.as_in(mel.numpy(), model, tokens, f_id), wanted)


def test_a_checkpoint_of_another_preset_is_told(tmp_path: Path) -> None:
    folder = write_small(tmp_path / "other")
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace('"code": 24', '"code": 32'))
    with pytest.raises(BadCheckpoint, match=r"does not fit its config.*another preset"):
        vivavoce.load(str(folder))
    (folder / "config.json").write_text(config.replace('"motions"', '"emotions"'))
    with pytest.raises(BadCheckpoint, match="does not describe a network of ttsf"):
        vivavoce.load(str(folder))


def test_a_checkpoint_that_does_not_ship_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match=r"No ttsf-tiny ships .*vivavoce train ttsf"):
        Ttsf.load(tmp_path / "ttsf-tiny")


def test_one_motion_serves_many_lips() -> None:
    net = small_net()
    seen = net.see(torch.rand(1, 3, 64, 64))
    f_lip = torch.randn(3, 24)
    made = net.render(seen, seen.f_m, f_lip)
    assert made.shape == (3, 3, 64, 64)
    assert torch.allclose(made[1:2], net.render(seen, seen.f_m, f_lip[1:2]), atol=1e-4)


def test_the_noise_may_lie_about_the_mean() -> None:
    """O7: N(mu, I) in training and in use, or N(0, I) in both; with no field the noise stays."""
    mu, noise = torch.full((1, 8, 5), 3.0), torch.randn(1, 8, 5)
    for about_mean, begun in ((False, noise), (True, noise + mu)):
        sampler = MotionSampler(5, 16, about_mean)
        for p in sampler.field.last.parameters():
            torch.nn.init.zeros_(p)
        assert torch.equal(sampler(noise, mu, 3), begun)
        loss = sampler.loss(torch.zeros(1, 8, 5), mu, noise, torch.rand(1))
        wanted = ((1 - SIGMA_MIN) * begun).square().mean()
        torch.testing.assert_close(loss, wanted)


def test_the_generator_may_be_tuned_on_the_normalisers_copy() -> None:
    """O15: what G shows is then moved by the normaliser's weights, and not otherwise."""
    for sees, moved in (("truth", False), ("reconstruction", True)):
        net = small_net(generator_sees=sees).train()
        net(a_talk()).pictures.square().mean().backward()
        assert any(p.grad is not None for p in net.normaliser.up.parameters()) is moved


def test_how_far_identities_of_one_person_are_apart() -> None:
    """O20: 0 where the driving pictures are the source itself."""
    net, talk = small_net(), a_talk()
    apart = float(net(talk).identity_gap.detach())
    again = talk.source[:, None].expand_as(talk.driving).contiguous()
    assert float(net(replace(talk, driving=again)).identity_gap.detach()) < 1e-6 < apart
