"""STFM's settings: sizes, the variants of Tables 4 and 5, and where official weights lie.

Decisions on what the paper leaves open: docs/systems/stfm.md.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from vivavoce.nn.latent import TINY as LATENT_TINY
from vivavoce.nn.latent import LatentSettings
from vivavoce.render.hallo import HalloSettings
from vivavoce.speak.code_gpt import CodeGptSettings
from vivavoce.speak.hifigan import PRESETS as VOCODERS
from vivavoce.speak.hifigan import HifiganSettings
from vivavoce.speak.matcha import PRESETS as MATCHA
from vivavoce.speak.matcha import MatchaSettings
from vivavoce.speak.mel_codec import MelCodecSettings
from vivavoce.speak.tokens import COUNT

_FROZEN = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
Stream = Literal["audio", "video"]


class Official(BaseModel):
    """Files and folders of published weights, as their authors lay them out; "": not given."""

    model_config = _FROZEN

    hallo: str = ""
    """Hallo's `net.pth`: reference net, denoising U-Net, face locator and both projections."""
    stable_diffusion: str = ""
    """Folder of Stable Diffusion 1.5 in diffusers' layout; its `vae` is read."""
    wav2vec: str = ""
    """Folder of wav2vec2-base-960h."""
    xtts: str = ""
    """Folder of XTTS v2: `model.pth`, `vocab.json`; to train `dvae.pth`, `mel_stats.pth` too."""
    hifigan: str = ""
    """HiFi-GAN's published generator V1; its first convolution makes f_a."""
    arcface: str = ""
    """InsightFace's `glintr100.onnx`, whose embedding Hallo's image projection reads."""
    released: str = ""
    """The authors' `latest.pth`."""


class Learning(BaseModel):
    """How STFM is taught, where that is a choice; the defaults are the `paper` preset's."""

    model_config = _FROZEN

    sums: bool = False
    """L_video as it is printed, a sum over pixels and frames; false: a mean (O9)."""
    by_noise: bool = True
    """L_video is weighted by how much of the picture is left in the noisy latents, since an
    estimate from nearly pure noise is blurred."""
    decoded: int = 2
    """Frames of a block that are decoded for L_video (O17)."""
    forget: float = 0.1
    """Share of samples that are denoised without any condition, for guidance."""
    floor: float = 1e-6
    """Lowest learning rate (O8)."""


class StfmSettings(BaseModel):
    """What the system is made of; the defaults are the `paper` preset's."""

    model_config = _FROZEN

    size: int = 512
    """Side of the pictures in px."""
    image_side: int = 448
    """Side of the copy of the source picture that becomes tokens, in px: 56 x 56 of them (O3)."""
    width: int = 512
    """Width of all tokens of the entangled space."""
    heads: int = 8
    """Heads of the entangling encoders."""
    encoder: Literal["separate", "shared", "none"] = "separate"
    """Entangling encoders: one each (ETE), one for both (STE), or queries passed on (Table 4)."""
    entangled: tuple[Stream, ...] = ("audio", "video")
    """Streams that are entangled. Table 5: ("video",) attends visual tokens only, ("audio",) audio
    tokens only; with the other reading of O21 it is the other way round."""
    embedding_attention: bool = True
    """EC: the denoiser reads E_v after each of its text attentions (Table 4)."""
    exchange: bool = True
    """DC: the denoiser reads GPT-2's latents, and these read its middle (Table 4)."""
    hifigan_tokens: bool = True
    """f_a is among the audio tokens (Table 5)."""
    wav2vec_tokens: bool = True
    """f_s is among the audio tokens (Table 5)."""
    hearing: Literal["official", "small"] = "official"
    """Audio front ends: HiFi-GAN V1's first convolution at 22.05 kHz and Wav2Vec 2.0; or the first
    convolution of our vocoder and a small network of our own, at 16 kHz."""
    reference_s: float = 2.0
    """Seconds of the voice sample that are heard."""
    frames: int = 14
    """New frames of a block of video."""
    motion_frames: int = 2
    """Frames before them that the reference net sees beside the picture."""
    gpt: CodeGptSettings = CodeGptSettings()
    codec: MelCodecSettings = MelCodecSettings()
    guide: MatchaSettings | None = None
    """An acoustic model of average speech, frozen, which tells each step of GPT-2 what is to be
    heard: where in the text it is need not be learnt then. None: none, as in the paper."""
    voicing: Literal["latents", "mel"] = "latents"
    """What the vocoder is fed: GPT-2's latents, as in XTTS; or a spectrogram that a small network
    makes of them, as section 3.3 says in words."""
    vocoder: HifiganSettings = VOCODERS["tiny"]
    """Of `voicing="mel"`."""
    latent_vocoder: int = 512
    """Channels of XTTS's vocoder, of `voicing="latents"`."""
    mel_width: int = 128
    """Channels of the network of `voicing="mel"` that makes the spectrogram."""
    latent: LatentSettings = LatentSettings()
    """The base whose VAE makes latents of pictures: Stable Diffusion 1.5's, or `latent-tiny`'s."""
    hallo: HalloSettings = HalloSettings()
    piece: int = 400
    """Most tokens of a text that are spoken in one go; longer sentences are cut between words."""
    filmed: bool = True
    """Whether the checkpoint has a trained video half; false: render=own is refused."""
    learning: Learning = Learning()
    official: Official = Official()

    @property
    def streams(self) -> tuple[Stream, ...]:
        """Streams that have an encoder."""
        return () if self.encoder == "none" else self.entangled


PAPER = StfmSettings()
PRESETS = {
    "paper": PAPER,
    "stated": PAPER.model_copy(update={"learning": Learning(sums=True, by_noise=False)}),
    "released": PAPER,
    "tiny": StfmSettings(
        size=128, image_side=128, width=128, heads=8, hearing="small", voicing="mel",
        gpt=CodeGptSettings(
            width=128, layers=4, heads=4, text_ids=COUNT, text_start=-1, text_stop=-1,
            audio_ids=514, start=512, stop=513, longest_text=402, longest_audio=700, latents=8,
            perceiver_depth=1, perceiver_heads=4, perceiver_head=32, speaker=128, told=80,
        ),
        guide=MATCHA["tiny"],
        codec=MelCodecSettings(
            mels=82, width=96, blocks=2, dim=3, levels=(8, 8, 8), ids=512,
        ),
        latent=LATENT_TINY,
        hallo=HalloSettings(
            latents=LATENT_TINY.latent_channels, channels=LATENT_TINY.unet_channels,
            groups=LATENT_TINY.groups, heads=LATENT_TINY.heads, layers=LATENT_TINY.unet_layers,
            context=LATENT_TINY.text_width, audio_layers=1, audio_width=128, audio_hidden=96,
            audio_tokens=8, face=40, locator=(8, 16, 24, 32),
        ),
        piece=72,
    ),
}  # fmt: skip
