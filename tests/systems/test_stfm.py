"""STFM as its specification checks it: encoders, tokens, links, noise, GPT-2. Small networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_stfm import OFFICIAL, SMALL, small_base, small_net, wake
from torch import Tensor, nn

from vivavoce.speak.code_gpt import CodeGpt, sampled
from vivavoce.speak.mel_codec import Levels, MelCodec
from vivavoce.speak.tokens import tokens_of
from vivavoce.systems.stfm.entangle import Encoder, Entangle, joined, split
from vivavoce.systems.stfm.film import (
    Block,
    Scene,
    clean_estimate,
    kept,
    noise_schedule,
    noised,
    velocity,
    windowed,
)
from vivavoce.systems.stfm.fronts import (
    AudioFront,
    ImageFront,
    fitted,
    heard,
    hifigan_mel,
    masks_of,
)
from vivavoce.systems.stfm.links import Links, nearby
from vivavoce.systems.stfm.settings import PRESETS, StfmSettings
from vivavoce.systems.stfm.voice import Likeness, VoiceHalf
from vivavoce.types import RATE


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


# 1, 6, 8: the encoders.


def test_an_encoder_has_the_papers_number_of_parameters() -> None:
    with torch.device("meta"):
        assert count(Encoder(512, 8)) == 1_575_936
        assert count(Entangle(PRESETS["paper"])) == 3_151_872
        shared = PRESETS["paper"].model_copy(update={"encoder": "shared"})
        assert count(Entangle(shared)) == 1_575_936
        none = PRESETS["paper"].model_copy(update={"encoder": "none"})
        assert count(Entangle(none)) == 0


def test_an_encoder_is_named_and_shaped_as_the_authors_is() -> None:
    with torch.device("meta"):
        shapes = {k: tuple(v.shape) for k, v in Encoder(512, 8).state_dict().items()}
    assert shapes == {
        "mha.in_proj_weight": (1536, 512), "mha.out_proj.weight": (512, 512),
        "ln.weight": (512,), "ln.bias": (512,), "ff_self.0.weight": (512,),
        "ff_self.0.bias": (512,), "ff_self.1.weight": (512, 512), "ff_self.2.weight": (512,),
        "ff_self.2.bias": (512,), "ff_self.3.weight": (512, 512),
    }  # fmt: skip


def tokens(count: int, seed: int = 0) -> Tensor:
    return torch.randn(2, count, 16, generator=torch.Generator().manual_seed(seed))


REAL = torch.ones(2, 5, dtype=torch.bool)


@pytest.mark.parametrize("kind", ["separate", "shared", "none"])
def test_fresh_encoders_pass_their_queries_on(kind: str) -> None:
    entangle = Entangle(SMALL.model_copy(update={"encoder": kind}))
    audio, image = tokens(7), tokens(9, 1)
    e_a, e_v = entangle(audio, image, tokens(5, 2), REAL)
    assert torch.equal(e_a, audio)
    assert torch.equal(e_v, image)


def test_every_weight_learns_from_the_second_step_on() -> None:
    encoder = Encoder(16, 2)
    adam = torch.optim.SGD(encoder.parameters(), 0.1)
    x, y, wanted = tokens(7), tokens(9, 1), tokens(7, 3)
    first = {"mha.out_proj.weight", "ff_self.3.weight"}
    for step in range(2):
        adam.zero_grad()
        (encoder(x, y) - wanted).square().mean().backward()
        moved = {n for n, p in encoder.named_parameters() if p.grad is not None and p.grad.any()}
        assert moved == (first if step == 0 else {n for n, _ in encoder.named_parameters()})
        adam.step()


def test_each_stream_asks_the_others() -> None:
    entangle = Entangle(SMALL)
    wake(entangle)
    audio, image, text = tokens(7), tokens(9, 1), tokens(5, 2)
    e_a, e_v = entangle(audio, image, text, REAL)
    a2, v2 = entangle(audio, image, tokens(5, 4), REAL)  # another text
    assert not torch.allclose(e_a, a2)
    assert not torch.allclose(e_v, v2)
    a3, _ = entangle(audio, tokens(9, 5), text, REAL)  # another picture
    assert not torch.allclose(e_a, a3)
    _, v4 = entangle(tokens(7, 6), image, text, REAL)  # another voice
    assert not torch.allclose(e_v, v4)


@pytest.mark.parametrize("length", [1, 5, 402])
def test_tokens_keep_their_number_whatever_the_text(length: int) -> None:
    entangle = Entangle(SMALL)
    wake(entangle)
    real = torch.ones(2, length, dtype=torch.bool)
    e_a, e_v = entangle(tokens(7), tokens(9, 1), tokens(length, 2), real)
    assert e_a.shape == (2, 7, 16)
    assert e_v.shape == (2, 9, 16)


def test_padded_text_changes_nothing() -> None:
    entangle = Entangle(SMALL)
    wake(entangle)
    text = tokens(5, 2)
    padded = torch.cat([text, 9 * tokens(3, 7)], 1)
    real = torch.tensor([[True] * 5 + [False] * 3] * 2)
    for a, b in zip(
        entangle(tokens(7), tokens(9, 1), text, REAL),
        entangle(tokens(7), tokens(9, 1), padded, real),
        strict=True,
    ):
        assert torch.allclose(a, b, atol=1e-5)


def test_a_shared_encoder_is_one_encoder() -> None:
    shared = Entangle(SMALL.model_copy(update={"encoder": "shared"}))
    assert shared.audio is shared.video
    apart = Entangle(SMALL)
    assert apart.audio is not apart.video


# 2, 3, 7: tokens.


def test_two_seconds_are_172_and_99_tokens() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 2 * RATE).astype(np.float32)
    fed = heard(samples, PRESETS["paper"])
    assert fed["mel"].shape == (172, 80)
    with torch.device("meta"):
        front = AudioFront(PRESETS["paper"]).eval()
        features = front.semantic.feature_extractor(torch.zeros(1, len(fed["wave"])))
        acoustic = front.to_a(front.hifigan(torch.zeros(1, 80, 172)).transpose(1, 2))
        semantic = front.to_s(torch.zeros(1, features.shape[2], 768))
    assert tuple(acoustic.shape) == (1, 172, 512)
    assert tuple(semantic.shape) == (1, 99, 512)


@pytest.mark.parametrize("side", [448, 512, 300])
def test_a_picture_is_3136_tokens(side: int) -> None:
    front = ImageFront(PRESETS["paper"])
    mask = torch.zeros(1, 1, side, side)
    assert front(torch.randn(1, 4, 56, 56), mask, mask).shape == (1, 3136, 512)


def test_the_parts_of_a_code_come_apart_as_they_were() -> None:
    parts = [tokens(4), tokens(3, 1)]
    whole, counts = joined(parts)
    assert all(torch.equal(a, b) for a, b in zip(split(whole, counts), parts, strict=True))


def test_masks_and_latents_each_change_the_picture_tokens() -> None:
    front = ImageFront(SMALL)
    latents, lips, head = (
        torch.randn(1, 4, 8, 8),
        torch.rand(1, 1, 64, 64),
        torch.rand(1, 1, 64, 64),
    )
    plain = front(latents, lips, head)
    assert not torch.allclose(plain, front(latents + 1, lips, head))
    assert not torch.allclose(plain, front(latents, 1 - lips, head))
    assert not torch.allclose(plain, front(latents, lips, 1 - head))
    assert not torch.allclose(plain, front(latents, head, lips))


def test_lips_lie_within_the_face() -> None:
    from vivavoce.look.face478 import TO_MODEL, load

    points = load().neutral * TO_MODEL * 16 + [32, 30, 0]
    lips, head = masks_of(points.astype(np.float32), 64)
    assert 0 < lips.sum() < 0.2 * head.sum()
    assert (lips <= head).all()


def test_a_tone_stands_in_its_band() -> None:
    time = torch.arange(22_050) / 22_050
    mel = hifigan_mel(torch.sin(2 * torch.pi * 1000 * time)[None])[0]
    hertz = mel.mean(0).argmax()
    assert 20 < hertz < 40  # 1 kHz is a third of the way up on Slaney's scale


def test_a_short_sample_is_repeated() -> None:
    assert fitted(np.arange(3, dtype=np.float32), 5 / RATE).tolist() == [0, 1, 2, 0, 1]
    assert fitted(np.arange(9, dtype=np.float32), 3 / RATE, 4).tolist() == [4, 5, 6]


# 10: GPT-2 and its codes.


def gpt(guided: bool) -> CodeGpt:
    torch.manual_seed(0)
    return CodeGpt(SMALL.gpt.model_copy(update={"told": 16 if guided else 0})).eval()


@pytest.mark.parametrize("guided", [False, True])
def test_a_code_changes_nothing_before_it(guided: bool) -> None:
    net, ids = gpt(guided), torch.randint(1, 20, (1, 6))
    mask, codes = torch.ones(1, 6, dtype=torch.bool), torch.randint(0, 27, (1, 9))
    voice, told = torch.randn(1, 3, 16), torch.randn(1, 10, 16) if guided else None
    plain = net(voice, ids, mask, codes, told)
    other = codes.clone()
    other[0, 4] = (codes[0, 4] + 1) % 27
    changed = net(voice, ids, mask, other, told)
    same = (plain.latents == changed.latents).all(-1)[0]
    assert same[:5].all()
    assert not same[5:].any()
    assert torch.equal(plain.logits[:, :5], changed.logits[:, :5])


def test_padding_a_text_changes_no_code() -> None:
    net, ids = gpt(guided=True), torch.randint(1, 20, (1, 6))
    codes, voice = torch.randint(0, 27, (1, 9)), torch.randn(1, 3, 16)
    told, mask = torch.randn(1, 10, 16), torch.ones(1, 6, dtype=torch.bool)
    padded, real = nn.functional.pad(ids, (0, 4)), nn.functional.pad(mask, (0, 4))
    one, two = (net(voice, i, m, codes, told).logits for i, m in ((ids, mask), (padded, real)))
    assert torch.allclose(one, two, atol=1e-5)


@pytest.mark.parametrize("guided", [False, True])
def test_what_is_written_is_what_the_decoder_says_of_it(guided: bool) -> None:
    net, ids = gpt(guided), torch.randint(1, 20, (1, 6))
    voice, told = torch.randn(1, 3, 16), torch.randn(1, 10, 16) if guided else None
    rng = torch.Generator().manual_seed(3)
    codes, latents = net.write(voice, ids, rng, 1.0, 0.9, told)
    again = net(voice, ids, torch.ones(1, 6, dtype=torch.bool), codes, told)
    assert torch.allclose(latents, again.latents[:, : latents.shape[1]], atol=1e-4)
    assert codes.max() < 27
    if guided:
        assert codes.shape[1] == 9


def test_voice_text_and_sounds_each_change_the_codes() -> None:
    net, ids = gpt(guided=True), torch.randint(1, 20, (1, 6))
    mask, codes = torch.ones(1, 6, dtype=torch.bool), torch.randint(0, 27, (1, 9))
    voice, told = torch.randn(1, 3, 16), torch.randn(1, 10, 16)
    plain = net(voice, ids, mask, codes, told).logits
    assert not torch.allclose(plain, net(torch.randn(1, 3, 16), ids, mask, codes, told).logits)
    assert not torch.allclose(plain, net(voice, ids + 1, mask, codes, told).logits)
    assert not torch.allclose(plain, net(voice, ids, mask, codes, torch.randn(1, 10, 16)).logits)


def test_the_likeliest_codes_are_drawn() -> None:
    logits, rng = torch.tensor([0.0, 5.0, 4.9, -9.0]), torch.Generator().manual_seed(0)
    assert sampled(logits, rng, 0, 1.0) == 1
    assert {sampled(logits, rng, 1.0, 0.9) for _ in range(60)} == {1, 2}
    assert {sampled(logits, rng, 1.0, 0.4) for _ in range(20)} == {1}


def test_rounded_numbers_are_the_codes_they_say() -> None:
    levels = Levels((8, 8, 8))
    x = 3 * torch.randn(2, 50, 3)
    ids = levels.ids(x)
    assert ids.min() >= 0
    assert ids.max() < 512
    assert torch.allclose(levels.vectors(ids), levels(x), atol=1e-6)


def test_a_codec_learns_to_copy() -> None:
    torch.manual_seed(0)
    codec = MelCodec(SMALL.codec)
    mel = torch.randn(4, 1, 82).repeat_interleave(32, 1)
    adam = torch.optim.Adam(codec.parameters(), 1e-2)
    losses = []
    for _ in range(60):
        loss = (codec(mel) - mel).abs().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
    assert codec.encode(mel).shape == (4, 8)
    assert codec.decode(codec.encode(mel)).shape == mel.shape


# 9, 11: the noise, and the gates.


def test_the_clean_estimate_of_the_true_v_is_the_truth() -> None:
    clean, noise = torch.randn(3, 4, 2, 5, 5), torch.randn(3, 4, 2, 5, 5)
    t = torch.tensor([0, 500, 990])
    noisy = noised(clean, noise, t)
    found = clean_estimate(noisy, velocity(clean, noise, t), t)
    assert (found - clean).abs().max() < 1e-4


def test_noise_ends_in_noise_alone() -> None:
    last = torch.tensor([999])
    assert float(kept(last, torch.zeros(1))) < 1e-6
    assert float(kept(torch.tensor([0]), torch.zeros(1))) > 0.999
    scheduler = noise_schedule()
    scheduler.set_timesteps(40)
    assert int(scheduler.timesteps[0]) == 999


def scene_of(seed: int = 0) -> tuple[Scene, Block]:
    rng = torch.Generator().manual_seed(seed)
    mask = torch.rand(1, 1, 64, 64, generator=rng)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=rng)

    scene = Scene(drawn(1, 4, 8, 8), drawn(1, 40), mask * 0.3, mask, drawn(1, 9, 16))
    return scene, Block(drawn(1, 2, 4, 8, 8), drawn(1, 4, 5, 1, 16), drawn(1, 4, 5, 16))


@torch.no_grad()
def v_of(settings: StfmSettings, scene: Scene, block: Block, net: object = None) -> Tensor:
    film = (net or small_net(settings)).film  # type: ignore[attr-defined]
    noisy = torch.randn(1, 4, 4, 8, 8, generator=torch.Generator().manual_seed(5))
    return film(noisy, torch.tensor([300]), film.shown(scene, block))[0]  # type: ignore[no-any-return]


def test_with_shut_gates_the_denoiser_is_hallos() -> None:
    net, bare = (
        small_net(),
        SMALL.model_copy(update={"embedding_attention": False, "exchange": False}),
    )
    for name, parameter in net.named_parameters():
        if name.endswith("gate"):
            nn.init.zeros_(parameter)
    hallo = small_net(bare)
    hallo.film.load_state_dict(net.film.state_dict(), strict=False)  # type: ignore[union-attr]
    scene, block = scene_of()
    assert torch.equal(v_of(SMALL, scene, block, net), v_of(bare, scene, block, hallo))


@pytest.mark.parametrize(
    "what", ["source", "face", "lips", "head", "e_v", "before", "sound", "near"]
)
def test_everything_that_the_denoiser_is_shown_changes_v(what: str) -> None:
    from dataclasses import replace

    net, (scene, block) = small_net(), scene_of()
    plain = v_of(SMALL, scene, block, net)
    if hasattr(scene, what):
        scene = replace(scene, **{what: getattr(scene, what) * 0.5 + 0.1})
    else:
        block = replace(block, **{what: getattr(block, what) + torch.randn(1)})
    assert not torch.allclose(plain, v_of(SMALL, scene, block, net), atol=1e-5)


def test_each_region_hears_for_itself() -> None:
    scene, _ = scene_of()
    rest, face, lips = scene.masks
    assert torch.allclose(rest + face + lips, torch.ones_like(rest), atol=1e-6)


def test_sound_and_latents_reach_their_own_frame_first() -> None:
    heard_ = torch.arange(6.0)[None, :, None, None]
    assert windowed(heard_, 5)[0, :, :, 0, 0].tolist()[0] == [0, 0, 0, 1, 2]
    assert windowed(heard_, 5)[0, :, :, 0, 0].tolist()[5] == [3, 4, 5, 5, 5]
    latents = torch.arange(50.0)[None, :, None]
    assert nearby(latents, 25, 10, 3)[0, :, 2, 0].tolist() == [10, 11, 12]
    assert nearby(latents, 21.53, 10, 1)[0, 0, :, 0].tolist() == [7, 8, 9, 10, 11]


def test_latents_ask_the_frame_of_their_moment() -> None:
    torch.manual_seed(0)
    links = Links(SMALL)
    wake(links)
    latents, middle = torch.randn(1, 4, 16), torch.randn(1, 4, 16, 4, 4)
    plain = links.refine(latents, middle, 25.0)
    other = middle.clone()
    other[:, 2] += 1
    changed = (plain - links.refine(latents, other, 25.0)).abs().sum(-1)[0]
    assert (changed > 0).tolist() == [False, False, True, False]
    assert plain.shape == latents.shape


# 16, 21: block after block.


def film_of(frames: int, seed: int = 0) -> list[Tensor]:
    net, (scene, _) = small_net(), scene_of()
    sound = torch.randn(1, frames, 5, 1, 16, generator=torch.Generator().manual_seed(1))
    latents = torch.randn(1, frames, 16, generator=torch.Generator().manual_seed(2))
    assert net.film is not None
    made = net.film.blocks(scene, sound, latents, 25.0, frames, seed, 2, 1.5)
    return [latent for latent, _ in made]


def test_a_block_goes_on_from_the_last_frames_of_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from vivavoce.systems.stfm.film import FilmHalf

    seen: list[Block] = []
    draw = FilmHalf.draw

    def watched(self: FilmHalf, scene: Scene, block: Block, *rest: object) -> tuple[Tensor, Tensor]:
        seen.append(block)
        return draw(self, scene, block, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(FilmHalf, "draw", watched)
    made = film_of(10)
    assert [x.shape[2] for x in made] == [4, 4, 2]
    scene, _ = scene_of()
    assert torch.equal(seen[0].before[:, 0], scene.source)
    assert torch.equal(seen[0].before[:, 1], scene.source)
    for block, before in zip(seen[1:], made, strict=False):
        assert torch.equal(block.before, before[:, :, -2:].transpose(1, 2))


def test_a_seed_is_a_film() -> None:
    one, two, other = film_of(4), film_of(4), film_of(4, seed=1)
    assert torch.equal(one[0], two[0])
    assert not torch.equal(one[0], other[0])


# 19: variants.


VARIANTS = {
    "no encoder": {"encoder": "none"}, "shared": {"encoder": "shared"},
    "without DC": {"exchange": False}, "without EC": {"embedding_attention": False},
    "only visual tokens": {"entangled": ("video",)}, "only audio tokens": {"entangled": ("audio",)},
    "no HiFi-GAN": {"hifigan_tokens": False}, "no Wav2Vec": {"wav2vec_tokens": False},
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANTS)
@torch.no_grad()
def test_every_variant_speaks_and_films_by_settings_alone(name: str) -> None:
    settings = SMALL.model_copy(update=VARIANTS[name])
    net = small_net(settings)
    samples = np.random.default_rng(0).normal(0, 0.1, 2 * RATE).astype(np.float32)
    fed = {k: torch.from_numpy(v)[None] for k, v in heard(samples, settings).items()}
    audio, ids = net.hear(fed["mel"], fed["wave"]), torch.tensor([[1, 5, 9, 1]])
    real, image = torch.ones_like(ids, dtype=torch.bool), torch.randn(1, 64, 16)
    voice = net.tell(audio, ids, real, image)
    sounds = net.voice.timed(tokens_of(["h", "aɪ"]))
    said = net.voice.write(voice, ids, torch.Generator().manual_seed(0), 0.7, 0.9, sounds)
    assert net.voice.sound(said.latents, said.sounds, voice.speaker).shape[1] > 0
    scene, block = scene_of()
    from dataclasses import replace

    scene = replace(scene, e_v=net.show(audio, ids, real, image))
    v = v_of(settings, scene, block, net)
    whole = v_of(SMALL, scene, block, small_net())
    assert v.shape == whole.shape
    assert tuple(net.entangle.state_dict()) == tuple(Entangle(settings).state_dict())


# The voice half.


def test_the_parts_of_the_code_become_latents_and_speaker() -> None:
    half = VoiceHalf(SMALL).eval()
    rows = torch.randn(1, 300, 16)
    plain = half.voice(rows, [200, 100], ["a", "s"])
    acoustic, semantic = rows.clone(), rows.clone()
    acoustic[:, :200] += 1
    semantic[:, 200:] += 1
    one, two = (half.voice(x, [200, 100], ["a", "s"]) for x in (acoustic, semantic))
    assert torch.equal(plain.speaker, one.speaker)
    assert not torch.allclose(plain.latents, one.latents)
    assert torch.equal(plain.latents, two.latents)
    assert not torch.allclose(plain.speaker, two.speaker)


def test_xtts_voices_latents_that_have_not_seen_their_code() -> None:
    rows = torch.arange(6.0).view(1, 6, 1)
    assert VoiceHalf(SMALL).voiced_rows(rows).flatten().tolist() == [1, 2, 3, 4, 5]
    official = OFFICIAL.model_copy(update={"hearing": "small"})
    assert VoiceHalf(official).voiced_rows(rows).flatten().tolist() == [0, 1, 2, 3, 4]


def test_speaking_faster_is_shorter() -> None:
    half, spelt = small_net().voice, tokens_of(["h", "aɪ", "ð", "ɛ", "ɹ"])
    slow, fast = (half.timed(spelt, speed) for speed in (0.5, 2.0))
    assert int(slow.durations.sum()) > 2 * int(fast.durations.sum())
    assert slow.frames.shape == (1, int(slow.durations.sum()), 80)
    assert slow.told.shape[1] == slow.frames.shape[1] // 4 + 1


def test_the_guide_tells_each_step_its_own_moment() -> None:
    half = small_net().voice
    sounds = half.timed(tokens_of(["h", "aɪ", "ð", "ɛ", "ɹ"]))
    assert torch.allclose(sounds.told[0, 1], sounds.frames[0, 4:8].mean(0))
    part = sounds.part(1, 3)
    assert torch.equal(part.frames, sounds.frames[:, 4:12])
    assert part.told.shape[1] == 3


def buzz(hertz: float, tilt: float) -> np.ndarray:
    time = np.arange(2 * RATE) / RATE
    phase = 2 * np.pi * hertz * (time + 0.02 * np.sin(2 * np.pi * 1.3 * time))
    tones = [np.sin(k * phase) * k**-tilt for k in range(1, 30)]
    return (0.05 * np.sum(tones, 0) * (0.6 + 0.4 * np.sin(20 * time))).astype(np.float32)


def test_a_voice_takes_the_samples_colour_and_pitch() -> None:
    rows = torch.cat([torch.randn(200, 80), torch.zeros(200, 1), torch.ones(200, 1)], 1)
    like = Likeness.of(buzz(240, 0.5), 1.0)
    made = like.given_to(rows)
    assert 160 * 2 ** float(made[:, -2].median()) == pytest.approx(240, rel=0.03)
    assert torch.equal(made[:, -1], rows[:, -1])
    assert float(made[:, :80].mean()) == pytest.approx(float(rows[:, :80].mean()), abs=0.05)

    def apart(x: Tensor, of: Likeness) -> float:
        shift = of.spectrum - x[:, :80].mean(0)
        return float((shift - shift.mean()).abs().mean())

    assert apart(made, like) < 0.5 * apart(rows, like)
    assert torch.equal(Likeness.of(buzz(240, 0.5), 0.0).given_to(rows), rows)
    other = Likeness.of(buzz(120, 2.0), 1.0).given_to(rows)
    assert float(other[:, -2].median()) < float(made[:, -2].median())
    assert not torch.allclose(other[:, :80], made[:, :80])


def test_the_small_base_sees_pictures() -> None:
    base = small_base()
    assert base.encode(torch.zeros(1, 3, 64, 64)).shape == (1, 4, 8, 8)
