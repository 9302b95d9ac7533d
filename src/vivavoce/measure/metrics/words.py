"""Metrics of words: what was said against what was meant, and descriptions against descriptions.

Both sides go through one normaliser. Descriptions have several references each; figures of a set
are in percent, as AVI-Talking's table 5.3 prints them.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from vivavoce.data.corpus.describe import ACTIONS, ADVERBS, FEELINGS, HOW
from vivavoce.errors import needs

Tuple = tuple[str, ...]
Words = list[str]
References = Sequence[Sequence[str]]
"""For each text one reference or more."""


def normalised(text: str) -> str:
    """Lower case, words and apostrophes only, single spaces."""
    kept = re.sub(r"[^\w' ]+", " ", text.lower().replace("’", "'"))
    return " ".join(w.strip("'") for w in kept.split() if w.strip("'"))


def wer(reference: str, hypothesis: str) -> float:
    """Word error rate, %, lower is better, over 100 possible: substitutions, insertions and
    deletions over the reference's words (jiwer)."""
    return 100 * float(needs("jiwer").wer(normalised(reference), normalised(hypothesis)))


def cer(reference: str, hypothesis: str) -> float:
    """Character error rate, %, lower is better (jiwer)."""
    return 100 * float(needs("jiwer").cer(normalised(reference), normalised(hypothesis)))


def _split(made: Sequence[str], true: References) -> tuple[list[Words], list[list[Words]]]:
    if len(made) != len(true) or not made:
        raise ValueError(f"{len(made)} texts against {len(true)} lists of references")
    if not all(true):
        raise ValueError("a text without a reference")
    references = [[normalised(r).split() for r in texts] for texts in true]
    return [normalised(text).split() for text in made], references


def bleu(made: Sequence[str], true: References, order: int = 4) -> float:
    """BLEU (Papineni et al., ACL 2002) of a set with n-grams up to `order`, 0..100, higher is
    better (nltk's corpus BLEU, unsmoothed)."""
    import warnings

    corpus_bleu = needs("nltk.translate.bleu_score").corpus_bleu

    candidates, references = _split(made, true)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nltk warns where no n-gram is shared: that is 0
        weights = (1 / order,) * order
        return 100 * float(corpus_bleu(references, candidates, weights))


def meteor_exact_stem(made: Sequence[str], true: References) -> float:
    """METEOR (Banerjee & Lavie, 2005) with exact and stem matches, 0..100, higher is better. The
    synonym stage needs WordNet, which is a download; figures are therefore a little lower."""
    meteor_score = needs("nltk.translate.meteor_score").meteor_score

    candidates, references = _split(made, true)
    none = _NoWordNet()
    pairs = zip(candidates, references, strict=True)
    scores = [meteor_score(rs, c, wordnet=none) for c, rs in pairs]
    return 100 * float(np.mean(scores))


class _NoWordNet:
    """A stand-in for WordNet that knows no synonyms."""

    def synsets(self, word: str) -> list[str]:
        """No synonyms for any word."""
        return []


def rouge_l(made: Sequence[str], true: References) -> float:
    """ROUGE-L (Lin 2004) as captioning computes it (beta 1.2; best recall and best precision over
    references), 0..100, higher is better, mean over texts."""
    candidates, references = _split(made, true)
    scores = []
    for c, rs in zip(candidates, references, strict=True):
        common = [_longest_common(c, r) for r in rs]
        precision = max(k / len(c) for k in common) if c else 0.0
        recall = max(k / len(r) if r else 0.0 for k, r in zip(common, rs, strict=True))
        both = recall + 1.44 * precision
        scores.append(2.44 * precision * recall / both if both else 0.0)
    return 100 * float(np.mean(scores))


