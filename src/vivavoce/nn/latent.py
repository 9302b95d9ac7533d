"""A latent diffusion model that draws people from a description: VAE, text encoder, U-Net.

The networks are diffusers' and transformers' own (Rombach et al., "High-resolution image synthesis
with latent diffusion models", CVPR 2022), so that one class is both the small base that ships and
Stable Diffusion 1.5 from a user's folder. Systems that steer it keep it frozen.

    description ──CLIP text──▶ context [B, L, d] ─┐
    noise z_T [B, C, h, h] ──U-Net, step by step──┴──▶ z_0 ──VAE──▶ pictures [B, 3, S, S]
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint, RequestError, needs
from vivavoce.nn.weights import SHIPPED, read_into, read_settings

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

TRAIN_STEPS = 1000
"""Number of diffusion steps that the U-Net is trained on."""
WORDS = Path(__file__).with_name("caption_words")
"""Folder of the tokenizer (vocab.json, merges.txt) that knows the words of captions."""
BEGIN, END = "<|startoftext|>", "<|endoftext|>"
"""CLIP's marks around a text; the second one also fills it up."""
QUALITY = "a high quality portrait photo of a person talking"
"""Description that asks for nobody in particular."""
PARTS = ("vae", "text", "unet")
"""Networks of the base, by the names of their files."""


class LatentSettings(BaseModel):
    """Sizes of the base; the defaults are those of Stable Diffusion 1.5."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    size: int = 512
    """Side of the pictures in px."""
    latent_channels: int = 4
    """Channels C of the latents."""
    scale: float = 0.18215
    """Factor on the VAE's code that brings its standard deviation to 1."""
    patch: int = 1
    """Side in px of the squares that the VAE takes as one place of 3 patch^2 channels; 1: pixels as
    they are. A small VAE of squares learns and runs many times as fast."""
    vae_channels: tuple[int, ...] = (128, 256, 512, 512)
    """Channels of the VAE from full size down; each further level halves the side."""
    vae_layers: int = 2
    """Residual blocks of a level of the VAE's encoder; its decoder has one more."""
    vae_attention: bool = True
    """Whether the VAE's middle has attention."""
    unet_channels: tuple[int, ...] = (320, 640, 1280, 1280)
    """Channels of the U-Net from the largest maps down; all levels but the last see the text."""
    unet_layers: int = 2
    """Residual blocks of a level of the U-Net on its way down; on its way up it has one more."""
    heads: int = 8
    """Attention heads of every U-Net level."""
    groups: int = 32
    """Groups of all group norms. With two or three channels a group a small network forgets the
    colour of the whole picture."""
    text_width: int = 768
    """Width d of token embeddings and context."""
    text_layers: int = 12
    """Layers of the text encoder."""
    text_heads: int = 12
    """Attention heads of the text encoder."""
    tokens: int = 77
    """Tokens L of a text, its two marks and the filling included."""
    vocabulary: int = 49408
    """Number of tokens that the text encoder knows."""
    prediction: Literal["epsilon", "v_prediction"] = "epsilon"
    """What the U-Net predicts: the noise, as the papers', or v = alpha eps - sigma z_0 (Salimans &
    Ho, ICLR 2022), whose error is the noise's, weighted by 1 / alpha^2; a small network needs it,
    because an error of the noise at the first steps becomes a false colour of the whole picture."""

    @property
    def latent_side(self) -> int:
        """Side of the latents."""
        return self.size // self.patch // 2 ** (len(self.vae_channels) - 1)


TINY = LatentSettings(
    size=128, latent_channels=12, scale=1.0, patch=8, vae_channels=(128,), vae_layers=1,
    vae_attention=False, unet_channels=(64, 96, 128), unet_layers=1, heads=4, groups=4,
    text_width=96, text_layers=2, text_heads=4, tokens=48, vocabulary=1024,
    prediction="v_prediction",
)  # fmt: skip
"""The base that ships: 128 px, latents of 16 x 16 x 12."""

