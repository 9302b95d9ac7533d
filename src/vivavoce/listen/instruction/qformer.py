"""Q-Former: learnt queries gather what a whole speech tells into a fixed number of vectors.

AVI-Talking, sec. 5.2.3 and Fig. 5.3: the Perceiver's form (Jaegle et al. 2021; Alayrac et al.
2022), cross-attention from learnt queries to the features of a frozen speech encoder.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vivavoce.nn.embeddings import waves


class QFormer(nn.Module):
    """Features [B, T, F] of any length T → embeddings [B, Q, L] of the speech, F_si^a."""

    def __init__(self, features: int, queries: int, width: int, layers: int, heads: int) -> None:
        """With `queries` learnt queries of `width`; each layer attends to the queries, then to the
        speech."""
        super().__init__()
        self.width = width
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.into = nn.Linear(features, width)
        self.queries = nn.Parameter(torch.randn(queries, width) * 0.5)
        layer = nn.TransformerDecoderLayer(
            width, heads, 4 * width, 0.1, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerDecoder(layer, layers, nn.LayerNorm(width))

    def fit(self, features: Tensor) -> None:
        """Take mean and spread of the features [N, F] that speech has."""
        self.mean.copy_(features.mean(0))
        self.scale.copy_(features.std(0).clamp(min=1e-3))

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Embeddings [B, Q, L] of features [B, T, F]; rows from `lengths` [B] on are not heard."""
        frames = features.shape[1]
        at = torch.arange(frames, device=features.device)
        heard = self.into(((features - self.mean) / self.scale).clamp(-4, 4))
        heard = heard + waves(at, self.width)
        absent = None if lengths is None else at[None] >= lengths[:, None]
        queries = self.queries.expand(len(features), -1, -1)
        found: Tensor = self.layers(queries, heard, memory_key_padding_mask=absent)
        return found
