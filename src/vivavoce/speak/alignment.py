"""Monotonic alignment search: which token is spoken when, found while learning to speak.

Kim et al., "Glow-TTS: a generative flow for text-to-speech via monotonic alignment search", NeurIPS
2020, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor


def align(scores: Tensor, tokens: Tensor, frames: Tensor) -> Tensor:
    """Frames of each token [B, L] along the likeliest way through.

    Every token has a frame or more and they follow each other, so a clip needs as many frames as
    tokens.

    Args:
        scores: Log-likelihood of frame t if token l is spoken [B, L, T].
        tokens: How many are real [B].
        frames: How many are real [B]; the durations of a clip add up to it.
    """
    found = _search()(
        scores.detach().float().cpu().numpy(), tokens.cpu().numpy(), frames.cpu().numpy()
    )
    return torch.from_numpy(found).to(scores.device)


@cache
def _search() -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """The search for the best path, compiled on first use."""
    import numba

    @numba.njit(cache=True)
    def search(scores: np.ndarray, tokens: np.ndarray, frames: np.ndarray) -> np.ndarray:
        durations = np.zeros(scores.shape[:2], np.int64)
        for b in range(len(scores)):
            count, end = tokens[b], frames[b]
            stayed = np.zeros((end, count), np.bool_)  # the way to l at t was at l before
            best = np.full(count, -np.inf)
            best[0] = scores[b, 0, 0]
            for t in range(1, end):
                for token in range(min(count, t + 1) - 1, -1, -1):
                    before = best[token - 1] if token else -np.inf
                    stayed[t, token] = best[token] >= before
                    best[token] = max(best[token], before) + scores[b, token, t]
            token = count - 1
            for t in range(end - 1, -1, -1):
                durations[b, token] += 1
                if t and token and not stayed[t, token]:
                    token -= 1
        return durations

    return search


def expand(rows: Tensor, durations: Tensor, frames: int) -> Tensor:
    """Rows of tokens [B, L, C], each repeated for its duration [B, L]: [B, frames, C], 0 after the
    end."""
    ends = durations.cumsum(1)
    at = torch.arange(frames, device=rows.device).expand(len(rows), frames).contiguous()
    index = torch.searchsorted(ends, at, right=True)
    real = index < rows.shape[1]
    index = index.clamp(max=rows.shape[1] - 1)
    found = rows.gather(1, index[..., None].expand(-1, -1, rows.shape[-1]))
    return found * real[..., None]
