"""Instructions: what is written is read back; what says nothing is told; synonyms stay synonyms."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.data.corpus.describe import ACTIONS
from vivavoce.listen.instruction import lexicon, tokens
from vivavoce.listen.instruction.asked import Asked, Done, base
from vivavoce.listen.instruction.grammar import REQUESTS, augment, inflected, write
from vivavoce.listen.instruction.reading import summary, understood
from vivavoce.listen.instruction.shown import acts_of, units_shown
from vivavoce.types import ARKIT, ARKIT_INDEX, EMOTIONS

ACTS = list(lexicon.ACTS)


def drawn(rng: np.random.Generator) -> Asked:
    feeling = str(rng.choice(EMOTIONS)) if rng.random() < 0.4 else None
    acts = []
    for name in rng.choice(ACTS, rng.integers(1, 4), replace=False):
        side = str(rng.choice(["", "Left", "Right"])) if lexicon.ACTS[name].sided else ""
        acts.append(Done(str(name), float(rng.choice([0.45, 1.0, 1.7])), side))
    return Asked(feeling, int(rng.integers(1, 4)), tuple(acts))


@pytest.mark.parametrize("manner", ["caption", "command", "scrap"])
def test_what_is_written_is_read_back(manner: str) -> None:
    rng = np.random.default_rng(0)
    for _ in range(100):
        asked = drawn(rng)
        text = write(asked, rng, manner)  # type: ignore[arg-type]
        found = understood(text)
        assert [done.act for done in found.asked.acts] == [done.act for done in asked.acts], text
        assert found.asked.feeling == asked.feeling, text
        assert not found.unknown, text


def test_every_feeling_and_emotion_have_words() -> None:
    assert set(lexicon.FEELINGS) == set(EMOTIONS) == set(lexicon.NOUNS)
    for act in lexicon.ACTS.values():
        assert act.verbs or act.moods
        assert {base(name) for name in act.units} <= set(map(base, ARKIT))


def test_no_word_means_two_things() -> None:
    meant: dict[str, str] = {}
    for name, act in lexicon.ACTS.items():
        for mood in act.moods:
            assert meant.setdefault(mood, name) == name
    for feeling, ways in lexicon.FEELINGS.items():
        for way in ways:
            assert meant.setdefault(way, feeling) == feeling


def test_the_corpus_s_phrases_are_known() -> None:
    for unit, ways in ACTIONS.items():
        for way in ways:
            found = understood(f"The person {way}.").asked.units()
            assert unit in {base(name) for name in found}, way


@pytest.mark.parametrize(
    ("text", "acts"),
    [
        ("a shy half smile, eyes down", ["shy", "smile", "eyes down"]),
        ("raise just the left eyebrow", ["brows"]),
        ("nose scrunched up, cheeks high", ["nose", "cheeks"]),
        ("Eyebrows lowered; lips pressed", ["brows down", "press"]),
        ("jaw drops in disbelief", ["jaw"]),
        ("smiel? no: smirking", ["smirk"]),
    ],
)
def test_free_text_is_read(text: str, acts: list[str]) -> None:
    assert [done.act for done in understood(text).asked.acts] == acts


def test_strength_and_side_are_read() -> None:
    weak, plain, strong = (
        understood(text).asked.units()["mouthSmileLeft"]
        for text in ("a faint smile", "a smile", "smiles broadly")
    )
    assert weak < plain < strong
    units = understood("raise the left brow").asked.units()
    assert "browOuterUpLeft" in units
    assert "browOuterUpRight" not in units
    assert understood("extremely sad").asked.level == 3
    assert understood("a little sad").asked.level == 1


def test_what_says_nothing_is_told() -> None:
    found = understood("She smiles like a zorgly lemon")
    assert found.unknown == ("like", "zorgly", "lemon")
    assert understood("ein Lächeln bitte").asked.is_empty
    assert understood("").asked.is_empty
    assert understood("the nose stretched").unknown == ("stretched",)


def test_what_is_taken_back_is_left_out() -> None:
    found = understood("no smile, just serious")
    assert found.refused == ("smile",)
    assert [done.act for done in found.asked.acts] == ["frown"]
    assert "smile" not in found.spelt


def test_21_augmentation_removes_no_feeling_and_no_act() -> None:
    rng = np.random.default_rng(1)
    changed = 0
    for _ in range(150):
        text = write(drawn(rng), rng, "caption")
        again = augment(text, rng)
        before, after = understood(text).asked, understood(again).asked
        assert after.feeling == before.feeling, (text, again)
        assert [d.act for d in after.acts] == [d.act for d in before.acts], (text, again)
        changed += again != text
    assert changed > 100


def test_08_ten_requests_differ_and_the_papers_is_the_first() -> None:
    assert len(set(REQUESTS)) == 10
    assert REQUESTS[0].startswith("Analyze conveyed emotion in an audio snippet")
    assert len({tuple(tokens.encode(request)) for request in REQUESTS}) == 10


def test_tokens_keep_the_text() -> None:
    text = "The speaker looks very angry. She lowers the brows strongly, and smiles."
    assert tokens.decode(tokens.encode(text)) == text
    assert tokens.encode("zorgly smile") == tokens.encode("smile")
    assert len(tokens.encode("smile " * 100)) == tokens.LONGEST


def test_verbs_are_bent() -> None:
    assert inflected("presses the lips", "base") == "press the lips"
    assert inflected("raises the brows", "ing") == "raising the brows"
    assert inflected("juts the jaw out", "ing") == "jutting the jaw out"
    assert inflected("half closes the eyes", "base") == "half close the eyes"


def test_shown_units_are_named() -> None:
    expression = np.zeros((20, len(ARKIT)), np.float32)
    expression[:, ARKIT_INDEX["browDownLeft"]] = 0.7
    expression[:8, ARKIT_INDEX["jawOpen"]] = 0.9  # speech: not for most of the clip
    assert units_shown(expression) == {"browDown": 0.7}
    assert [done.act for done in acts_of({"browDown": 0.7})] == ["brows down"]


def test_a_text_for_machines() -> None:
    found = summary("The speaker looks very angry. She presses the lips.")
    assert found["feeling"] == "angry"
    assert found["level"] == 3
    assert set(found["units"]) == {"mouthPressLeft", "mouthPressRight"}
