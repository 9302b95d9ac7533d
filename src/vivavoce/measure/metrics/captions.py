"""How near a written instruction is to the one of the clip: BLEU, METEOR, ROUGE-L, CIDEr.

Formulas as AVI-Talking's thesis prints them (Eqs. 2.7 to 2.12); common toolkits differ: ROUGE-L is
recall alone there, METEOR has no penalty for fragments. SPICE (Eq. 2.13) needs a scene graph of a
picture: `same_acts` is what stands in its place here, over what the lexicon reads in both texts.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from vivavoce.listen.instruction.reading import understood

ALPHA = 0.9
"""Weight of precision in METEOR's denominator; the thesis gives none."""
GRAMS = 4
"""Longest n-grams of BLEU and CIDEr."""


def words(text: str) -> list[str]:
    """Words of a text in small letters, without marks."""
    return re.findall(r"[a-z'-]+", text.lower())


def grams(text: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    """The n-grams of a list of words, with their counts."""
    return Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))


def bleu(made: Sequence[str], true: Sequence[str], n: int = GRAMS) -> float:
    """BLEU-n of a set of texts, 0 to 1, higher is better: BP exp(mean log p_k) (Eqs. 2.7 to 2.9),
    p_k over all texts together."""
    log_sum, candidate, reference = 0.0, 0, 0
    for k in range(1, n + 1):
        matched = total = 0
        for ours, theirs in zip(made, true, strict=True):
            found, wanted = grams(words(ours), k), grams(words(theirs), k)
            matched += sum((found & wanted).values())
            total += sum(found.values())
        if not matched:
            return 0.0
        log_sum += math.log(matched / total) / n
    candidate = sum(len(words(text)) for text in made)
    reference = sum(len(words(text)) for text in true)
    brevity = 1.0 if candidate > reference else math.exp(1 - reference / max(candidate, 1))
    return brevity * math.exp(log_sum)


def rouge_l(made: str, true: str) -> float:
    """Longest common subsequence over the reference's length (Eq. 2.10), 0 to 1."""
    ours, theirs = words(made), words(true)
    row = [0] * (len(theirs) + 1)
    for word in ours:
        before = 0
        for j, other in enumerate(theirs, 1):
            before, row[j] = row[j], before + 1 if word == other else max(row[j], row[j - 1])
    return row[-1] / max(len(theirs), 1)


def meteor(made: str, true: str, alpha: float = ALPHA) -> float:
    """P R / (alpha P + (1 - alpha) R) of single words (Eq. 2.11), 0 to 1."""
    ours, theirs = Counter(words(made)), Counter(words(true))
    same = sum((ours & theirs).values())
    if not same:
        return 0.0
    precision, recall = same / sum(ours.values()), same / sum(theirs.values())
    return precision * recall / (alpha * precision + (1 - alpha) * recall)


def cider(made: Sequence[str], true: Sequence[str]) -> float:
    """Mean over n = 1 to 4 of the cosine of TF-IDF weighted n-grams (Eq. 2.12), mean over texts, 0
    to 1; weights are those of the references."""
    total = 0.0
    for n in range(1, GRAMS + 1):
        known = [grams(words(text), n) for text in true]
        seen = Counter(gram for found in known for gram in found)
        total += sum(
            _cosine(_weighed(grams(words(ours), n), seen, len(true)),
                    _weighed(theirs, seen, len(true)))
            for ours, theirs in zip(made, known, strict=True)
        )  # fmt: skip
    return total / GRAMS / len(true)


def same_acts(made: str, true: str) -> float:
    """F-score, 0 to 1, of what the lexicon reads in both texts: the feeling with its level, and
    each act."""
    ours, theirs = _read(made), _read(true)
    same = len(ours & theirs)
    return 2 * same / max(len(ours) + len(theirs), 1)


def _read(text: str) -> set[tuple[str, str]]:
    asked = understood(text).asked
    found = {("act", done.act) for done in asked.acts}
    if asked.feeling is not None:
        found |= {("feeling", asked.feeling), ("level", str(asked.level))}
    return found


def _weighed(
    found: Counter[tuple[str, ...]], seen: Counter[tuple[str, ...]], texts: int
) -> dict[tuple[str, ...], float]:
    total = max(sum(found.values()), 1)
    return {
        gram: count / total * math.log((1 + texts) / max(seen[gram], 1))
        for gram, count in found.items()
    }


def _cosine(a: dict[tuple[str, ...], float], b: dict[tuple[str, ...], float]) -> float:
    long = math.sqrt(sum(v * v for v in a.values()) * sum(v * v for v in b.values()))
    return sum(v * b.get(gram, 0.0) for gram, v in a.items()) / long if long else 0.0
