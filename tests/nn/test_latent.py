"""The latent base: sizes of Stable Diffusion, words, sampling, files, and refusals in sentences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vivavoce.data.corpus.captions import caption, unheard, words
from vivavoce.data.corpus.people import draw_person
from vivavoce.errors import BadCheckpoint, RequestError
from vivavoce.nn.latent import (
    PARTS,
    TINY,
    LatentBase,
    LatentSettings,
    caption_tokenizer,
    check_prompt,
    load_latent,
    weights_of,
)

SMALL = TINY.model_copy(
    update={"size": 32, "patch": 1, "vae_channels": (8, 8, 8, 8), "unet_channels": (8, 8),
            "heads": 2, "text_width": 16, "text_layers": 1, "text_heads": 2}
)  # fmt: skip


@pytest.fixture(scope="module")
def base() -> LatentBase:
    torch.manual_seed(0)
    return LatentBase(SMALL).eval().requires_grad_(False)


def test_the_defaults_are_stable_diffusion() -> None:
    with torch.device("meta"):
        base = LatentBase(LatentSettings())
    count = {part: sum(p.numel() for p in getattr(base, part).parameters()) for part in PARTS}
    assert count == {"vae": 83_653_863, "text": 123_060_480, "unet": 859_520_964}
    assert base.latent_shape == (4, 64, 64)
    assert base.scale.shape == ()


def test_the_small_one_is_small() -> None:
    base = LatentBase(TINY)
    assert base.latent_shape == (12, 16, 16)
    assert sum(p.numel() for p in base.parameters()) * 2 < 15.5e6


def test_every_word_of_a_caption_is_a_token() -> None:
    tokenizer = caption_tokenizer()
    assert len(tokenizer) == TINY.vocabulary
    spelt = {
        word for phrase in words() for word in phrase.replace(",", " ").split()
        if len(tokenizer(word, add_special_tokens=False)["input_ids"]) > 1
    }  # fmt: skip
    assert spelt == set()


@pytest.mark.parametrize("index", range(12))
def test_captions_say_the_truth_and_fit(base: LatentBase, index: int) -> None:
    from dataclasses import asdict

    person = draw_person(1, index)
    attributes = {"sex": person.sex, "age": person.age, **asdict(person.looks)}
    said = caption(attributes, "happy", None)
    assert ("woman" in said) == (person.sex == "female")
    assert ("no glasses" in said) == (person.looks.glasses == "none")
    assert ("no beard" in said) == (person.looks.beard == "none")
    assert said.endswith("happy")
    assert base.unknown(said) == []
    assert base.count(said) <= TINY.tokens - 2


def test_what_no_voice_tells_says_neither_sex_nor_age() -> None:
    import numpy as np

    said = unheard({"sex": "male", "age": 70, "hair": "long", "hair_colour": (0.7, 0.7, 0.7),
                    "wrinkles": 1.0}, np.random.default_rng(1))  # fmt: skip
    assert "man" not in said
    assert "wrinkles" not in said
    assert said in ("", "long white hair", "long grey hair")


def test_guidance_of_one_is_none_and_more_changes_the_picture(base: LatentBase) -> None:
    noise = torch.randn(1, *base.latent_shape, generator=torch.Generator().manual_seed(0))
    seen, nothing = base.context(["round glasses"]), base.context([""])
    plain = base.sample(noise, seen, 3)
    assert torch.equal(plain, base.sample(noise, seen, 3, 1.0, nothing))
    assert not torch.allclose(plain, base.sample(noise, seen, 3, 4.0, nothing))
    free, same = (base.sample(noise, nothing, 3, g, nothing) for g in (1.0, 4.0))
    assert torch.allclose(free, same, atol=1e-4)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_sampling_with_the_true_target_finds_the_latents(prediction: str) -> None:
    base = LatentBase(SMALL.model_copy(update={"prediction": prediction})).eval()
    true = torch.randn(1, *base.latent_shape)
    scheduler = base.scheduler()

    def perfect(noisy: torch.Tensor, steps: torch.Tensor, *_: object) -> torch.Tensor:
        alpha = scheduler.alphas_cumprod[steps[0]]
        noise = (noisy - alpha.sqrt() * true) / (1 - alpha).sqrt()
        return base.target(true, noise, steps)

    base.predict = perfect  # type: ignore[method-assign, assignment]
    start = base.noised(true, torch.randn_like(true), torch.tensor([999]))
    found = base.sample(start, torch.zeros(1, 1, 16), 20)
    # What the last step leaves of the noise is that of step 1.
    assert (found - true).abs().mean() < 0.05


def test_residuals_reach_every_level(base: LatentBase) -> None:
    z, t, seen = torch.randn(1, *base.latent_shape), torch.tensor([5]), base.context([""])
    shapes = [(1, 8, 4, 4), (1, 8, 2, 2)]
    plain = base.predict(z, t, seen)
    zeros = [torch.zeros(s) for s in shapes]
    assert torch.allclose(plain, base.predict(z, t, seen, zeros), atol=1e-6)
    for level in range(2):
        one = [torch.full(s, float(i == level)) for i, s in enumerate(shapes)]
        assert not torch.allclose(plain, base.predict(z, t, seen, one), atol=1e-4)
        assert all((r == float(i == level)).all() for i, r in enumerate(one))  # not changed


def written(base: LatentBase, folder: Path) -> Path:
    """A checkpoint of a base."""
    folder.mkdir()
    about = {"system": "latent", "settings": base.settings.model_dump(mode="json")}
    (folder / "config.json").write_text(json.dumps(about))
    for part in PARTS:
        save_file(weights_of(base, part), folder / f"{part}.safetensors", {"part": part})
    return folder


def test_a_base_is_read_as_it_was_written(base: LatentBase, tmp_path: Path) -> None:
    base.scale.fill_(0.5)
    found = load_latent(written(base, tmp_path / "latent"))
    assert found.scale.item() == 0.5
    z = torch.randn(1, *base.latent_shape)
    assert torch.allclose(found.decode(z), base.decode(z), atol=0.02)
    assert not any(p.requires_grad for p in found.parameters())
    (tmp_path / "latent" / "unet.safetensors").unlink()
    with pytest.raises(BadCheckpoint, match="missing"):
        load_latent(tmp_path / "latent")


def test_stable_diffusions_own_layout_is_read(base: LatentBase, tmp_path: Path) -> None:
    folder = tmp_path / "sd"
    base.vae.save_pretrained(folder / "vae")
    base.unet.save_pretrained(folder / "unet")
    base.text.save_pretrained(folder / "text_encoder")
    base.tokenizer.save_pretrained(folder / "tokenizer")
    base.scheduler().save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text("{}")
    found = load_latent(folder)
    assert found.settings.size == 32
    assert found.settings.prediction == "v_prediction"
    assert torch.equal(found.context(["long hair"]), base.context(["long hair"]))
    z = torch.randn(1, *base.latent_shape)
    assert torch.allclose(found.decode(z * found.scale), base.decode(z * base.scale), atol=1e-5)
    (folder / "unet" / "config.json").unlink()
    with pytest.raises(BadCheckpoint, match="does not hold Stable Diffusion"):
        load_latent(folder)


def test_prompts_that_it_cannot_read_are_refused(base: LatentBase) -> None:
    check_prompt(base, "Round glasses, long grey hair!", 20)
    with pytest.raises(RequestError, match="not learnt: zottelbart"):
        check_prompt(base, "round Zottelbart", 20)
    with pytest.raises(RequestError, match="tokens, and there is room for 5"):
        check_prompt(base, "round glasses, long grey hair, no beard, happy", 5)
