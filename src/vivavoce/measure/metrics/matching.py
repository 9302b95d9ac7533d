"""Metrics of matching: faces guessed from voices against the true ones (S2TF, tables 4.1 and 4.2).

Embeddings are [N, D], row i of both sides the same person. Whose embeddings they are is for the
caller to say beside the figure: FaceNet's in the paper, the corpus judges' here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vivavoce.data.matching import HELD, RANKS, alike, auc, recall
from vivavoce.types import Float

__all__ = ["HELD", "RANKS", "cosine_similarity", "l1_distance", "retrieval", "verification"]


def cosine_similarity(made: Float, true: Float) -> float:
    """Mean cosine of pairs, -1..1, higher is better."""
    return float(np.diag(cosines(made, true)).mean())


def l1_distance(made: Float, true: Float) -> float:
    """Mean over pairs of the summed absolute differences, 0 and up, lower is better.

    Depends on the length of the vectors: S2TF's 60.84 cannot come from unit vectors, so state
    whether these are raw or unit (`unit`).
    """
    _paired(made, true)
    return float(np.abs(made.astype(np.float64) - true).sum(1).mean())


def retrieval(made: Float, true: Float, seed: int = 0) -> dict[str, float]:
    """R@1, R@2, R@5, R@10 in percent, higher is better: whether the true face is among the K
    nearest, by cosine, to the one that was made. Galleries of 100 are drawn with `seed`; chance is
    K / 100 (K / N of N < 100 people)."""
    return recall(cosines(made, true), np.random.default_rng(seed))


def verification(
    one: Float,
    two: Float,
    gender: Sequence[str | None],
    nationality: Sequence[str | None],
    age: Sequence[float | None],
) -> dict[str, float]:
    """AUC in percent, higher is better, 50 is chance, by cosine of the own pair against pairs of
    different people: any, and those who share gender (G), nationality (N; the corpus has accents),
    age within five years (A), or all (GNA); NaN where no such pair is.

    Args:
        one: The embeddings of N people's voices.
        two: The embeddings of their faces.
        gender: A word for each person; None: not known.
        nationality: A word for each person; None: not known.
        age: Years of each person; None: not known.
    """
    scores = cosines(one, two)
    return {held: auc(scores, alike(held, gender, nationality, age)) for held in HELD}


def cosines(one: Float, two: Float) -> np.ndarray:
    """The cosine of every row of `one` with every row of `two` [N, N].

    Raises: ValueError: the sets are not of one shape.
    """
    _paired(one, two)
    return np.asarray(unit(one) @ unit(two).T)


def unit(vectors: Float) -> np.ndarray:
    """The rows scaled to length 1; rows of zeros stay as they are."""
    exact = vectors.astype(np.float64)
    return np.asarray(exact / np.maximum(np.linalg.norm(exact, axis=1, keepdims=True), 1e-12))


def _paired(one: Float, two: Float) -> None:
    if one.shape != two.shape or one.ndim != 2:
        raise ValueError(f"embeddings {one.shape} and {two.shape} are not pairs [N, D]")
