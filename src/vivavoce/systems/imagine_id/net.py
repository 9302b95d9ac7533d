"""ImagineID's network: what it learns. The latent diffusion model that it steers lies beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint
from vivavoce.nn.latent import QUALITY, TINY, LatentBase, LatentSettings, load_latent
from vivavoce.nn.weights import read_into, read_settings
from vivavoce.systems.imagine_id.adapters import MaskBlend, SpatialAdapter, TextualInversion
from vivavoce.systems.imagine_id.expert import LipExpert
from vivavoce.systems.imagine_id.pad import Pad
from vivavoce.systems.imagine_id.settings import ImagineSettings

PARTS = ("pad", "tia", "sca", "mba")
"""Parts that a checkpoint keeps; the lip expert serves training alone."""


class ImagineNet(nn.Module):
    """PAD, the lip expert and the three adapters."""

    def __init__(self, settings: ImagineSettings) -> None:
        super().__init__()
        s, base = settings, LatentSettings() if settings.base == "published" else TINY
        self.settings, self.base_settings = s, base
        self.pad = Pad(s.pad)
        self.expert = LipExpert(s.expert_width)
        self.tia = TextualInversion(2 * s.width, s.tia_width, s.words, base.text_width)
        self.sca = SpatialAdapter(base.latent_channels, s.adapter, s.adapter_blocks, s.joined)
        self.mba = MaskBlend(base.vae_channels[0])

    def context(
        self, base: LatentBase, semantics: Tensor, feeling: Tensor, prompts: Sequence[str]
    ) -> Tensor:
        """Y [B, L, d]: the quality prompt, phrases of `prompts` ("" has none), pseudo-words, all
        through CLIP."""
        said = [f"{QUALITY}, {prompt}" if prompt else QUALITY for prompt in prompts]
        return base.described(said, self.tia(semantics, feeling))


def load_base(settings: ImagineSettings) -> LatentBase:
    """The frozen latent diffusion model of the settings.

    Raises: BadCheckpoint: it is not there, damaged, or of other sizes.
    """
    base = load_latent(Path(settings.latent) if settings.latent else None)
    wanted = LatentSettings() if settings.base == "published" else TINY
    same = ("latent_channels", "unet_channels", "text_width", "vae_channels")
    for name in same:
        if getattr(base.settings, name) != getattr(wanted, name):
            raise BadCheckpoint(
                f"The latent model {settings.latent or 'that ships'} has {name} "
                f"{getattr(base.settings, name)}, and this network steers one with "
                f"{getattr(wanted, name)}. Name another: --set model.latent=FOLDER"
            )
    return base


def load_net(folder: Path) -> ImagineNet:
    """The network of the checkpoint in `folder`, ready for use.

    Raises: BadCheckpoint: incomplete, damaged, or another system's.
    """
    net = ImagineNet(read_settings(folder, "imagine-id", ImagineSettings))
    file = folder / "imagine.safetensors"
    read_into(net, file, "imagine", ("expert.",))
    return net.eval().requires_grad_(False)


def weights_of(net: ImagineNet) -> dict[str, Tensor]:
    """The tensors that a checkpoint keeps, in half precision."""
    return {name: value.half().contiguous() for name, value in net.state_dict().items()
            if name.startswith(PARTS)}  # fmt: skip
