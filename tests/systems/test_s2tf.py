"""S2TF against the checklist of its specification (one test an item; those of training are in
tests/train/test_train_s2tf.py), and as people call it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_s2tf import SMALL, small_net, write_small
from torch import Tensor, nn

import vivavoce
from vivavoce.errors import BadCheckpoint, BadMedia, NoFace, RequestError
from vivavoce.listen.mel import log_mel
from vivavoce.listen.resnet_se import ResNetSE
from vivavoce.look import look
from vivavoce.look.face_encoders import FrameEncoder, ResNeXt
from vivavoce.measure.metrics.matching import (
    cosine_similarity,
    l1_distance,
    retrieval,
    verification,
)
from vivavoce.media.clip import Clip
from vivavoce.media.read import read_picture
from vivavoce.move.pose_rhythm import mel_windows
from vivavoce.nn.contrast import arcface, info_nce, info_nce_against
from vivavoce.nn.equalised import GAIN
from vivavoce.nn.modulated import ModulatedConv
from vivavoce.nn.perceptual import perceptual_l1
from vivavoce.render.style_generator import StyleGenerator
from vivavoce.systems.s2tf.hearing import Hearing
from vivavoce.systems.s2tf.net import S2tfNet
from vivavoce.systems.s2tf.settings import PRESETS
from vivavoce.systems.s2tf.sound import WINDOW, level_of, looped, scaled, span
from vivavoce.systems.s2tf.talker import MIXED, S2tf, S2tfOptions
from vivavoce.types import RATE, Face, Speech

PAGE = Path(__file__).parents[2] / "docs" / "systems" / "s2tf.md"


@pytest.fixture(scope="module")
def s2tf(tmp_path_factory: pytest.TempPathFactory) -> S2tf:
    """A small system."""
    talker = vivavoce.load(str(write_small(tmp_path_factory.mktemp("s2tf") / "small")))
    assert isinstance(talker, S2tf)
    return talker


@pytest.fixture(scope="module")
def person(astronaut: Path) -> Face:
    return look(read_picture(astronaut))


def voice(seconds: float = 2.0, hz: float = 120.0, seed: int = 0) -> np.ndarray:
    """A buzz whose pitch and loudness wander like speech, twice a second or so."""
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = hz * (1 + 0.15 * np.sin(2 * np.pi * (0.7 + 0.2 * seed) * time))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    buzz = sum(np.sin(k * phase) / k for k in range(1, 20))
    loud = 0.55 + 0.45 * np.sin(2 * np.pi * 2.1 * time + seed)
    noise = np.random.default_rng(seed).normal(0, 0.01, len(time))
    return (0.1 * loud * buzz + noise).astype(np.float32)


def frames(clip: Clip) -> np.ndarray:
    return np.concatenate([chunk.frames for chunk in clip])


def test_01_mel_of_3_2_s_and_windows_of_every_frame() -> None:
    rows = log_mel(voice(3.2), WINDOW)
    assert rows.shape == (320, 80)
    assert looped(rows).shape == (320, 80)
    np.testing.assert_array_equal(
        looped(rows[:100])[100:200], rows[:100]
    )  # a short one begins anew
    long = np.arange(500.0)[:, None].repeat(80, 1)
    np.testing.assert_array_equal(looped(long)[:, 0], np.arange(90.0, 410.0))  # the middle
    windows = mel_windows(torch.from_numpy(rows)[None])[0]
    assert windows.shape == (80, 80, 20)
    torch.testing.assert_close(windows[0, :, :8], torch.from_numpy(rows[:1]).T.expand(-1, 8))
    torch.testing.assert_close(windows[-1, :, -8:], torch.from_numpy(rows[-1:]).T.expand(-1, 8))
    torch.testing.assert_close(windows[10], torch.from_numpy(rows[40 - 8 : 40 + 12]).T)


def test_sound_that_arrives_in_parts_gives_the_same_windows() -> None:
    sound = voice(2.0)
    rows = log_mel(sound, WINDOW)
    level = level_of(rows)
    whole = mel_windows(torch.from_numpy(scaled(rows, level))[None])[0].numpy()
    hearing = Hearing(level)
    parts = [hearing.push(part) for part in np.split(sound, [77, 5000, 5001, 21_000])]
    found = np.concatenate([*parts, hearing.finish()])
    np.testing.assert_allclose(found, whole, atol=1e-5)


def test_how_loud_a_recording_is_says_nothing() -> None:
    one, two = (log_mel(gain * voice(3.2), WINDOW) for gain in (1.0, 0.1))
    assert abs(level_of(one) - level_of(two) - 2 * math.log(10)) < 1e-3
    np.testing.assert_allclose(
        scaled(one, level_of(one)), scaled(two, level_of(two)), atol=1e-3
    )  # fmt: skip


@pytest.mark.parametrize(
    ("start", "frames", "whole", "expected"),
    [(100, 16, 300, (68, 148)), (0, 16, 300, (0, 80)), (290, 10, 300, (220, 300)),
     (5, 16, 29, (0, 29)), (3, 100, 200, (3, 103))],
)  # fmt: skip
def test_the_speech_around_frames(
    start: int, frames: int, whole: int, expected: tuple[int, int]
) -> None:
    assert span(start, frames, whole) == expected


def test_02_lengths_of_the_codes() -> None:
    with torch.device("meta"):
        net = S2tfNet(PRESETS["paper"])
        pictures, mel = torch.empty(2, 3, 224, 224), torch.empty(2, 320, 80)
        seen, heard = net.who_is_seen(pictures), net.who_is_heard(mel)
        held, said = net.how_it_is_held(pictures), net.what_is_said(torch.empty(2, 16, 80, 20))
        assert seen.shape == heard.shape == (2, 2048)
        assert held.shape == (2, 512)
        assert said.shape == (2, 16, 512)
        assert net.feature(seen, held).shape == (2, 2560)
        assert net.centroids.weight.shape == (5994, 2048)


def test_03_the_generator_has_six_blocks_and_draws_224_px() -> None:
    with torch.device("meta"):
        net = S2tfNet(PRESETS["paper"])
        sides: list[int] = []
        for block in net.generator.blocks:
            block.register_forward_hook(lambda m, i, o: sides.append(o[0].shape[-1]))
        made = net.generator(torch.empty(2, 2560))
    assert made.shape == (2, 3, 224, 224)
    assert sides == [7, 14, 28, 56, 112, 224]
    assert len(net.generator.blocks) == 6
    assert PRESETS["tiny"].size == 128
    torch.manual_seed(0)
    small = StyleGenerator(2, (8, 8, 8, 8, 8, 8), 4, 8)
    assert float(small(50 * torch.randn(2, 4)).detach().abs().max()) <= 1


def test_papers_parts_are_as_large_as_stated() -> None:
    """ResNeXt50 without its classifier has 22,979,904 parameters (torchvision counts 25,028,904
    with one of 1000 classes)."""
    with torch.device("meta"):
        net = S2tfNet(PRESETS["paper"])
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in
              net.named_children()}  # fmt: skip
    assert counts["face_identity"] == 25_028_904 - 2048 * 1000 - 1000
    assert counts["centroids"] == 5994 * 2048
    told = PAGE.read_text("utf-8")
    for name, count in counts.items():
        assert f"{count / 1e6:.2f}" in told, (name, count)


def test_04_demodulated_kernels_have_unit_norm() -> None:
    """By Eq. 4.1 itself, which the layer's two scalings amount to."""
    torch.manual_seed(0)
    layer = ModulatedConv(5, 7, 3)
    x, m = torch.randn(2, 5, 6, 6), torch.rand(2, 5) + 0.5
    kernels = m[:, None, :, None, None] * layer.weight
    kernels = kernels / (kernels.square().sum((2, 3, 4), keepdim=True) + 1e-8).sqrt()
    torch.testing.assert_close(kernels.square().sum((2, 3, 4)), torch.ones(2, 7))
    wanted = torch.cat([F.conv2d(x[[i]], kernels[i], padding=1) for i in range(2)])
    torch.testing.assert_close(layer(x, m), GAIN * wanted, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(layer(x, 3.7 * m), layer(x, m), rtol=1e-4, atol=1e-5)


def test_each_block_is_modulated_by_its_own_perceptron_of_the_whole_feature() -> None:
    torch.manual_seed(0)
    generator = StyleGenerator(2, (8, 8, 8, 6, 4, 4), 10, 8)
    assert [b.channels for b in generator.blocks] == [
        (8, 8, 8), (8, 8, 8), (8, 8, 8), (8, 6, 6), (6, 4, 4), (4, 4, 4),
    ]  # fmt: skip
    for block in generator.blocks:
        feature = torch.randn(1, 10, requires_grad=True)
        for m in block.modulations(feature):
            (slope,) = torch.autograd.grad(m.square().sum(), feature, retain_graph=True)
            assert (slope != 0).all()


def test_biases_of_every_place_are_an_addition_of_tiny() -> None:
    with torch.device("meta"):
        for preset, side in (("paper", 1), ("tiny", 128)):
            net = S2tfNet(PRESETS[preset])
            assert net.generator.blocks[-1].bias_one.shape[1:] == (side, side)


def test_05_info_nce_at_its_two_ends() -> None:
    for count in (3, 8):
        same = torch.ones(count, 4)
        loss = info_nce(same, same, temperature=1.0)
        assert float(loss) == pytest.approx(math.log(count))  # log(1 + M), M = count - 1
    apart = torch.stack([torch.tensor([1.0, 0]), torch.tensor([-1.0, 0])])
    assert float(info_nce(apart, apart, 1.0)) == pytest.approx(math.log(1 + math.exp(-2)))
    hard = info_nce_against(apart, apart, -apart[:, None].expand(-1, 5, -1), 1.0)
    assert float(hard) == pytest.approx(math.log(1 + 5 * math.exp(-2)))


def test_info_nce_of_one_person_twice_in_a_batch() -> None:
    """Rows of the same person are no negatives of each other."""
    torch.manual_seed(0)
    queries, keys = torch.randn(4, 6), torch.randn(4, 6)
    people = torch.tensor([0, 1, 0, 2])
    loss = info_nce(queries, keys, 1.0, same=people[:, None] == people)
    cosines = F.cosine_similarity(queries[:, None], keys[None], dim=2).exp()
    allowed = (people[:, None] != people) | torch.eye(4, dtype=torch.bool)
    wanted = -(cosines.diag() / (cosines * allowed).sum(1)).log().mean()
    torch.testing.assert_close(loss, wanted)


def test_06_margin() -> None:
    torch.manual_seed(0)
    cosines, people = 0.8 * torch.rand(6, 5), torch.arange(6) % 5
    torch.testing.assert_close(
        arcface(cosines, people, 0.0, 64.0), F.cross_entropy(64 * cosines, people)
    )
    losses = [float(arcface(cosines, people, m, 64.0)) for m in (0.0, 0.2, 0.5)]
    assert losses[0] < losses[1] < losses[2]


def test_07_one_storage_of_centroids() -> None:
    net = small_net()
    found = [p for p in net.parameters() if p.shape == (4, SMALL.identity)]
    assert len(found) == 1
    assert found[0].data_ptr() == net.centroids.weight.data_ptr()


def test_perceptual_l1_is_the_mean_of_absolute_differences() -> None:
    maps = lambda x: [x, 10 * x[:, :1]]  # noqa: E731
    a, b = torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 0.5)
    assert float(perceptual_l1(maps, a, b)) == pytest.approx((0.5 + 5) / 2)
    assert float(perceptual_l1(maps, a, a)) == 0


