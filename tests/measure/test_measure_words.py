"""Metrics of words against torchmetrics, closed forms, and the corpus's own descriptions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vivavoce.data.corpus.describe import describe
from vivavoce.measure.metrics import words

MADE = [
    "the speaker raises the brows and smiles",
    "a person with an angry look speaks very slowly now",
    "the face is calm",
]
TRUE = [
    ["the speaker raises both brows and smiles a little", "smiling the speaker raises the brows"],
    ["an angry person speaks very slowly", "with an angry look a person speaks slowly"],
    ["the face is calm and still", "the face is calm"],
]


def test_one_normaliser_for_both_sides() -> None:
    assert words.normalised("  It’s a WELL-known 'fact',\nisn't it?! ") == (
        "it's a well known fact isn't it"
    )
    assert words.wer("Hello, World!", "hello world") == 0
    assert words.bleu(["The Speaker   smiles, BROADLY."], [["the speaker smiles broadly"]]) == 100


def test_wer_and_cer_by_hand() -> None:
    assert words.wer("a b c d", "a x c d e") == pytest.approx(50)  # one wrong, one too many
    assert words.wer("a b c d", "") == 100
    assert words.cer("abcd", "abxd") == pytest.approx(25)
    assert words.wer("a", "a b c") == pytest.approx(200)


def test_wer_and_cer_as_torchmetrics_count_them() -> None:
    from torchmetrics.functional.text import char_error_rate, word_error_rate

    for made, true in zip(MADE, TRUE, strict=True):
        assert words.wer(true[0], made) == pytest.approx(
            100 * float(word_error_rate(made, true[0])), abs=1e-4
        )
        assert words.cer(true[0], made) == pytest.approx(
            100 * float(char_error_rate(made, true[0])), abs=1e-4
        )


@pytest.mark.parametrize("order", [1, 4])
def test_bleu_as_torchmetrics_computes_it(order: int) -> None:
    from torchmetrics.functional.text import bleu_score

    expected = 100 * float(bleu_score(MADE, TRUE, n_gram=order))
    assert 5 < expected < 99
    assert words.bleu(MADE, TRUE, order) == pytest.approx(expected, abs=1e-3)


def test_bleu_without_a_common_gram_is_zero() -> None:
    assert words.bleu(["one two three four five"], [["six seven eight nine ten"]]) == pytest.approx(
        0, abs=1e-6
    )


def test_meteor_by_hand() -> None:
    """Banerjee & Lavie: F = 10 P R / (R + 9 P), penalty 0.5 (chunks / matches)^3."""
    assert words.meteor_exact_stem(["a b c"], [["a b c"]]) == pytest.approx(
        100 * (1 - 0.5 / 27), abs=1e-6
    )
    # stems meet: raises/raise, brows/brow; one chunk of two, precision 2/3, recall 1
    mean = 10 * (2 / 3) * 1 / (1 + 9 * 2 / 3)
    expected = 100 * mean * (1 - 0.5 * (1 / 2) ** 3)
    assert words.meteor_exact_stem(["she raises brows"], [["raise brow"]]) == pytest.approx(
        expected
    )
    # a synonym that WordNet knows does not count here
    assert words.meteor_exact_stem(["automobile"], [["car"]]) == 0
    best = words.meteor_exact_stem(["a b c"], [["x y z", "a b c"]])
    assert best == pytest.approx(100 * (1 - 0.5 / 27))


def test_rouge_l_from_torchmetrics_precision_and_recall() -> None:
    from torchmetrics.functional.text.rouge import rouge_score

    for made, true in zip(MADE, TRUE, strict=True):
        told = [rouge_score(made, r, rouge_keys="rougeL") for r in true]
        p = max(float(t["rougeL_precision"]) for t in told)
        r = max(float(t["rougeL_recall"]) for t in told)
        expected = 100 * (1 + 1.2**2) * p * r / (r + 1.2**2 * p)
        assert words.rouge_l([made], [true]) == pytest.approx(expected, abs=1e-3)
    assert words.rouge_l(["", "a"], [["a b"], ["a"]]) == pytest.approx(50)


def test_cider_of_equal_texts_is_ten() -> None:
    texts = ["a b c d e", "f g h i j"]
    assert words.cider(texts, [[t] for t in texts]) == pytest.approx(1000)


def test_cider_by_hand() -> None:
    """Every gram is in one text only, so all weigh alike; the made text has one word more."""
    made, true = ["a b c d e f", "g h i j k"], [["a b c d e"], ["g h i j k"]]
    parts = [5 / math.sqrt(6 * 5), 4 / math.sqrt(5 * 4), 3 / math.sqrt(4 * 3), 2 / math.sqrt(3 * 2)]
    first = math.exp(-1 / (2 * 6**2)) * np.mean(parts)
    assert words.cider(made, true) == pytest.approx(1000 * (first + 1) / 2)


def test_cider_counts_rare_words_and_punishes_repetition() -> None:
    true = [["the brow rises"], ["the jaw drops"], ["the lips part"]]
    common = words.cider(["the", "the", "the"], true)
    rare = words.cider(["brow", "jaw", "lips"], true)
    assert common == 0  # in every text: weighs nothing
    assert rare > 0
    again = words.cider(["brow brow brow", "jaw jaw jaw", "lips lips lips"], true)
    # min(3 w, w) w / (3 w |r|): a third, though now the length is right
    assert again == pytest.approx(rare / 3 * math.exp(4 / 72))


def test_spice_of_given_tuples() -> None:
    true = [[("brow",), ("brow", "raised"), ("lips",)], [("jaw",)]]
    assert words.spice_tuples(true, true) == 100
    made = [[("brow",), ("brow", "lowered")], [("jaw",)]]
    assert words.spice_tuples(made, true) == pytest.approx(50 * (2 / 5 + 1))
    assert words.spice_tuples([[]], [[]]) == 100
    assert words.spice_tuples([[]], [[("a",)]]) == 0


def test_the_rule_reads_back_what_the_corpus_says() -> None:
    rng = np.random.default_rng(0)
    shown = {"browDown": 0.1, "mouthFrown": 0.3, "jawOpen": 0.8}
    strengths = {"browDown": "1", "mouthFrown": "2", "jawOpen": "3"}
    expected = {(u,) for u in shown} | set(strengths.items())
    for level in (1, 2, 3):
        for _ in range(20):
            told = describe("sad", level, shown, rng)
            assert words.instruction_tuples(told["fine"]) == expected, told["fine"]
            coarse = words.instruction_tuples(told["coarse"])
            assert coarse == {("sad",), ("sad", str(level))}, told["coarse"]
    calm = describe("neutral", 1, {}, rng)
    assert words.instruction_tuples(calm["coarse"]) == {("neutral",)}
    assert words.instruction_tuples(calm["fine"]) == set()


def test_spice_by_rule_sees_meaning_not_wording() -> None:
    made = ["The person lowers the brows strongly."]
    assert words.spice_by_rule(made, [["The face draws the brows down hard."]]) == 100
    half = words.spice_by_rule(made, [["The face draws the brows down slightly."]])
    assert half == 50  # the unit, not its strength
    assert words.spice_by_rule(made, [["It drops the jaw hard.", "It lowers the brows hard."]]) == (
        pytest.approx(100 * 2 * 2 / (2 + 4))
    )
    assert words.spice_by_rule(["She looks unhappy."], [["She looks happy."]]) == 0


def test_wrong_lists_are_refused() -> None:
    for metric in (words.bleu, words.meteor_exact_stem, words.rouge_l, words.cider):
        with pytest.raises(ValueError, match="1 texts against 2"):
            metric(["a"], [["a"], ["b"]])
        with pytest.raises(ValueError, match="without a reference"):
            metric(["a"], [[]])
