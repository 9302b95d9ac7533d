"""Losses that draw what belongs together near and push the rest away."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def info_nce(
    queries: Tensor,
    keys: Tensor,
    temperature: float = 0.07,
    both: bool = False,
    same: Tensor | None = None,
) -> Tensor:
    """InfoNCE (van den Oord et al. 2018, eq. 4) over a batch: row i of one belongs to row i of the
    other; all other rows are negatives.

    Args:
        queries: [B, S], any length; they are normalised here.
        keys: [B, S].
        temperature: Divides the cosines.
        both: Mean of both directions (CLIP's form; Radford et al. 2021).
        same: Bool [B, B]: rows that belong together though they are not the same row, such as items
            with the same text; they are no negatives.
    """
    cosines = F.normalize(queries, dim=1) @ F.normalize(keys, dim=1).T / temperature
    own = torch.arange(len(cosines), device=cosines.device)
    if same is not None:
        others = same & ~torch.eye(len(own), dtype=torch.bool, device=own.device)
        cosines = cosines.masked_fill(others, float("-inf"))
    loss = F.cross_entropy(cosines, own)
    return (loss + F.cross_entropy(cosines.T, own)) / 2 if both else loss


def info_nce_against(
    queries: Tensor, keys: Tensor, negatives: Tensor, temperature: float = 0.07
) -> Tensor:
    """InfoNCE of queries [B, S] and their keys [B, S] against negatives of each one's own
    [B, N, S]."""
    every = torch.cat([keys[:, None], negatives], 1)
    cosines = F.cosine_similarity(queries[:, None], every, dim=2) / temperature
    return F.cross_entropy(cosines, cosines.new_zeros(len(cosines), dtype=torch.long))


def arcface(cosines: Tensor, labels: Tensor, margin: float = 0.5, scale: float = 30.0) -> Tensor:
    """ArcFace (Deng et al., CVPR 2019, eq. 3): cross-entropy of scaled cosines to class centroids,
    the own class's angle made larger by `margin` rad.

    Several modalities share centroids by calling this with cosines to the same ones.

    Args:
        cosines: [B, classes] of unit vectors and unit centroids.
        labels: [B] class of each.
        margin: Radians.
        scale: The logits' scale s.
    """
    own = cosines.gather(1, labels[:, None]).clamp(-1 + 1e-6, 1 - 1e-6)
    angle = own.arccos()
    # past pi the cosine would rise again; a straight line goes on falling (the authors' code)
    wider = torch.where(angle + margin < torch.pi, (angle + margin).cos(), own - margin**2 / 2)
    logits = scale * cosines.scatter(1, labels[:, None], wider)
    return F.cross_entropy(logits, labels)
