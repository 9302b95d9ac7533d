"""Arithmetic of matching voices with faces: R@K in a gallery, and AUC under held attributes (S2TF,
tables 4.1 and 4.2). Scores are [voice, face], the right pairs on the diagonal, higher is nearer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

GALLERY = 100
"""Faces to choose from in R@K."""
RANKS = (1, 2, 5, 10)
"""The chance row of S2TF's table 4.1 reads 1, 2, 5: those of R@1, R@2, R@5; so R@2 stands here."""
HELD = ("any", "G", "N", "A", "GNA")
"""What negative pairs share: nothing, gender, nationality or accent, age, or all three."""
AGE_YEARS = 5.0
"""People whose ages differ by less are of the same age."""


def recall(scores: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """R@K in percent, higher is better: each voice against its own face and 99 others, drawn; in
    smaller sets against all. A tie counts as a miss."""
    count = len(scores)
    size = min(GALLERY, count)
    ranks = []
    for i in range(count):
        others = rng.permutation(np.delete(np.arange(count), i))[: size - 1]
        ranks.append(int((scores[i, others] >= scores[i, i]).sum()))
    return {f"R@{k}": 100 * float(np.mean(np.array(ranks) < k)) for k in RANKS}


def auc(scores: np.ndarray, alike: np.ndarray) -> float:
    """Area under the ROC curve in percent, higher is better, 50 is chance: own pairs against the
    pairs marked in `alike` [n, n]; NaN if there are none."""
    own = np.diag(scores)
    other = scores[alike & ~np.eye(len(scores), dtype=bool)]
    if not len(other):
        return float("nan")
    ranks = rankdata(np.concatenate([own, other]))
    wins = ranks[: len(own)].sum() - len(own) * (len(own) + 1) / 2
    return float(100 * wins / (len(own) * len(other)))


def alike(
    held: str,
    gender: Sequence[str | None],
    nationality: Sequence[str | None],
    age: Sequence[float | None],
) -> np.ndarray:
    """Which pairs of people [n, n] share what `held` (one of `HELD`) names. Who is unknown (None)
    shares nothing with anybody."""
    years = np.array([np.nan if a is None else a for a in age], float)
    same = {
        "G": _equal(gender),
        "N": _equal(nationality),
        "A": np.abs(years[:, None] - years) < AGE_YEARS,
    }
    out = np.ones((len(years), len(years)), bool)
    for letter in "" if held == "any" else held:
        out &= same[letter]
    return out


def _equal(labels: Sequence[str | None]) -> np.ndarray:
    words = np.array(["" if x is None else x for x in labels])
    return np.asarray((words[:, None] == words) & (words != ""))
