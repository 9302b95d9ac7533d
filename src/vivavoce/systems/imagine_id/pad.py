"""Progressive Audio Disentanglement (3.1): who speaks, then what is said, then with what feeling.

Each factor has an encoder of its own; the second and third stage are told what the ones before
found, so that they need not say it again.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.listen.mel_windows import ROW
from vivavoce.nn.embeddings import waves


@dataclass(frozen=True)
class PadSizes:
    """Sizes of PAD's networks."""

    width: int
    """Width of every transformer, and of theta_id and theta_e."""
    layers: int
    """Layers of every transformer."""
    heads: int
    """Attention heads of every layer."""
    identity: int
    """Coefficients of a face's shape alpha."""
    expression: int
    """Coefficients of a face's expression beta."""
    code: int
    """Width of the content code l-."""
    dropout: float
    """Dropout of every transformer."""


@dataclass(frozen=True)
class Listened:
    """What PAD finds in windows of L frames."""

    shape: Tensor
    """alpha^ [B, I], one for a window."""
    semantics: Tensor
    """theta_id [B, D]: apparent age, sex, and what else a voice says of its owner."""
    content: Tensor
    """l- [B, L, code]."""
    feeling: Tensor
    """theta_e [B, D]."""
    expression: Tensor
    """beta^ [B, L, E]."""


def mlp(inside: int, hidden: int, outside: int) -> nn.Sequential:
    """The paper's "MLPs": two linear layers with a GELU between."""
    return nn.Sequential(nn.Linear(inside, hidden), nn.GELU(), nn.Linear(hidden, outside))


class Transformer(nn.Module):
    """Pre-norm transformer layers over rows with sinusoidal positions; each row sees all."""

    def __init__(self, sizes: PadSizes) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            sizes.width, sizes.heads, 2 * sizes.width, sizes.dropout, "gelu",
            batch_first=True, norm_first=True,
        )  # fmt: skip
        self.layers = nn.TransformerEncoder(layer, sizes.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(sizes.width)

    def forward(self, rows: Tensor) -> Tensor:
        """Rows [B, L, D] that have seen each other."""
        places = torch.arange(rows.shape[1], device=rows.device)
        found: Tensor = self.norm(self.layers(rows + waves(places, rows.shape[2])))
        return found


class IdentityEncoder(nn.Module):
    """Phi_E^id and its heads (Eqs. 1, 2): A [B, L, 1280] → alpha^ [B, I], theta_id [B, D]."""

    def __init__(self, sizes: PadSizes) -> None:
        super().__init__()
        self.into = mlp(ROW, sizes.width, sizes.width)
        self.token = nn.Parameter(0.02 * torch.randn(1, 1, sizes.width))  # alpha~
        self.transformer = Transformer(sizes)
        self.shape = mlp(sizes.width, sizes.width // 2, sizes.identity)

    def forward(self, sound: Tensor) -> tuple[Tensor, Tensor]:
        """alpha^ and theta_id."""
        rows = torch.cat([self.token.expand(len(sound), -1, -1), self.into(sound)], 1)
        found = self.transformer(rows)  # [B, 1 + L, D]
        return self.shape(found[:, 0]), found[:, 1:].mean(1)


class Content(nn.Module):
    """Phi_E^c and Phi_D^c (Eqs. 4, 5): what is said, and the mouth that says it."""

    def __init__(self, sizes: PadSizes) -> None:
        super().__init__()
        self.into = mlp(ROW, sizes.width, sizes.width)
        self.encoder = Transformer(sizes)
        self.code = nn.Linear(sizes.width, sizes.code)
        self.shape = mlp(sizes.identity, sizes.code, sizes.code)
        self.lift = nn.Linear(sizes.code, sizes.width)
        self.decoder = Transformer(sizes)
        self.out = mlp(sizes.width, sizes.width, sizes.expression)

    def encode(self, sound: Tensor) -> Tensor:
        """l- [B, L, code] of A [B, L, 1280]."""
        found: Tensor = self.code(self.encoder(self.into(sound)))
        return found

    def decode(self, content: Tensor, shape: Tensor) -> Tensor:
        """l [B, L, E]: the coefficients of the mouth alone."""
        found: Tensor = self.out(self.decoder(self.lift(content + self.shape(shape)[:, None])))
        return found


class Feeling(nn.Module):
    """Phi_E^e and Phi_D^e (Eqs. 6, 7): the feeling, and the whole expression."""

    def __init__(self, sizes: PadSizes) -> None:
        super().__init__()
        self.into = mlp(ROW, sizes.width, sizes.width)
        self.encoder = Transformer(sizes)
        self.shape = mlp(sizes.identity, sizes.width, sizes.width)
        self.lift = nn.Linear(sizes.code, sizes.width)  # O2: l- is narrower than theta_e
        self.decoder = Transformer(sizes)
        self.out = mlp(sizes.width, sizes.width, sizes.expression)

    def encode(self, sound: Tensor) -> Tensor:
        """theta_e [B, D] of A [B, L, 1280]."""
        found: Tensor = self.encoder(self.into(sound)).mean(1)
        return found

    def decode(self, feeling: Tensor, content: Tensor, shape: Tensor) -> Tensor:
        """beta^ [B, L, E]."""
        rows = (feeling + self.shape(shape))[:, None] + self.lift(content)
        found: Tensor = self.out(self.decoder(rows))
        return found


class Pad(nn.Module):
    """All of PAD: `identity`, `content`, `feeling`, which are trained one after the other."""

    def __init__(self, sizes: PadSizes) -> None:
        super().__init__()
        self.identity = IdentityEncoder(sizes)
        self.content = Content(sizes)
        self.feeling = Feeling(sizes)

    def forward(self, sound: Tensor) -> Listened:
        """What is heard in A [B, L, 1280]."""
        shape, semantics = self.identity(sound)
        content, feeling = self.content.encode(sound), self.feeling.encode(sound)
        expression = self.feeling.decode(feeling, content, shape)
        return Listened(shape, semantics, content, feeling, expression)


def contrast(anchor: Tensor, same: Tensor, other: Tensor) -> Tensor:
    """L_con (Eq. 3): InfoNCE of cosines [B, D] with one positive, one negative, no temperature.

    Its floor is log(1 + e^-2), about 0.127, and equal cosines give log 2.
    """
    near, far = F.cosine_similarity(same, anchor), F.cosine_similarity(other, anchor)
    return F.softplus(far - near).mean()


def distance(found: Tensor, true: Tensor, squared: bool = False) -> Tensor:
    """||found - true||_2 over the last dimension, averaged, as L_id and L_reg are printed; or, if
    `squared`, the mean squared error (O5)."""
    if squared:
        return (found - true).square().mean()
    return ((found - true).square().sum(-1) + 1e-8).sqrt().mean()
