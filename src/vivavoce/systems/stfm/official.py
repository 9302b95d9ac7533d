"""Published weights under STFM, from files that a user has, by their authors' names.

| file | fills |
|---|---|
| Hallo's `net.pth` | film: reference net, denoising U-Net, face locator, projections |
| XTTS v2's `model.pth` | voice: GPT-2, its Perceiver (as a start), the vocoder |
| Wav2Vec 2.0's folder, HiFi-GAN's generator | voice: f_s and f_a |
| the authors' `latest.pth` | film as from `net.pth`, and both encoders |

Licences are the user's affair; XTTS's weights are for non-commercial use. Nothing in these files is
executed, and nothing is fetched.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint, RequestError
from vivavoce.look.face478 import fit
from vivavoce.nn.latent import LatentBase, load_latent
from vivavoce.nn.weights import SHIPPED
from vivavoce.speak.hifigan import normed_conv
from vivavoce.speak.latent_vocoder import LatentVocoder, ours
from vivavoce.speak.natural.graph import open_graph
from vivavoce.systems.stfm.fronts import FFT, HIFIGAN_RATE, HOP, at_rate
from vivavoce.systems.stfm.net import StfmNet
from vivavoce.systems.stfm.settings import Official, StfmSettings
from vivavoce.types import RATE, Bytes, Float

HALLO = ("reference_unet", "denoising_unet", "face_locator", "imageproj", "audioproj")
"""Networks of `net.pth`, by the first part of their names."""
ENCODERS = {
    "audio": "audio_transformer_encoder_state_dict",
    "video": "video_transformer_encoder_state_dict",
}
"""Our names of the encoders, and those of `latest.pth`."""
SIDE, POINTS = 112, (468, 473, 1, 61, 291)
"""Side of the face that InsightFace embeds; our points of its eyes, nose and mouth's corners."""
PLACES = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655],
     [70.7299, 92.2041]], np.float32
)  # fmt: skip
"""Where those lie in it."""


def fill(net: StfmNet) -> frozenset[str]:
    """Read the files that the settings name into the network; the names of what was filled.

    Raises: BadCheckpoint: a file is missing, damaged, or another network's.
    """
    files = net.settings.official
    found: set[str] = set()
    if files.released:
        found |= _released(net, files)
    if files.hallo:
        found |= _hallo(net, published(files.hallo), files.hallo)
    if files.xtts:
        found |= _xtts(net, Path(files.xtts) / "model.pth")
    if files.wav2vec:
        found |= _take(net, "voice.front.semantic", _wav2vec(files.wav2vec), files.wav2vec)
    if files.hifigan:
        found |= _take(net, "voice.front.hifigan", _first(files.hifigan), files.hifigan)
    return frozenset(found)


def check_given(settings: StfmSettings) -> None:
    """Raises: RequestError: a file that a network of these sizes is built on was not given."""
    if settings.hearing == "small":
        return
    names = ("hallo", "stable_diffusion", "wav2vec", "xtts", "hifigan", "arcface")
    lacking = [name for name in names if not getattr(settings.official, name)]
    if lacking:
        raise RequestError(
            f"STFM of the paper's size begins with published weights, and {', '.join(lacking)} "
            f"was not given: --set model.official.{lacking[0]}=PATH. The preset tiny needs none."
        )