def _longest_common(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for x in a:
        before = 0
        for j, y in enumerate(b, 1):
            above = row[j]
            row[j] = before + 1 if x == y else max(row[j], row[j - 1])
            before = above
    return row[-1]


def cider(made: Sequence[str], true: References, order: int = 4) -> float:
    """CIDEr-D (Vedantam et al., CVPR 2015, sec. 5 and 7; sigma 6), times 10 as usual, then in
    percent as the papers print it; 0 and up, higher is better. Document frequencies are those of
    the references given, so a set needs several texts."""
    candidates, references = _split(made, true)
    seen = Counter(g for rs in references for g in {g for r in rs for g in _grams(r, order)})
    total = math.log(max(len(references), 2))
    scores = []
    for c, rs in zip(candidates, references, strict=True):
        scores.append(np.mean([_cider_pair(c, r, seen, total, order) for r in rs]))
    return 1000 * float(np.mean(scores))


def _cider_pair(c: Words, r: Words, seen: Counter[Tuple], total: float, order: int) -> float:
    one, two = (_weighed(x, seen, total, order) for x in (c, r))
    length = math.exp(-((len(c) - len(r)) ** 2) / (2 * 6.0**2))
    value = 0.0
    for n in range(1, order + 1):
        a = {g: v for g, v in one.items() if len(g) == n}
        b = {g: v for g, v in two.items() if len(g) == n}
        norms = math.hypot(*a.values()) * math.hypot(*b.values())
        if norms:
            value += sum(min(v, b.get(g, 0.0)) * b.get(g, 0.0) for g, v in a.items()) / norms
    return length * value / order


def _weighed(words: Words, seen: Counter[Tuple], total: float, order: int) -> dict[Tuple, float]:
    """TF-IDF of the n-grams of a text."""
    counts = Counter(_grams(words, order))
    return {g: k * (total - math.log(max(seen[g], 1))) for g, k in counts.items()}


def _grams(words: Sequence[str], order: int) -> list[Tuple]:
    return [tuple(words[i : i + n]) for n in range(1, order + 1) for i in range(len(words) - n + 1)]


def spice_tuples(made: Iterable[Iterable[Tuple]], true: Iterable[Iterable[Tuple]]) -> float:
    """F-score over meaning tuples in SPICE's manner (Anderson et al., ECCV 2016, eq. 6), 0..100,
    higher is better, mean over texts. SPICE finds its tuples with a scene-graph parser; here they
    are given, for example ("brow", "raised"), and no synonyms count. Of several references give the
    union of their tuples."""
    scores = []
    for one, two in zip(made, true, strict=True):
        a, b = set(one), set(two)
        common = len(a & b)
        scores.append(2 * common / (len(a) + len(b)) if a or b else 1.0)
    return 100 * float(np.mean(scores))


def spice_by_rule(made: Sequence[str], true: References) -> float:
    """`spice_tuples` of the tuples that `instruction_tuples` finds, 0..100, higher is better. It is
    not SPICE: it understands the corpus's own ways to describe a face, and nothing else."""
    _split(made, true)
    union = [set().union(*map(instruction_tuples, texts)) for texts in true]
    return spice_tuples(map(instruction_tuples, made), union)


def instruction_tuples(text: str) -> set[Tuple]:
    """What a description in the corpus's words says (see `data/corpus/describe.py`).

    A unit's phrase gives (unit,) and (unit, strength), the strength 1 to 3 by the adverb behind it,
    2 if there is none; a feeling's word gives (feeling,) and, of an adverb before it,
    (feeling, level), 1 to 3.
    """
    words = f" {normalised(text)} "
    found: set[Tuple] = set()
    for unit, ways in ACTIONS.items():
        for _, behind in _around(words, ways):
            strength = next((i for i, (_, hows) in enumerate(HOW, 1) if _starts(behind, hows)), 2)
            found |= {(unit,), (unit, str(strength))}
    for feeling, names in FEELINGS.items():
        for before, _ in _around(words, names):
            found |= {(feeling,)}
            found |= {(feeling, str(i)) for i, hows in ADVERBS.items() if _ends(before, hows)}
    return found


def _around(words: str, phrases: Iterable[str]) -> list[tuple[str, str]]:
    """What stands before and behind each phrase, wherever one is."""
    found = []
    for phrase in phrases:
        before, here, behind = words.partition(f" {phrase} ")
        if here:
            found.append((f"{before} ", f" {behind}"))
    return found


def _starts(behind: str, adverbs: Iterable[str]) -> bool:
    return any(behind.startswith(f" {adverb} ") for adverb in adverbs if adverb)


def _ends(before: str, adverbs: Iterable[str]) -> bool:
    return any(before.endswith(f" {adverb} ") for adverb in adverbs)
