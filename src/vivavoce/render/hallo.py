"""Hallo's networks: a denoising U-Net over frames, and a reference net that shows it the person.

    source, 2 motion frames ─reference net─▶ what each layer's attention saw
    noisy latents of 14 frames ─U-Net─▶ v        each layer: ResNet, attention to itself and to the
                                                 source, to the face's tokens, sound, time

Parts and names are those of `net.pth` (see `hallo_modules`); ResNets and spatial attention are
diffusers' U-Net of Stable Diffusion. Frames lie along the batch: [B F, C, h, w].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from vivavoce.render.hallo_modules import AudioModule, Masks, MotionModule


class HalloSettings(BaseModel):
    """Sizes of the networks; the defaults are Hallo's, which are Stable Diffusion 1.5's."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    latents: int = 4
    """Channels of the latents."""
    channels: tuple[int, ...] = (320, 640, 1280, 1280)
    """Of the feature maps, from the largest to the smallest; all but the last have attention."""
    layers: int = 2
    """Layers at each size on the way down; one more on the way up."""
    groups: int = 32
    """Groups of the norms."""
    heads: int = 8
    """Heads of every attention."""
    context: int = 768
    """Length of the tokens that stand for the face and for the sound."""
    length: int = 32
    """Most frames along time, motion frames included."""
    audio_layers: int = 12
    """Layers of the semantic network that are heard."""
    audio_width: int = 768
    """Length of each of them."""
    audio_window: int = 5
    """Frames of sound that are heard about a frame, half of them before it."""
    audio_hidden: int = 512
    audio_tokens: int = 32
    """Tokens that stand for the sound of a frame."""
    face: int = 512
    """Length of the face embedding."""
    face_tokens: int = 4
    """Tokens that stand for it."""
    locator: tuple[int, ...] = (16, 32, 64, 128)
    """Channels of the face locator."""
    checkpointing: bool = False
    """Layers are run again when gradients are computed, which saves memory (O17)."""

    @property
    def slots(self) -> tuple[int, ...]:
        """Width of each layer with attention, in the order that they are run."""
        down = self.channels[:-1]
        up = [c for c in reversed(down) for _ in range(self.layers + 1)]
        return (*(c for c in down for _ in range(self.layers)), self.channels[-1], *up)


Link = Callable[[int, Tensor], Tensor]
"""What else a layer's rows [B F, h w, C] attend to, by the layer's number; EC and DC."""
Banks = Sequence[Tensor]
"""What each layer's attention saw in the source and the motion frames [B, 1 + M, h w, C]."""


@dataclass(frozen=True)
class Shown:
    """What the denoiser is shown beside the noise."""

    face: Tensor
    """Tokens of the face [B, 4, C]."""
    banks: Banks
    """Of the reference net."""
    sound: Tensor
    """Tokens of the sound of each frame [B, F, M, C]."""
    masks: Masks
    """Of the rest, the face, the lips [B, 1, S, S]."""
    located: Tensor
    """The face locator's map [B, C, h, w]."""
    link: Link | None = None
    """EC and DC; None: neither."""
    guided: bool = True
    """False: attention sees nothing of the source, as in the pass without conditions."""


def base_unet(s: HalloSettings) -> Any:
    """Stable Diffusion's U-Net in these sizes."""
    from diffusers import UNet2DConditionModel

    seeing = len(s.channels) - 1
    return UNet2DConditionModel(
        in_channels=s.latents, out_channels=s.latents,
        block_out_channels=s.channels, layers_per_block=s.layers,
        down_block_types=("CrossAttnDownBlock2D",) * seeing + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * seeing,
        cross_attention_dim=s.context, attention_head_dim=s.heads, norm_num_groups=s.groups,
    )  # fmt: skip


class _UNet(nn.Module):
    """The walk through diffusers' blocks; a child says what a layer does."""

    def __init__(self, settings: HalloSettings) -> None:
        super().__init__()
        self.settings = settings
        base = base_unet(settings)
        self.time_proj, self.time_embedding = base.time_proj, base.time_embedding
        self.conv_in = base.conv_in
        self.down_blocks, self.mid_block = base.down_blocks, base.mid_block
        self.up_blocks = base.up_blocks
        self.conv_norm_out, self.conv_out = base.conv_norm_out, base.conv_out

    def _walk(self, x: Tensor, time: Tensor, layer: Callable[..., Tensor]) -> tuple[Tensor, Tensor]:
        """Features [B F, C, h, w] at the end, and in the middle, of latents after `conv_in`."""
        slots: Iterator[int] = iter(range(len(self.settings.slots)))
        skips = [x]
        for block in self.down_blocks:
            for n, resnet in enumerate(block.resnets):
                x = layer(block, n, resnet(x, time), slots)
                skips.append(x)
            for down in block.downsamplers or ():
                x = down(x)
                skips.append(x)
        x = self.mid_block.resnets[0](x, time)
        x = layer(self.mid_block, 0, x, slots)
        x = middle = self.mid_block.resnets[1](x, time)
        for block in self.up_blocks:
            for n, resnet in enumerate(block.resnets):
                x = resnet(torch.cat([x, skips.pop()], 1), time)
                x = layer(block, n, x, slots)
            for up in block.upsamplers or ():
                x = up(x, skips[-1].shape[-2:])
        return x, middle

    def _time(self, t: Tensor, like: Tensor) -> Tensor:
        out: Tensor = self.time_embedding(self.time_proj(t).to(like.dtype))
        return out