Residuals = Sequence[Tensor] | None
"""Feature maps that an adapter adds to the U-Net's, a level each; None adds nothing."""


class LatentBase(nn.Module):
    """VAE, text encoder and U-Net of one size, with random weights.

    On the meta device it takes no memory, which is how the sizes of Stable Diffusion are proved.
    """

    vae: Any
    text: Any
    unet: Any  # the libraries' classes

    def __init__(self, settings: LatentSettings, tokenizer: Any = None) -> None:
        """`tokenizer`: a `CLIPTokenizer`; None is the one for the corpus's captions."""
        super().__init__()
        self.settings = settings
        self.vae, self.text, self.unet = _vae(settings), _text(settings), _unet(settings)
        self.tokenizer: CLIPTokenizer = tokenizer or caption_tokenizer()
        # A factor that is measured on pictures after the VAE has learnt; saved with its weights.
        self.vae.register_buffer("scale", torch.tensor(float(settings.scale)))

    @property
    def scale(self) -> Tensor:
        """Factor on the VAE's code that brings its standard deviation to 1."""
        found: Tensor = self.vae.scale
        return found

    @property
    def device(self) -> torch.device:
        """Device of the networks."""
        return next(self.unet.parameters()).device

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the latents."""
        side = self.settings.latent_side
        return self.settings.latent_channels, side, side

    @property
    def hidden_layer(self) -> nn.Embedding:
        """The lookup of token embeddings [vocabulary, d]."""
        found: nn.Embedding = self.text.get_input_embeddings()
        return found

    def encode(self, pictures: Tensor) -> Tensor:
        """Latents [B, C, h, w] of pictures [B, 3, H, W] in [-1, 1]: posterior means, scaled."""
        mean: Tensor = self.posterior(pictures).mean
        return mean * self.scale

    def posterior(self, pictures: Tensor) -> Any:
        """The Gaussian of the VAE's code of pictures [B, 3, H, W]: its `mean`, `std`, `logvar`."""
        squares = F.pixel_unshuffle(pictures, self.settings.patch)
        return self.vae.encode(squares).latent_dist

    def decoded(self, code: Tensor) -> Tensor:
        """Pictures [B, 3, H, W] of the VAE's code, as `posterior` has it."""
        found: Tensor = self.vae.decode(code).sample
        return F.pixel_shuffle(found, self.settings.patch)

    def decode(self, latents: Tensor, blend: Callable[[Tensor], Tensor] | None = None) -> Tensor:
        """Pictures [B, 3, H, W], about [-1, 1], of latents [B, C, h, w].

        `blend` may change the decoder's features [B, F, H, W] at full size (a `patch`th of it),
        before its last convolution; F is the first of `LatentSettings.vae_channels`.
        """
        last = self.vae.decoder.up_blocks[-1]
        changed = _hooked(last, lambda _, __, found: blend(found)) if blend else nullcontext()
        with changed:
            return self.decoded(latents / self.scale)

    def features(self, pictures: Tensor) -> Tensor:
        """The encoder's features [B, F, H, W] of pictures at full size (a `patch`th of it): what
        its first level gives before the first downsampling."""
        kept: list[Tensor] = []
        last = self.vae.encoder.down_blocks[0].resnets[-1]
        with _hooked(last, lambda _, __, found: kept.append(found)):
            self.posterior(pictures)
        return kept[0]

    def ids(self, texts: Sequence[str]) -> Tensor:
        """Token ids [B, L] of texts; words beyond L - 2 tokens are dropped."""
        found = self.tokenizer(
            list(texts), padding="max_length", truncation=True,
            max_length=self.settings.tokens, return_tensors="pt",
        )  # fmt: skip
        ids: Tensor = found["input_ids"]
        return ids.to(self.device)

    def count(self, text: str) -> int:
        """Number of tokens of a text, without the marks around it."""
        return len(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def unknown(self, text: str) -> list[str]:
        """Words of a text that the small vocabulary spells by letters, so that they mean nothing
        to it; none for a full CLIP vocabulary."""
        if self.settings.vocabulary > TINY.vocabulary:
            return []
        bare = [word.strip(".,;:!?'\"()").lower() for word in text.replace("-", " ").split()]
        return [word for word in bare if word and self.count(word) > 1]

    def context(self, texts: Sequence[str]) -> Tensor:
        """What the U-Net is told of texts [B, L, d]."""
        return self.read(self.ids(texts))

    def read(
        self, ids: Tensor, words: Tensor | None = None, first: Tensor | int = 0
    ) -> Tensor:  # fmt: skip
        """The text encoder's answer [B, L, d] to token ids [B, L].

        `words` [B, N, d] replace the token embeddings of the places from `first` (a number, or one
        a text [B]) on, before positions are added: words that no vocabulary has.
        """
        if words is None:
            found: Tensor = self.text(input_ids=ids).last_hidden_state
            return found
        texts = torch.arange(len(ids), device=ids.device)[:, None]
        places = torch.arange(words.shape[1], device=ids.device) + torch.as_tensor(
            first, device=ids.device
        ).reshape(-1, 1)  # fmt: skip

        def replaced(_: Any, __: Any, rows: Tensor) -> Tensor:
            return rows.index_put((texts, places), words.to(rows))

        with _hooked(self.hidden_layer, replaced):
            return self.read(ids)

    def described(self, prompts: Sequence[str], words: Tensor) -> Tensor:
        """Context [B, L, d] of prompts, each with its pseudo-words `words` [B, N, d] behind it:
        start, prompt, pseudo-words, end, filling. A prompt keeps the tokens that there is room
        for."""
        begin, end = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        filling, count = self.tokenizer.pad_token_id, words.shape[1]
        ids = torch.full((len(words), self.settings.tokens), filling)
        first = torch.zeros(len(words), dtype=torch.long)
        for row, prompt in enumerate(prompts):
            kept = self.tokenizer(prompt, add_special_tokens=False)["input_ids"][: self.room(words)]
            used = [begin, *kept, *[end] * (count + 1)]
            ids[row, : len(used)] = torch.tensor(used)
            first[row] = 1 + len(kept)
        return self.read(ids.to(words.device), words, first.to(words.device))

    def room(self, words: Tensor) -> int:
        """Tokens of a prompt that fit beside pseudo-words [B, N, d] and the two marks."""
        return self.settings.tokens - words.shape[1] - 2

    def predict(
        self, noisy: Tensor, steps: Tensor, context: Tensor, residuals: Residuals = None
    ) -> Tensor:
        """The U-Net's prediction [B, C, h, w] for z_t at steps t [B] (0 to 999).

        `residuals` are added to the feature maps of the way down, a level each (T2I-Adapter).
        """
        extra = None if residuals is None else [r.clone() for r in residuals]
        found: Tensor = self.unet(
            noisy, steps, context, down_intrablock_additional_residuals=extra
        ).sample
        return found

    def target(self, latents: Tensor, noise: Tensor, steps: Tensor) -> Tensor:
        """What the U-Net should predict, by `LatentSettings.prediction`."""
        if self.settings.prediction == "epsilon":
            return noise
        found: Tensor = self.scheduler().get_velocity(latents, noise, steps)
        return found

    def noised(self, latents: Tensor, noise: Tensor, steps: Tensor) -> Tensor:
        """z_t of latents z_0, at steps t [B]."""
        found: Tensor = self.scheduler().add_noise(latents, noise, steps)
        return found

    def scheduler(self) -> Any:
        """A fresh scheduler of Stable Diffusion's noise: scaled-linear from 0.00085 to 0.012."""
        return _scheduler(self.settings.prediction)

    def sample(
        self,
        noise: Tensor,
        context: Tensor,
        steps: int,
        guidance: float = 1.0,
        without: Tensor | None = None,
        residuals: Residuals = None,
    ) -> Tensor:
        """Latents z_0 from noise z_T [B, C, h, w] by DDIM with eta = 0 (Song et al., ICLR 2021).

        Args:
            noise: z_T; the same noise and conditions give the same latents.
            context: What is to be seen [B, L, d].
            steps: Calls of the U-Net, 1 to 1000; guidance doubles their cost.
            guidance: Scale of classifier-free guidance (Ho & Salimans 2022); 1 is none.
            without: Context of the unguided branch [1 or B, L, d]; needed with guidance.
            residuals: See `predict`; both branches get them.
        """
        scheduler = self.scheduler()
        scheduler.set_timesteps(steps)
        guided = guidance != 1.0 and without is not None
        if guided:
            assert without is not None
            context = torch.cat([without.expand_as(context), context])
            residuals = None if residuals is None else [torch.cat([r, r]) for r in residuals]
        z = noise
        for t in scheduler.timesteps.tolist():
            seen = torch.cat([z, z]) if guided else z
            at = torch.full((len(seen),), t, device=noise.device)
            found = self.predict(seen, at, context, residuals)
            if guided:
                free, found = found.chunk(2)
                found = free + guidance * (found - free)
            z = scheduler.step(found, t, z, eta=0.0).prev_sample
        return z


@contextmanager
def _hooked(module: nn.Module, hook: Callable[..., Any]) -> Iterator[None]:
    """While it lasts, `hook` is told of, or replaces, what `module` gives."""
    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def _vae(s: LatentSettings) -> nn.Module:
    library = needs("diffusers")
    levels = len(s.vae_channels)
    net: nn.Module = library.AutoencoderKL(
        3 * s.patch**2, 3 * s.patch**2,
        ("DownEncoderBlock2D",) * levels, ("UpDecoderBlock2D",) * levels,
        s.vae_channels, s.vae_layers, latent_channels=s.latent_channels,
        norm_num_groups=s.groups, sample_size=s.size // s.patch,
        mid_block_add_attention=s.vae_attention,
    )  # fmt: skip
    return net


def _unet(s: LatentSettings) -> nn.Module:
    library = needs("diffusers")
    seeing = len(s.unet_channels) - 1
    net: nn.Module = library.UNet2DConditionModel(
        sample_size=s.latent_side,
        in_channels=s.latent_channels, out_channels=s.latent_channels,
        down_block_types=("CrossAttnDownBlock2D",) * seeing + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * seeing,
        block_out_channels=s.unet_channels, layers_per_block=s.unet_layers,
        cross_attention_dim=s.text_width, attention_head_dim=s.heads, norm_num_groups=s.groups,
    )  # fmt: skip
    return net


def _text(s: LatentSettings) -> nn.Module:
    library = needs("transformers")
    config = library.CLIPTextConfig(
        vocab_size=s.vocabulary, hidden_size=s.text_width, intermediate_size=4 * s.text_width,
        num_hidden_layers=s.text_layers, num_attention_heads=s.text_heads,
        max_position_embeddings=s.tokens, bos_token_id=s.vocabulary - 2,
        eos_token_id=s.vocabulary - 1, pad_token_id=s.vocabulary - 1,
    )  # fmt: skip
    net: nn.Module = library.CLIPTextModel(config)
    return net


def _scheduler(prediction: str) -> Any:
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=TRAIN_STEPS, beta_start=0.00085, beta_end=0.012,
        beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, steps_offset=1,
        prediction_type=prediction,
    )  # fmt: skip