def test_14_p1_needs_no_picture_and_is_p2_with_a_pose_of_zeros(s2tf: S2tf) -> None:
    sound = Speech(voice())
    plain = frames(s2tf(speech=sound, size=64))
    s2tf.held_as = lambda pose: torch.zeros(1, SMALL.content)  # type: ignore[method-assign]
    try:
        posed = frames(s2tf(speech=sound, size=64, pose=np.zeros((64, 64, 3), np.uint8)))
    finally:
        del s2tf.held_as
    assert np.array_equal(plain, posed)


def test_15_the_pose_changes_pictures_and_not_the_person(s2tf: S2tf, person: Face) -> None:
    heard: list[Tensor] = []
    net = s2tf.net
    hook = net.voice_identity.register_forward_hook(lambda m, i, o: heard.append(o.clone()))
    mirrored = s2tf.look(np.ascontiguousarray(person.picture[:, ::-1]))
    one, two = (frames(s2tf(speech=Speech(voice()), size=64, pose=p)) for p in (person, mirrored))
    assert torch.equal(heard[0], heard[1])
    assert not np.array_equal(one, two)
    frames(s2tf(speech=Speech(voice(hz=220.0, seed=1)), size=64, pose=person))
    hook.remove()
    assert not torch.allclose(heard[0], heard[2], atol=1e-4)


