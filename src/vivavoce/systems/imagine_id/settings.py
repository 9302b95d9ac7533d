"""ImagineID's settings, its two presets, and the stages that train them.

Decisions on what the paper leaves open: docs/systems/imagine-id.md.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from vivavoce.systems.imagine_id.pad import PadSizes
from vivavoce.systems.stage import Optimiser, Preset, Stage

WINDOW, STRIDE = 32, 16
"""L, the frames that PAD hears at once (1.28 s), and the frames from one window to the next."""
MESH_ALONE = 0.2
"""Share of SCA's samples that see the mesh alone: p >= 0.8 (Eq. 9)."""


class ImagineSettings(BaseModel):
    """What the network is made of; the defaults are the paper preset's."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    latent: str = ""
    """Folder of the frozen latent diffusion model: Stable Diffusion 1.5 as it is published, or one
    that `vivavoce train latent` made; "": the small one that ships."""
    base: Literal["published", "small"] = "published"
    """Sizes of that model: "published" are Stable Diffusion's, "small" those of the one that
    ships."""
    face: Literal["bfm", "face478"] = "bfm"
    """The linear face: "bfm" is the Basel model of Deep3DFace, a file of the user's, with 80
    coefficients of shape and 64 of expression; "face478" is ours, with 40 and 52."""
    bfm: str = ""
    """Deep3DFace's BFM_model_front.mat, for `face` "bfm"."""
    width: int = 512
    """Width of PAD's transformers, of theta_id and of theta_e."""
    layers: int = 4
    """Layers of each of PAD's transformers."""
    heads: int = 8
    """Attention heads of each of those layers."""
    code: int = 64
    """Width of the content code l-."""
    dropout: float = 0.1
    """Dropout in PAD."""
    squared: bool = False
    """If true, coefficients are compared by mean squared error; if false by the norm that the paper
    prints (O5)."""
    contrast: float = 0.1
    """Weight w_con of the contrastive losses."""
    words: int = 8
    """N, pseudo-words behind the prompt."""
    tia_width: int = 1024
    """Hidden width of TIA."""
    adapter: tuple[int, ...] = (320, 640, 1280, 1280)
    """Channels of SCA's levels, which must be those of the U-Net."""
    adapter_blocks: int = 2
    """Residual blocks of a level of SCA."""
    joined: Literal["sum", "concat"] = "sum"
    """How SCA's conditions are joined: "sum" of their latents as Eq. 9 prints it, or "concat" as
    Algorithm 1 lists them (O13), which tells a small network whose mouth it sees."""
    dilation: int = 15
    """Pixels by which the mask of the person grows."""
    mouth_dilation: int = 10
    """Pixels by which the mask of the neighbour's mouth grows."""
    captions: float = 0.0
    """Share of TIA's samples whose prompt also says what a voice cannot tell, where the data know
    it; keeps a small model's prompt alive beside the pseudo-words."""
    per_clip: int = 0
    """Frames of a clip whose latents are made once, before adapters learn; 0: all are made anew
    each time."""
    expert_width: int = 256
    """Width of the lip-reading expert."""

    @property
    def shape(self) -> int:
        """Coefficients of shape alpha."""
        return 80 if self.face == "bfm" else 40

    @property
    def expression(self) -> int:
        """Coefficients of expression beta."""
        return 64 if self.face == "bfm" else 52

    @property
    def pad(self) -> PadSizes:
        """Sizes of PAD."""
        return PadSizes(
            self.width, self.layers, self.heads, self.shape, self.expression, self.code,
            self.dropout,
        )  # fmt: skip


def _stages(steps: tuple[int, ...], clips: int, frames: int, small: bool) -> tuple[Stage, ...]:
    """The stages of PAD, then of CCF, which are never trained jointly (3.1, 3.2, 4.4)."""

    def adam(part: str, lr: float) -> dict[str, Optimiser]:
        schedule: Literal["constant", "cosine"] = "cosine" if small else "constant"
        return {"adam": Optimiser((part,), lr, clip=1.0, schedule=schedule, weight_decay=0.01)}

    fast, ema = (5.0, 0.99) if small else (1.0, None)
    w_con = 1.0 if small else 0.1
    return (
        Stage("expert", {"lip": 1.0}, steps[0], clips // 2, adam("expert", 1e-3), WINDOW),
        Stage("identity", {"id": 1.0, "con": w_con}, steps[1], clips,
              adam("pad.identity", 1e-4 * fast), WINDOW, ema=ema),
        Stage("content", {"lip": 1.0, "reg": 1.0 if small else 0.1}, steps[2], clips // 2,
              adam("pad.content", 1e-4 * fast), WINDOW, ema=ema),
        Stage("feeling", {"exp": 1.0, "con": w_con}, steps[3], clips,
              adam("pad.feeling", 1e-4 * fast), WINDOW, ema=ema),
        Stage("tia", {"diffusion": 1.0}, steps[4], frames, adam("tia", 1e-4 * fast), ema=ema),
        Stage("sca", {"diffusion": 1.0}, steps[5], frames,
              adam("sca", 5e-4 if small else 1e-5), ema=ema),
        Stage("mba", {"rec": 1.0, "perceptual": 0.1}, steps[6], frames // 4,
              adam("mba", 1e-4 * fast)),
    )  # fmt: skip


PRESETS = {
    "paper": Preset(
        ImagineSettings(),
        _stages((50_000, 100_000, 100_000, 100_000, 50_000, 150_000, 20_000), 64, 32, False),
    ),
    "tiny": Preset(
        ImagineSettings(
            base="small", face="face478", width=96, layers=2, heads=4, dropout=0.2, tia_width=192,
            adapter=(64, 96, 128), adapter_blocks=1, joined="concat", dilation=4,
            mouth_dilation=2, captions=0.5, per_clip=2, expert_width=64,
        ),
        _stages((300, 700, 300, 400, 200, 800, 60), 32, 16, True),
    ),
}  # fmt: skip
"""ImagineID as the paper has it, and the one that ships."""