def caption_tokenizer() -> CLIPTokenizer:
    """CLIP's tokenizer with the words of the corpus's captions; made by scripts/fit_words.py."""
    library = needs("transformers")
    vocabulary = json.loads((WORDS / "vocab.json").read_text("utf-8"))
    merges = [
        tuple(line.split()) for line in (WORDS / "merges.txt").read_text("utf-8").splitlines()
    ]
    found: CLIPTokenizer = library.CLIPTokenizer(
        vocabulary, merges[1:], unk_token=END, bos_token=BEGIN, eos_token=END, pad_token=END
    )
    return found


def load_latent(folder: Path | None = None) -> LatentBase:
    """A frozen base: the one in `folder`, or the one that ships.

    `folder` is one that `vivavoce train latent` wrote, or Stable Diffusion 1.5 as it is published,
    with the folders unet, vae, text_encoder and tokenizer.

    Raises: BadCheckpoint: incomplete, damaged, or something else.
    """
    folder = folder or SHIPPED / "latent-tiny"
    if (folder / "model_index.json").is_file():
        return _published(folder)
    base = LatentBase(read_settings(folder, "latent", LatentSettings))
    for part in PARTS:
        read_into(getattr(base, part), folder / f"{part}.safetensors", part)
    return base.eval().requires_grad_(False)


