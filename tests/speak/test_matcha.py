"""Matcha-TTS and the learned voice: tokens, masks, losses, who speaks, times, repeatability."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from vivavoce.errors import RequestError
from vivavoce.speak.acoustic import EDGE, phones_of, rounded, speak, timed
from vivavoce.speak.hifigan import Hifigan, HifiganSettings
from vivavoce.speak.matcha import (
    PRESETS,
    Aligned,
    Matcha,
    MatchaSettings,
    Read,
    duration_loss,
    lay_along,
    mel_flow_loss,
    prior_loss,
    rotated,
)
from vivavoce.speak.tokens import BLANK, CHARACTERS, tokens_of

SMALL = MatchaSettings(
    code=6, width=16, voice=8, layers=2, filter=24, duration_width=12, decoder_width=16,
    decoder_middle=1,
)  # fmt: skip


@pytest.fixture
def model() -> Matcha:
    torch.manual_seed(0)
    return Matcha(SMALL).eval()


@pytest.fixture
def vocoder() -> Hifigan:
    torch.manual_seed(0)
    tiny = HifiganSettings(channels=16, kernels=(3,), dilations=((1,),), pairs=False)
    return Hifigan(tiny).eval().folded()


def ids(count: int = 9, batch: int = 1) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randint(1, 40, (batch, count))


def test_tokens_are_characters_with_blanks_between() -> None:
    found = tokens_of(("_", "ˈoʊ", "n", "_"))
    assert found.ids[::2].tolist() == [BLANK] * 7
    said = "".join(CHARACTERS[i - 1] for i in found.ids[1::2])
    assert said == "_ˈoʊn_"
    assert found.phones.tolist() == [0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 3, 3, 3]


def test_a_sound_that_is_not_english_is_named() -> None:
    with pytest.raises(RequestError, match=r"'χ' in 'Bach'.*English"):
        tokens_of(("b", "a", "χ"), "Bach")
    with pytest.raises(RequestError, match="nothing to say"):
        tokens_of((), "...")


def test_what_espeak_says_of_english_are_tokens() -> None:
    texts = (
        "The quick brown fox jumps over thirty lazy dogs, doesn't it?",
        "Genre, 3 bottles of soda!",
    )
    for text in texts:
        symbols = phones_of(text)
        assert symbols[0] == symbols[-1] == "_"
        assert symbols[1] != "_"
        assert symbols[-2] != "_"
        tokens_of(symbols, text)


def test_rotation_makes_scores_depend_on_distance_alone() -> None:
    q, k = torch.randn(8), torch.randn(8)
    many = lambda x: rotated(x.expand(1, 1, 12, 8))[0, 0]  # noqa: E731
    scores = many(q) @ many(k).T
    for apart in range(-5, 6):
        diagonal = scores.diagonal(apart)
        assert torch.allclose(diagonal, diagonal[0].expand_as(diagonal), atol=1e-5)
    assert not torch.allclose(scores[0, 0], scores[0, 3], atol=1e-4)


def test_padding_changes_nothing(model: Matcha) -> None:
    short, who = ids(9), torch.randn(1, 6)
    longer = torch.cat([short, ids(4)], 1)
    mask = torch.arange(13)[None] < 9
    one, two = model.read(short, who), model.read(longer, who, mask)
    for a, b in ((one.mean, two.mean), (one.log_durations, two.log_durations)):
        assert torch.allclose(a, b[:, :9], atol=1e-5)


def test_who_speaks_is_heard_in_encoder_and_decoder(model: Matcha) -> None:
    said, noise, t = ids(), torch.randn(1, 10, 80), torch.tensor([0.4])
    one, two = torch.randn(1, 6), torch.randn(1, 6)
    assert not torch.allclose(model.read(said, one).mean, model.read(said, two).mean, atol=1e-4)
    feature = torch.randn(1, 10, 80)
    fields = [model.field_at(noise, t, feature, who, None) for who in (one, two, None)]
    assert not torch.allclose(fields[0], fields[1], atol=1e-4)
    assert torch.equal(fields[2], model.field_at(noise, t, feature, model.nobody[None], None))


def test_aligned_text_is_as_long_as_the_mel(model: Matcha) -> None:
    """Checklist 7."""
    mel = torch.randn(2, 30, 80)
    found = lay_along(
        model, ids(9, 2), torch.tensor([9, 5]), mel, torch.tensor([30, 21]), torch.randn(2, 6)
    )
    assert found.durations.sum(1).tolist() == [30, 21]
    assert found.durations[1, 5:].sum() == 0
    assert found.embedding.shape == (2, 30, 16)
    assert found.feature.shape == (2, 30, 80)


def test_durations_teach_the_predictor_alone(model: Matcha) -> None:
    mel = torch.randn(1, 30, 80)
    lengths = torch.tensor([9]), torch.tensor([30])
    found = lay_along(model, ids(), lengths[0], mel, lengths[1], None)
    duration_loss(found, lengths[0]).backward()
    taught = {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None}
    assert taught == {"durations"}


def test_losses_have_their_closed_forms(model: Matcha) -> None:
    lengths = torch.tensor([[2, 3, 5]])
    read = Read(torch.zeros(1, 3, 1), torch.zeros(1, 3, 80), lengths.float().log() + 0.5)
    aligned = Aligned(read, lengths, torch.zeros(1, 10, 1), torch.zeros(1, 10, 80))
    assert duration_loss(aligned, torch.tensor([3])).item() == pytest.approx(0.25)
    mel = torch.ones(1, 10, 80)
    mel[:, 8:] = 99
    wanted = 0.5 * (1 + math.log(2 * math.pi))
    assert prior_loss(aligned.feature, mel, torch.tensor([8])).item() == pytest.approx(wanted)
    noise, t = torch.randn(1, 10, 80), torch.rand(1)
    found = mel_flow_loss(model, mel, aligned.feature, torch.tensor([8]), None, noise, t)
    mel[:, 8:] = -99
    again = mel_flow_loss(model, mel, aligned.feature, torch.tensor([8]), None, noise, t)
    assert found.item() == pytest.approx(again.item(), rel=1e-5)


def test_durations_are_rounded_up_and_the_edges_cut() -> None:
    tokens = tokens_of(("_", "h", "aɪ", "_"))
    lengths = torch.full((len(tokens.ids),), 1.4)
    lengths[:2] = 20.0
    found = rounded(lengths.log(), tokens, 1.0)
    assert found[tokens.phones == 0].sum() == EDGE
    assert (found[2:] == 2).all()
    half = rounded(lengths.log(), tokens, 2.0)
    assert int(half[2:].sum()) == len(found[2:])
    third = rounded(lengths.log(), tokens, 3.0)
    assert abs(int(third[2:].sum()) - 2 / 3 * len(found[2:])) <= 1
    assert int(rounded(torch.full((len(tokens.ids),), -20.0), tokens, 99.0).sum()) == 1


def test_phones_follow_each_other() -> None:
    symbols = ["_", "h", "aɪ", "_"]
    tokens = tokens_of(symbols)
    lengths = np.arange(1, 1 + len(tokens.ids))
    phones = timed(symbols, tokens, lengths)
    assert [p.symbol for p in phones] == symbols
    assert phones[0].start_s == 0
    assert phones[-1].end_s == pytest.approx(lengths.sum() / 100)
    assert all(a.end_s == b.start_s for a, b in pairwise(phones))


def test_the_same_text_and_face_give_the_same_sound(model: Matcha, vocoder: Hifigan) -> None:
    """Checklist 16, the sound's half: global noise plays no part."""
    who = torch.randn(1, 6)
    torch.manual_seed(3)
    one = speak(model, vocoder, "Hello there.", who, steps=2)
    torch.manual_seed(4)
    two = speak(model, vocoder, "Hello there.", who, steps=2)
    assert np.array_equal(one.samples, two.samples)
    frames = one.feature.shape[1]
    assert len(one.samples) == 160 * frames
    assert one.embedding.shape == (1, frames, 16)
    assert one.phones[-1].end_s == pytest.approx(frames / 100)
    other = speak(model, vocoder, "Hello there.", torch.randn(1, 6), steps=2)
    assert not np.array_equal(one.samples[:4000], other.samples[:4000])


def test_the_papers_sizes() -> None:
    with torch.device("meta"):
        counts = {n: sum(p.numel() for p in Matcha(s).parameters()) for n, s in PRESETS.items()}
    assert counts["paper"] == pytest.approx(21.28e6, rel=0.01)
    assert counts["tiny"] == pytest.approx(3.01e6, rel=0.01)