def _attend(
    transformer: Any, x: Tensor, context: Tensor, see: Callable[[Tensor], Tensor],
    link: Callable[[Tensor], Tensor] | None,
) -> Tensor:  # fmt: skip
    """Diffusers' spatial transformer, with `see` the keys of its self-attention for its normed
    rows, and `link` what comes after its text attention."""
    rows = transformer.proj_in(transformer.norm(x)).flatten(2).transpose(1, 2)
    for block in transformer.transformer_blocks:
        normed = block.norm1(rows)
        rows = block.attn1(normed, encoder_hidden_states=see(normed)) + rows
        rows = block.attn2(block.norm2(rows), encoder_hidden_states=context) + rows
        if link is not None:
            rows = link(rows)
        rows = block.ff(block.norm3(rows)) + rows
    made = transformer.proj_out(rows.transpose(1, 2).unflatten(-1, x.shape[-2:]))
    return x + made


class ReferenceNet(_UNet):
    """A U-Net that looks at clean latents of the source and the motion frames, and tells what each
    of its layers saw. It has no output layers."""

    def __init__(self, settings: HalloSettings) -> None:
        super().__init__(settings)
        del self.conv_norm_out, self.conv_out

    def forward(self, latents: Tensor, face: Tensor) -> Banks:
        """Banks of latents [B, 1 + M, 4, h, w], the source first, with the face's tokens
        [B, 4, C]."""
        count = latents.shape[1]
        context = face.repeat_interleave(count, 0)
        banks: list[Tensor] = []

        def keep(normed: Tensor) -> Tensor:
            banks.append(normed.unflatten(0, (-1, count)))
            return normed

        def layer(block: Any, n: int, x: Tensor, slots: Iterator[int]) -> Tensor:
            return _attend(block.attentions[n], x, context, keep, None) if _has(block) else x

        x = self.conv_in(latents.flatten(0, 1))
        time = self._time(torch.zeros(len(x), device=x.device), x)
        self._walk(x, time, layer)
        return banks


class DenoisingUnet(_UNet):
    """Noisy latents of frames → v, with the person, the sound and the time before in sight."""

    def __init__(self, settings: HalloSettings) -> None:
        super().__init__(settings)
        s, last = settings, len(settings.channels) - 1
        for n, block in enumerate(self.down_blocks):
            width, before = s.channels[n], s.channels[max(n - 1, 0)]
            self._extend(block, width, [before, *[width] * (s.layers - 1)])
        self._extend(self.mid_block, s.channels[-1], [s.channels[-1]])
        up = s.channels[::-1]
        for n, block in enumerate(self.up_blocks):
            self._extend(block, up[n], [up[min(n + 1, last)]] * (s.layers + 1))

    def _extend(self, block: Any, width: int, inner: list[int]) -> None:
        """Give a block of diffusers' a motion module a layer and, where it attends, an audio module
        of `inner` channels."""
        s = self.settings
        block.motion_modules = nn.ModuleList(
            MotionModule(width, s.heads, s.length, s.groups) for _ in inner
        )
        if _has(block):
            block.audio_modules = nn.ModuleList(
                AudioModule(width, size, s.heads, s.context, s.groups) for size in inner
            )

    def forward(self, noisy: Tensor, t: Tensor, shown: Shown) -> tuple[Tensor, Tensor]:
        """v [B, 4, F, h, w] of latents of that shape at steps t [B], and the features in the middle
        [B, F, C, h', w']."""
        frames = noisy.shape[2]
        x = self.conv_in(noisy.transpose(1, 2).flatten(0, 1))
        x = x + shown.located.repeat_interleave(frames, 0)
        time = self._time(t.repeat_interleave(frames), x)
        face = shown.face.repeat_interleave(frames, 0)
        sound = shown.sound.flatten(0, 1)
        masks: Any = tuple(mask.repeat_interleave(frames, 0) for mask in shown.masks)

        def layer(block: Any, n: int, x: Tensor, slots: Iterator[int]) -> Tensor:
            if not _has(block):
                return block.motion_modules[n](x, frames)
            number = next(slots)

            def run(x: Tensor) -> Tensor:
                bank = shown.banks[number]
                source = bank[:, :1].expand(-1, frames, -1, -1).flatten(0, 1)
                link = shown.link
                x = _attend(
                    block.attentions[n], x, face,
                    lambda rows: torch.cat([rows, source], 1) if shown.guided else rows,
                    None if link is None else lambda rows: link(number, rows),
                )  # fmt: skip
                x = block.audio_modules[n](x, sound, masks)
                before = bank[:, 1:].transpose(2, 3).unflatten(-1, x.shape[-2:])
                out: Tensor = block.motion_modules[n](x, frames, before)
                return out

            if self.settings.checkpointing and torch.is_grad_enabled():
                return checkpoint(run, x, use_reentrant=False)
            return run(x)

        x, middle = self._walk(x, time, layer)
        v = self.conv_out(nn.functional.silu(self.conv_norm_out(x)))
        return v.unflatten(0, (-1, frames)).transpose(1, 2), middle.unflatten(0, (-1, frames))


def _has(block: Any) -> bool:
    """Whether a block of diffusers' has attention."""
    return hasattr(block, "attentions") and len(block.attentions) > 0