def test_16_repeating_is_bit_identical(s2tf: S2tf) -> None:
    one, two = (frames(s2tf(speech=Speech(voice()), size=64)) for _ in range(2))
    assert np.array_equal(one, two)


def test_17_silence_in_one_place_changes_only_frames_that_hear_it(s2tf: S2tf) -> None:
    """With who speaks held fixed: a face is given."""
    rows = torch.randn(1, 50, 80, 20)
    changed = rows.clone()
    changed[:, 20:24] = -3.0
    with torch.inference_mode():
        one, two = s2tf.net.what_is_said(rows)[0], s2tf.net.what_is_said(changed)[0]
    same = (one - two).abs().amax(1) < 1e-5
    assert same[:20].all()
    assert same[24:].all()
    assert not same[20:24].any()
    sound = voice(4.0)
    silent = sound.copy()
    silent[40 * 640 : 50 * 640] = 0
    level = level_of(log_mel(sound, WINDOW))
    both = []
    for samples in (sound, silent):
        hearing = Hearing(level)
        both.append(np.concatenate([hearing.push(samples), hearing.finish()]))
    differs = (both[0] != both[1]).any((1, 2))
    assert differs[40:50].all()
    assert not differs[:37].any()
    assert not differs[53:].any()


def test_18_a_known_face_speaks(s2tf: S2tf, person: Face) -> None:
    """P4: who it is comes from the portrait, how it is held too unless a pose is given."""
    sound = Speech(voice())
    seen = frames(s2tf(speech=sound, size=64, portrait=person))
    imagined = frames(s2tf(speech=sound, size=64))
    assert not np.array_equal(seen, imagined)
    other = Speech(voice(hz=220.0, seed=0))
    noise = s2tf.net.voice_identity.register_forward_hook(
        lambda m, i, o: pytest.fail("the voice was asked who it is")
    )
    frames(s2tf(speech=other, size=64, portrait=person))
    noise.remove()
    posed = frames(s2tf(speech=sound, size=64, portrait=person, pose=person))
    assert np.array_equal(posed, seen)