def published(path: str) -> Mapping[str, Any]:
    """What a file of torch holds; only tensors and plain values are read.

    Raises: BadCheckpoint: missing, damaged, or no dictionary.
    """
    try:
        found = torch.load(Path(path), map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise BadCheckpoint(
            f"{path} cannot be read as weights of torch ({type(error).__name__})."
        ) from None
    if not isinstance(found, Mapping):
        raise BadCheckpoint(f"{path} holds no dictionary of weights.")
    return found


def _take(net: nn.Module, place: str, weights: Mapping[str, Tensor], file: object) -> set[str]:
    """Read weights into the part of the network at `place`; all of it must be there.

    Raises: BadCheckpoint: something is missing or of another size; names it.
    """
    module = net.get_submodule(place)
    own = module.state_dict()
    fitting = {k: v for k, v in weights.items() if k in own and v.shape == own[k].shape}
    wrong = [name for name in own if name not in fitting]
    if wrong:
        there = "of another size" if wrong[0] in weights else "missing"
        raise BadCheckpoint(f"{file} does not fit {place}: {wrong[0]} is {there} in it.")
    module.load_state_dict(fitting)
    return {f"{place}.{name}" for name in own}


def _below(weights: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


def _hallo(net: StfmNet, weights: Mapping[str, Tensor], file: str) -> set[str]:
    if net.film is None:
        return set()
    found: set[str] = set()
    for name in HALLO:
        found |= _take(net, f"film.{name}", _below(weights, f"{name}."), file)
    return found


def _released(net: StfmNet, files: Official) -> set[str]:
    held = published(files.released)
    if "net_state_dict" not in held:
        raise BadCheckpoint(f"{files.released} is no `latest.pth`: it has no net_state_dict.")
    found = _hallo(net, held["net_state_dict"], files.released)
    for own, their in ENCODERS.items():
        found |= _take(net, f"entangle.{own}", held[their], files.released)
    return found


def _xtts(net: StfmNet, file: Path) -> set[str]:
    """GPT-2 and the vocoder; the Perceiver, whose rows are other ones here, begins as theirs."""
    held = published(str(file))
    weights: Mapping[str, Tensor] = held.get("model", held)
    vocoder = ours(_below(weights, "hifigan_decoder.waveform_decoder."))
    if not isinstance(net.voice.vocoder, LatentVocoder):
        raise BadCheckpoint(f"{file} voices latents; these settings voice spectrograms.")
    found = _take(net, "voice.gpt", _below(weights, "gpt."), file)
    return found | _take(net, "voice.vocoder", vocoder, file)


def _wav2vec(folder: str) -> dict[str, Tensor]:
    from transformers import Wav2Vec2Model

    try:
        model = Wav2Vec2Model.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError) as error:
        raise BadCheckpoint(f"{folder} holds no Wav2Vec 2.0 ({type(error).__name__}).") from None
    return dict(model.state_dict())


def _first(file: str) -> dict[str, Tensor]:
    """The first convolution of HiFi-GAN's published generator, its weight made plain."""
    held = published(file)
    weights = held.get("generator", held)
    layer: Any = normed_conv(80, 512, 7)
    try:
        layer.parametrizations.weight.original0.data = weights["conv_pre.weight_g"]
        layer.parametrizations.weight.original1.data = weights["conv_pre.weight_v"]
        return {"weight": layer.weight.detach(), "bias": weights["conv_pre.bias"]}
    except (KeyError, RuntimeError) as error:
        raise BadCheckpoint(f"{file} is no generator of HiFi-GAN V1 ({error}).") from None


def base_of(settings: StfmSettings) -> LatentBase:
    """The frozen base whose VAE makes latents of pictures; its other networks are let go.

    Raises: BadCheckpoint: not there, or of other sizes than the settings'.
    """
    given = settings.official.stable_diffusion
    base = load_latent(Path(given) if given else SHIPPED / "latent-tiny")
    if base.settings.latent_channels != settings.latent.latent_channels:
        raise BadCheckpoint(
            f"The base has {base.settings.latent_channels} channels of latents, the network "
            f"{settings.latent.latent_channels}."
        )
    del base.unet, base.text
    return base


def face_embedding(picture: Bytes, landmarks: Float, settings: StfmSettings) -> Float:
    """What Hallo's image projection reads [E] of a picture [H, W, 3] with the tracker's points
    [478, 3] px: InsightFace's embedding, or, in `tiny`, the shape of the head in 40 numbers."""
    if settings.hearing == "small":
        return fit(landmarks[None]).identity
    points = np.ascontiguousarray(landmarks[list(POINTS), :2], np.float32)
    matrix, _ = cv2.estimateAffinePartial2D(points, PLACES, method=cv2.LMEDS)
    crop = cv2.warpAffine(picture, matrix, (SIDE, SIDE)).astype(np.float32)
    rows = ((crop - 127.5) / 127.5).transpose(2, 0, 1)[None]
    session = _session(settings.official.arcface)
    found: Float = session.run(None, {session.get_inputs()[0].name: rows})[0][0]
    return found


@cache
def _session(file: str) -> Any:
    try:
        return open_graph(Path(file).read_bytes())
    except OSError as error:
        raise BadCheckpoint(f"{file} cannot be read ({type(error).__name__}).") from None


def released_tokens(
    picture: Tensor, region: Tensor, face: Tensor, conditioning: Tensor, speaker: Tensor,
    ids: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Picture, audio and text tokens as the authors' code lays them out, for their `latest.pth`.

    Args:
        picture: [B, 3, 512, 512].
        region: The face region of it, the same shape.
        face: Face embedding [B, 512].
        conditioning: XTTS's [B, 32, 1024].
        speaker: XTTS's [B, 512].
        ids: Text tokens as numbers [B, 512].

    Returns: [B, 3073, 512], [B, 65, 512] and [B, 1, 512].
    """
    image = [x.reshape(len(x), -1, 512) for x in (picture, region, face)]
    audio = [x.reshape(len(x), -1, 512) for x in (conditioning, speaker)]
    return torch.cat(image, 1), torch.cat(audio, 1), ids[:, None].to(picture.dtype)


def coder_of(codec: nn.Module, folder: Path) -> Tensor:
    """Read XTTS's `dvae.pth` into the encoder of the codec; the deviations of its spectrograms
    [80] of `mel_stats.pth`.

    Raises: BadCheckpoint: a file is missing, damaged, or of other sizes.
    """
    held = published(str(folder / "dvae.pth"))
    found = {k: v for k, v in held.items() if k.startswith(("encoder.", "codebook.embed"))}
    try:
        missing, _ = codec.load_state_dict(found, strict=False)
    except RuntimeError as error:
        raise BadCheckpoint(f"{folder}/dvae.pth does not fit: {str(error)[:160]}") from None
    if any(not name.startswith("decoder.") for name in missing):
        raise BadCheckpoint(f"{folder}/dvae.pth lacks {missing[0]}.")
    stats = torch.load(folder / "mel_stats.pth", map_location="cpu", weights_only=True)
    if not isinstance(stats, Tensor) or stats.shape != (80,):
        raise BadCheckpoint(f"{folder}/mel_stats.pth does not hold 80 numbers.")
    return stats


def xtts_rows(sound: Tensor, stats: Tensor) -> Tensor:
    """The spectrogram [B, T, 80] that XTTS's codes are made of, for sound [B, n] at 16 kHz; as
    torchaudio makes it: power, HTK's scale, bands of equal area."""
    at = torch.from_numpy(at_rate(sound.cpu().numpy().T, RATE, HIFIGAN_RATE).T.copy())
    window = torch.hann_window(FFT)
    found = torch.stft(at, FFT, HOP, window=window, return_complex=True).abs().square()
    mel = (found.transpose(1, 2) @ _htk_bank()).clamp(min=1e-5).log() / stats
    return mel.to(sound.device)


@cache
def _htk_bank() -> Tensor:
    """Filters [513, 80] from 0 to 8 kHz."""
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 82) / 2595) - 1)
    bins = np.linspace(0, HIFIGAN_RATE / 2, FFT // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - bins) / np.diff(edges)[1:]
    bank = np.clip(np.minimum(rising, falling), 0, None) * 2 / (edges[2:] - edges[:-2])
    return torch.from_numpy(bank.astype(np.float32))
