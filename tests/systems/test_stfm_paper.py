"""STFM's `paper` preset: sizes on the meta device, published names, a training step at small width.
No weights of anybody are needed."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from small_stfm import OFFICIAL, SMALL, small_net
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint, RequestError
from vivavoce.render.hallo import DenoisingUnet, ReferenceNet
from vivavoce.render.hallo_modules import AudioProjection, FaceLocator, ImageProjection
from vivavoce.speak.code_gpt import CodeGpt
from vivavoce.speak.hifigan import PRESETS as VOCODERS
from vivavoce.speak.latent_vocoder import LatentVocoder, ours
from vivavoce.speak.mel_codec import MelCodec
from vivavoce.systems.stfm.checkpoint import load_net
from vivavoce.systems.stfm.net import StfmNet
from vivavoce.systems.stfm.official import (
    base_of,
    check_given,
    coder_of,
    fill,
    released_tokens,
    xtts_rows,
)
from vivavoce.systems.stfm.script import BpeReader
from vivavoce.systems.stfm.settings import PRESETS, Official
from vivavoce.systems.stfm.stages import RECIPES, STAGES, STATED, WEIGHTS_OF_LOSSES

PAPER = PRESETS["paper"]
HALLO = {
    "reference_unet": (682, 859_508_800, "dec8e6c07e786bed4d085657"),
    "denoising_unet": (1946, 1_526_736_644, "7dfa41c55597c63c60cd7814"),
    "face_locator": (16, 514_896, "19138c640ab2510394aa9d93"),
    "imageproj": (4, 1_577_472, "dd0ce5746ba96f7ee4d7c3de"),
    "audioproj": (8, 36_465_152, "ac687055fe928988e6735611"),
}
"""Network of Hallo's net.pth → its tensors, their numbers in all, and the first half of the SHA-256
of its names and shapes, a line "NAME AxBxC" each, sorted."""


def hallo_nets() -> dict[str, nn.Module]:
    h = PAPER.hallo
    return {
        "reference_unet": ReferenceNet(h), "denoising_unet": DenoisingUnet(h),
        "face_locator": FaceLocator(h.channels[0], h.locator),
        "imageproj": ImageProjection(h.face, h.face_tokens, h.context),
        "audioproj": AudioProjection(5 * 12 * 768, h.audio_hidden, h.audio_tokens, h.context),
    }  # fmt: skip


def test_hallos_networks_have_every_published_name_and_shape() -> None:
    import diffusers  # noqa: F401  (what it imports must not be built on the meta device)
    from diffusers.models import unets  # noqa: F401

    with torch.device("cpu"):
        ReferenceNet(SMALL.hallo)
    with torch.device("meta"):
        nets = hallo_nets()
    for name, (tensors, numbers, mark) in HALLO.items():
        shapes = {k: tuple(v.shape) for k, v in nets[name].state_dict().items()}
        lines = "\n".join(f"{k} {'x'.join(map(str, s))}" for k, s in sorted(shapes.items()))
        assert len(shapes) == tensors, name
        assert sum(math.prod(s) for s in shapes.values()) == numbers, name
        assert hashlib.sha256(lines.encode()).hexdigest()[:24] == mark, name
    places = [v for k, v in nets["denoising_unet"].state_dict().items() if k.endswith(".pe")]
    assert 1_526_736_644 - sum(v.numel() for v in places) == 1_525_528_324


def test_gpt_2_has_xtts_sizes() -> None:
    with torch.device("meta"):
        net = CodeGpt(PAPER.gpt)
        shapes = {k: tuple(v.shape) for k, v in net.state_dict().items()}
    assert len([k for k in shapes if k.endswith("attn.c_attn.weight")]) == 30
    assert shapes["mel_head.weight"] == (8194, 1024)
    assert shapes["text_pos_embedding.emb.weight"] == (404, 1024)
    assert shapes["mel_pos_embedding.emb.weight"] == (608, 1024)
    assert shapes["conditioning_perceiver.latents"] == (32, 1024)
    assert shapes["conditioning_perceiver.layers.1.0.to_kv.weight"] == (1024, 1024)
    assert shapes["conditioning_perceiver.layers.0.1.2.weight"] == (1024, 2730)
    assert shapes["gpt.h.29.mlp.c_fc.weight"] == (1024, 4096)
    assert shapes["gpt.ln_f.weight"] == (1024,)
    assert not [k for k in shapes if "wpe" in k or "wte" in k]


def test_a_code_of_xtts_is_1024_samples_at_24_kilohertz_of_sound() -> None:
    with torch.no_grad():
        net = LatentVocoder(16, 8, channels=16).eval()
        sound = net(torch.randn(1, 43, 16), torch.randn(1, 8))
    assert sound.shape[1] == pytest.approx(43 * 1024 * 24_000 / 22_050, rel=0.01)


def theirs(net: LatentVocoder) -> dict[str, Tensor]:
    """A vocoder's weights by XTTS's names."""
    found = {}
    for name, tensor in net.state_dict().items():
        name = name.replace("parametrizations.weight.original0", "weight_g")
        name = name.replace("parametrizations.weight.original1", "weight_v")
        for own, their in (
            ("first.", "conv_pre."), ("last.", "conv_post."), ("grow.", "ups."),
            ("told_at.", "conds."), ("told.", "cond_layer."), (".wide.", ".convs1."),
            (".plain.", ".convs2."),
        ):  # fmt: skip
            name = name.replace(own, their)
        if name.startswith("blend."):
            _, at, kernel, *rest = name.split(".")
            name = ".".join(["resblocks", str(3 * int(at) + int(kernel)), *rest])
        found[name] = tensor
    return found


def test_xtts_vocoder_is_read_by_its_names() -> None:
    torch.manual_seed(0)
    net = LatentVocoder(8, 4, channels=16)
    names = theirs(net)
    assert {"conv_pre.weight_g", "resblocks.11.convs2.2.weight_v", "conds.3.bias"} <= set(names)
    found = ours(names)
    assert found.keys() == net.state_dict().keys()
    assert all(torch.equal(found[k], v) for k, v in net.state_dict().items())


def test_the_coder_has_xtts_names() -> None:
    with torch.device("meta"):
        shapes = {k: tuple(v.shape) for k, v in MelCodec(PAPER.codec).state_dict().items()}
    assert shapes["encoder.0.0.weight"] == (512, 80, 3)
    assert shapes["encoder.1.0.weight"] == (1024, 512, 3)
    assert shapes["encoder.4.net.4.weight"] == (1024, 1024, 1)
    assert shapes["encoder.5.weight"] == (512, 1024, 1)
    assert shapes["codebook.embed"] == (512, 8192)


# A user's files, made small.


def write_hallo(file: Path, net: StfmNet) -> Path:
    assert net.film is not None
    own = net.film.state_dict()
    torch.save({k: v for k, v in own.items() if k.partition(".")[0] in HALLO}, file)
    return file


def write_xtts(folder: Path, net: StfmNet, codec: MelCodec) -> Path:
    folder.mkdir()
    vocoder = net.voice.vocoder
    assert isinstance(vocoder, LatentVocoder)
    model = {f"gpt.{k}": v for k, v in net.voice.gpt.state_dict().items()}
    model |= {f"hifigan_decoder.waveform_decoder.{k}": v for k, v in theirs(vocoder).items()}
    torch.save({"model": model}, folder / "model.pth")
    torch.save(dict(codec.state_dict()), folder / "dvae.pth")
    torch.save(torch.full((80,), 2.0), folder / "mel_stats.pth")
    words = {"[UNK]": 0, "[START]": 1, "[STOP]": 2, "[en]": 3, "[SPACE]": 4}
    words |= {letter: 5 + n for n, letter in enumerate("abcdefghijklmnopqrstuvwxyz.,!?'")}
    vocabulary = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [
            {"id": n, "content": w, "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True}
            for w, n in words.items() if w.startswith("[")
        ],
        "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None,
        "model": {"type": "BPE", "dropout": None, "unk_token": "[UNK]", "vocab": words,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "merges": []},
    }  # fmt: skip
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    return folder


def small_official(**changes: Any) -> Any:
    return OFFICIAL.model_copy(update={"hearing": "small", **changes})


def test_a_users_files_fill_the_network(tmp_path: Path) -> None:
    settings = small_official()
    torch.manual_seed(1)
    source, codec = small_net(settings), MelCodec(settings.codec)
    files = Official(
        hallo=str(write_hallo(tmp_path / "net.pth", source)),
        xtts=str(write_xtts(tmp_path / "xtts", source, codec)),
    )
    torch.manual_seed(2)
    net = StfmNet(settings.model_copy(update={"official": files}))
    names = fill(net)
    assert net.film is not None
    assert source.film is not None
    for name, tensor in net.state_dict().items():
        same = torch.equal(tensor, source.state_dict()[name])
        assert same or name not in names, name
    filled = {n.split(".")[1] for n in names if n.startswith("film")}
    assert filled == set(HALLO)
    assert not any(n.startswith(("film.links", "entangle", "voice.to_")) for n in names)
    fresh = MelCodec(settings.codec)
    stats = coder_of(fresh, tmp_path / "xtts")
    assert float(stats[0]) == 2.0
    assert torch.equal(
        fresh.state_dict()["encoder.3.weight"], codec.state_dict()["encoder.3.weight"]
    )
    rows = xtts_rows(torch.randn(1, 16_000), stats)
    assert rows.shape == (1, 87, 80)


def test_the_authors_checkpoint_fills_film_and_encoders(tmp_path: Path) -> None:
    torch.manual_seed(3)
    settings, source = small_official(), small_net(small_official())
    assert source.film is not None
    held = {k: v for k, v in source.film.state_dict().items() if k.partition(".")[0] in HALLO}
    file = tmp_path / "latest.pth"
    torch.save({
        "net_state_dict": held,
        "audio_transformer_encoder_state_dict": source.entangle.audio.state_dict(),
        "video_transformer_encoder_state_dict": source.entangle.video.state_dict(),
    }, file)  # fmt: skip
    net = StfmNet(settings.model_copy(update={"official": Official(released=str(file))}))
    names = fill(net)
    assert "entangle.video.mha.in_proj_weight" in names
    for own, their in zip(net.entangle.parameters(), source.entangle.parameters(), strict=True):
        assert torch.equal(own, their)


def test_their_tokens_are_3073_and_65_and_one() -> None:
    picture = torch.zeros(1, 3, 512, 512)
    found = released_tokens(
        picture, picture, torch.zeros(1, 512), torch.zeros(1, 32, 1024), torch.zeros(1, 512),
        torch.zeros(1, 512, dtype=torch.long),
    )  # fmt: skip
    assert [tuple(x.shape) for x in found] == [(1, 3073, 512), (1, 65, 512), (1, 1, 512)]


@pytest.mark.parametrize("what", ["missing", "torn", "other"])
def test_a_file_that_does_not_fit_is_a_sentence(what: str, tmp_path: Path) -> None:
    file = tmp_path / "net.pth"
    if what == "torn":
        file.write_bytes(b"PK no")
    if what == "other":
        torch.save({"face_locator.conv_in.weight": torch.zeros(1)}, file)
    net = StfmNet(small_official(official=Official(hallo=str(file))))
    with pytest.raises(BadCheckpoint, match=r"net\.pth"):
        fill(net)


def test_the_papers_size_asks_for_its_files() -> None:
    with pytest.raises(RequestError, match=r"hallo, .*--set model\.official\.hallo=PATH"):
        check_given(PAPER)
    check_given(SMALL)


def test_a_text_is_xtts_byte_pairs(tmp_path: Path) -> None:
    settings = small_official()
    folder = write_xtts(tmp_path / "x", small_net(settings), MelCodec(settings.codec))
    read = BpeReader(folder / "vocab.json", settings.gpt)
    assert read("Hi  there").ids == (1, 3, 12, 13, 4, 24, 12, 9, 22, 9, 2)
    with pytest.raises(RequestError, match="nothing to say"):
        read("  ")
    with pytest.raises(BadCheckpoint, match=r"vocab\.json"):
        BpeReader(tmp_path / "vocab.json", settings.gpt)


# 12, 14: losses and rates, as data.


def test_the_stages_are_the_papers() -> None:
    a, b = STAGES["paper"]
    assert a.losses == WEIGHTS_OF_LOSSES
    assert (a.losses["audio"], a.losses["video"]) == (0.1, 1.0)
    assert (a.steps, b.steps) == (6 * 4500, 4 * 4500)
    assert a.batch * a.accumulate == b.batch * b.accumulate == 8
    adam = a.optimisers["adam"]
    assert (adam.lr, adam.weight_decay, adam.lowest) == (1e-4, 1e-2, 1e-6)
    assert b.optimisers["adam"].lr == 1e-5
    assert set(b.trains) - set(a.trains) == {"film.denoising_unet"}
    assert set(RECIPES) == {"paper", "stated", "tiny"}


def test_stated_is_what_is_printed() -> None:
    assert STATED == {"audio": 0.1, "video": 1.0, "denoising": 0.0, "codes": 0.0}
    assert all(stage.losses == STATED for stage in STAGES["stated"])
    learning = PRESETS["stated"].learning
    assert learning.sums
    assert not learning.by_noise


def test_the_rate_halves_at_step_1000_down_to_a_floor() -> None:
    from vivavoce.train.engine.optimise import build, schedule

    net = nn.Linear(1, 1)
    for stage, most in zip(STAGES["paper"], (7000, 4000), strict=True):
        optimiser = replace(stage.optimisers["adam"], trains=("",))
        rates = schedule(optimiser, build(optimiser, net), stage.steps).lr_lambdas[0]
        assert rates(999) == 1
        assert rates(1000) == 0.5
        assert rates(most) * optimiser.lr == pytest.approx(1e-6)
        assert rates(most - 1) * optimiser.lr > 1e-6
        assert rates(stage.steps) * optimiser.lr == pytest.approx(1e-6)


def test_the_vocoder_of_tiny_is_ttsfs() -> None:
    assert PRESETS["tiny"].vocoder == VOCODERS["tiny"]


# Loading.


def test_a_missing_checkpoint_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="vivavoce train stfm"):
        load_net(tmp_path / "stfm-tiny")


def test_weights_of_another_preset_are_refused(tmp_path: Path) -> None:
    net = small_net(SMALL.model_copy(update={"filmed": False, "encoder": "none"}))
    own = {k: v.contiguous() for k, v in net.voice.state_dict().items()}
    own["to_text.weight"] = torch.zeros(3, 3)
    save_file(own, tmp_path / "voice.safetensors", {"part": "stfm-voice"})
    about = {"system": "stfm", "settings": net.settings.model_dump(mode="json")}
    (tmp_path / "config.json").write_text(json.dumps(about))
    with pytest.raises(BadCheckpoint, match=r"voice\.safetensors does not fit"):
        load_net(tmp_path)


def test_a_base_of_other_latents_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from small_stfm import small_base

    from vivavoce.systems.stfm import official

    monkeypatch.setattr(official, "load_latent", lambda folder: small_base())
    assert base_of(SMALL).encode(torch.zeros(1, 3, 64, 64)).shape == (1, 4, 8, 8)
    eight = SMALL.latent.model_copy(update={"latent_channels": 8})
    with pytest.raises(BadCheckpoint, match="8"):
        base_of(SMALL.model_copy(update={"latent": eight}))


def test_numbers_of_noise_are_finite() -> None:
    assert np.isfinite(xtts_rows(torch.zeros(1, 8000), torch.ones(80)).numpy()).all()