def test_20_chance() -> None:
    rng = np.random.default_rng(0)
    one, two = rng.normal(size=(2, 1000, 16))
    found = retrieval(one, two)
    for k in (1, 2, 5, 10):
        assert found[f"R@{k}"] == pytest.approx(k, abs=3 * math.sqrt(k * (100 - k) / 1000))
    sex = ["female" if i % 2 else "male" for i in range(1000)]
    aucs = verification(one, two, sex, sex, list(range(1000)))
    assert aucs["any"] == pytest.approx(50, abs=2.8)  # three standard errors of 1000 pairs


def test_21_perfect_copies() -> None:
    codes = np.random.default_rng(0).normal(size=(50, 8))
    assert cosine_similarity(codes, codes) == pytest.approx(1)
    assert l1_distance(codes, codes) == 0
    assert retrieval(codes, codes)["R@1"] == 100


# The parts.


def test_frame_encoder_that_is_centred_gives_the_average_pose_as_zero() -> None:
    torch.manual_seed(0)
    encoder = FrameEncoder(32, (8,) * 7, 6, "whole", centred=True).train()
    codes = encoder(torch.rand(64, 3, 32, 32))
    assert float(codes.mean(0).abs().max()) < 1e-4
    assert float((codes.std(0) - 1).abs().max()) < 0.1
    with torch.device("meta"):
        plain = FrameEncoder(224, PRESETS["paper"].frame_channels, 512)
        assert plain.stages(torch.empty(1, 3, 224, 224)).shape[2:] == (7, 7)
        assert len(plain.stages) == 7


def test_content_encoder_steps_by_four_along_time_at_most() -> None:
    with torch.device("meta"):
        for settings in PRESETS.values():
            net = S2tfNet(settings)
            assert net.voice_content.blocks(
                net.voice_content.stem(torch.empty(1, 1, 80, 20))
            ).shape[3] == 5  # fmt: skip


def test_resnet34_has_as_many_blocks_as_its_name_says() -> None:
    with torch.device("meta"):
        net = S2tfNet(PRESETS["paper"])
        for encoder in (net.voice_identity, net.voice_content):
            assert isinstance(encoder, ResNetSE)
            kernels = [m for m in encoder.blocks.modules() if isinstance(m, nn.Conv2d)]
            assert sum(m.kernel_size == (3, 3) for m in kernels) == 32  # and the stem and a layer
        assert isinstance(net.face_identity, ResNeXt)
        grouped = [m for m in net.face_identity.modules() if getattr(m, "groups", 1) == 32]
        assert len(grouped) == 16


# As people call it.


def test_lengths_of_speech_that_tell_who_speaks(s2tf: S2tf) -> None:
    sound, level = voice(9.0), 0.0
    codes = [
        s2tf.who_is_heard(sound, level, S2tfOptions(identity_s=s, identity_from=how))
        for s, how in ((3.2, "middle"), (0.8, "middle"), (3.2, "all"))
    ]
    for code in codes:
        assert float(code.norm()) == pytest.approx(1, abs=1e-4)
    assert not torch.allclose(codes[0], codes[1], atol=1e-4)
    assert not torch.allclose(codes[0], codes[2], atol=1e-4)