def _published(folder: Path) -> LatentBase:
    """Stable Diffusion from its published folder; nothing is fetched."""
    diffusers, transformers = needs("diffusers"), needs("transformers")
    held = {"local_files_only": True}
    try:
        vae = diffusers.AutoencoderKL.from_pretrained(folder / "vae", **held)
        unet = diffusers.UNet2DConditionModel.from_pretrained(folder / "unet", **held)
        text = transformers.CLIPTextModel.from_pretrained(folder / "text_encoder", **held)
        tokenizer = transformers.CLIPTokenizer.from_pretrained(folder / "tokenizer", **held)
        about = json.loads((folder / "scheduler/scheduler_config.json").read_text("utf-8"))
    except (OSError, ValueError, KeyError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadCheckpoint(
            f"{folder} does not hold Stable Diffusion as it is published: {first}"
        ) from None
    settings = LatentSettings(
        size=int(unet.config.sample_size) * 2 ** (len(vae.config.block_out_channels) - 1),
        latent_channels=vae.config.latent_channels, scale=vae.config.scaling_factor,
        vae_channels=vae.config.block_out_channels, vae_layers=vae.config.layers_per_block,
        unet_channels=unet.config.block_out_channels, unet_layers=unet.config.layers_per_block,
        groups=unet.config.norm_num_groups, text_width=text.config.hidden_size,
        text_layers=text.config.num_hidden_layers, text_heads=text.config.num_attention_heads,
        tokens=text.config.max_position_embeddings, vocabulary=text.config.vocab_size,
        prediction=about.get("prediction_type", "epsilon"),
    )  # fmt: skip
    with torch.device("meta"):
        base = LatentBase(settings, tokenizer)
    base.vae, base.unet, base.text = vae, unet, text
    base.vae.register_buffer("scale", torch.tensor(float(settings.scale)))
    return base.eval().requires_grad_(False)


def weights_of(base: LatentBase, part: str) -> dict[str, Tensor]:
    """One network's tensors in half precision, as its file keeps them."""
    state = getattr(base, part).state_dict()
    return {name: value.half().contiguous() if value.is_floating_point() else value.contiguous()
            for name, value in state.items()}  # fmt: skip


def check_prompt(base: LatentBase, prompt: str, room: int) -> None:
    """Refuse a description that the base cannot read in `room` tokens.

    Raises: RequestError: it is too long, or has words that the base has never seen.
    """
    unknown = base.unknown(prompt)
    if unknown:
        raise RequestError(
            f"The prompt has words that this model has not learnt: {', '.join(unknown)}. It knows "
            "English words for hair, beard, glasses, clothes, skin, eyes, age and background, "
            'such as "round glasses, long grey hair".'
        )
    if base.count(prompt) > room:
        raise RequestError(
            f"The prompt has {base.count(prompt)} tokens, and there is room for {room}. Say less."
        )