def test_variety_leads_away_from_the_face_by_the_seed(s2tf: S2tf) -> None:
    sound = Speech(voice(1.0))
    plain = [frames(s2tf(speech=sound, size=64, seed=s, variety=0)) for s in (1, 2)]
    assert np.array_equal(*plain)
    varied = [frames(s2tf(speech=sound, size=64, seed=s, variety=0.5)) for s in (1, 2)]
    assert not np.array_equal(*varied)


def test_a_pose_video_moves_the_head_and_its_sound_is_told(
    s2tf: S2tf, astronaut: Path, tmp_path: Path
) -> None:
    """P3: one code a frame, played to and fro."""
    from vivavoce.media.provenance import Provenance
    from vivavoce.media.write import VideoWriter
    from vivavoce.types import SAMPLES_PER_FRAME, Chunk

    picture = read_picture(astronaut)[:400, 60:460]
    moving = np.stack([np.roll(picture, 6 * n, 1) for n in range(3)])
    for name, sound in (("silent", 0.0), ("loud", 0.3)):
        with VideoWriter(tmp_path / f"{name}.mp4", (400, 400), Provenance("test")) as video:
            noise = np.random.default_rng(0).normal(0, 1, 3 * SAMPLES_PER_FRAME)
            video.add(Chunk(moving, (sound * noise).clip(-1, 1).astype(np.float32)))
    held = s2tf.held_as(tmp_path / "silent.mp4")
    assert held.shape == (3, SMALL.content)
    assert not torch.allclose(held[0], held[2], atol=1e-4)
    for name, told in (("silent", {}), ("loud", {"pose": MIXED})):
        clip = s2tf(speech=Speech(voice(1.0)), pose=tmp_path / f"{name}.mp4", size=64)
        assert clip.words == told
        assert len(frames(clip)) == 25


def test_a_face_alone(s2tf: S2tf, tmp_path: Path) -> None:
    still = s2tf.imagine(speech=Speech(voice()), size=96)
    assert still.picture.shape == (96, 96, 3)
    assert still.provenance.imagined
    still.save(tmp_path / "face.png")
    clip = s2tf(speech=Speech(voice()), size=96)
    assert clip.provenance.imagined
    assert np.abs(frames(clip).astype(int) - still.picture).mean(axis=(1, 2, 3)).min() < 1


def test_portraits_renderer_is_given_the_still(
    s2tf: S2tf, person: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The picture that portrait gets is the face alone; the sound is the speech's."""
    from vivavoce.systems.s2tf import talker

    given: list[np.ndarray] = []
    real = talker.moved

    def watched(picture: np.ndarray, request: object, *rest: object) -> Clip:
        given.append(picture)
        return real(person.picture, request, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(talker, "moved", watched)
    sound = voice(1.0)
    clip = s2tf(speech=Speech(sound), size=64, render="portrait")
    chunks = list(clip)
    assert np.array_equal(given[0], s2tf.imagine(speech=Speech(sound), size=64).picture)
    assert np.array_equal(np.concatenate([c.samples for c in chunks]), sound)
    assert clip.provenance.imagined


def test_bad_input_is_told(s2tf: S2tf, tmp_path: Path) -> None:
    wall = np.full((200, 200, 3), 90, np.uint8)
    with pytest.raises(NoFace, match="the picture for the pose"):
        s2tf(speech=Speech(voice()), pose=wall)
    with pytest.raises(NoFace):
        s2tf(speech=Speech(voice()), portrait=wall)
    with pytest.raises(BadMedia, match="holds no voice"):
        s2tf(speech=Speech(np.zeros(RATE, np.float32)))
    with pytest.raises(BadMedia, match=r"only 0\.\d s of a voice"):
        s2tf(speech=Speech(voice(0.3)))
    with pytest.raises(RequestError, match="identity_s"):
        s2tf(speech=Speech(voice()), identity_s=20)
    folder = write_small(tmp_path / "small")
    about = json.loads((folder / "config.json").read_text())
    about["settings"]["content"] = 13
    (folder / "config.json").write_text(json.dumps(about))
    with pytest.raises(BadCheckpoint, match="does not fit its config"):
        vivavoce.load(str(folder))
    (folder / "s2tf.safetensors").unlink()
    with pytest.raises(BadCheckpoint, match="incomplete"):
        vivavoce.load(str(folder))
