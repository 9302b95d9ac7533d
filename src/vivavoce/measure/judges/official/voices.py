"""Official judges of sound: Whisper, x-vectors, VGGish."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint, needs
from vivavoce.measure.judges.official.files import load_into
from vivavoce.measure.judges.tensors import answer, beside
from vivavoce.nn.devices import pick
from vivavoce.nn.threads import one_thread
from vivavoce.types import RATE, Float


class Whisper:
    """A recogniser of the Whisper family by its hub name or folder."""

    official = True

    def __init__(self, source: str, device: str = "cpu") -> None:
        pipeline = needs("transformers").pipeline
        try:
            self.run: Any = pipeline(
                "automatic-speech-recognition", model=source, device=pick(device)
            )
        except (OSError, ValueError) as error:
            raise BadCheckpoint(f"{source} could not be loaded ({error}).") from None
        self.name = source

    def text(self, samples: Float) -> str:
        """The words that are heard in samples [n]."""
        return str(self.run({"raw": samples, "sampling_rate": RATE})["text"])


class XVector:
    """A speaker network by its hub name or folder (e.g. microsoft/wavlm-base-plus-sv)."""

    official = True

    def __init__(self, source: str, device: str = "cpu") -> None:
        library = needs("transformers")
        try:
            self.extract: Any = library.AutoFeatureExtractor.from_pretrained(source)
            self.net: Any = library.AutoModelForAudioXVector.from_pretrained(source).eval()
            self.net.to(pick(device))
        except (OSError, ValueError) as error:
            raise BadCheckpoint(f"{source} could not be loaded ({error}).") from None
        self.name = source

    @torch.no_grad()
    def embedding(self, samples: Float) -> Float:
        """Unit vector of the speaker of samples [n]."""
        asked = self.extract(samples, sampling_rate=RATE, return_tensors="pt")
        asked = {name: beside(self.net, values) for name, values in asked.items()}
        found = self.net(**asked).embeddings[0]
        return answer(found / found.norm())


WHAT_VGGISH = "VGGish of torchvggish (vggish-10086976.pth)"


class VggishNet(nn.Module):
    """VGGish (Hershey et al., ICASSP 2017) in the layout of harritaylor/torchvggish: patches of
    log-mel [B, 1, 96, 64] → [B, 128]."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 1
        for width in (64, "M", 128, "M", 256, 256, "M", 512, 512, "M"):
            if isinstance(width, int):
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
                inputs = width
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.embeddings = nn.Sequential(
            nn.Linear(512 * 4 * 6, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(),
            nn.Linear(4096, 128), nn.ReLU(),
        )  # fmt: skip

    def forward(self, patches: Tensor) -> Tensor:
        """Channels last before they are laid flat, as TensorFlow does."""
        out: Tensor = self.embeddings(self.features(patches).permute(0, 2, 3, 1).flatten(1))
        return out


class Vggish:
    """The judge of FAD (Kilgour et al. 2019): features of 0.96 s, before the PCA."""

    official = True
    name = "VGGish"

    def __init__(self, path: str, device: str = "cpu") -> None:
        self.net = load_into(VggishNet(), path, WHAT_VGGISH, device=device)

    @torch.no_grad()
    def features(self, samples: Float) -> Float:
        """[W, 128], one row each 0.96 s; at least one."""
        with one_thread():
            found = self.net(beside(self.net, vggish_patches(samples)))
        return answer(found)


def vggish_patches(samples: Float) -> Float:
    """Log-mel patches [W, 1, 96, 64]: windows of 25 ms (periodic Hann), every 10 ms, 64 bands from
    125 to 7500 Hz on HTK's scale, log(x + 0.01)."""
    window = torch.hann_window(400, periodic=True)
    x = torch.from_numpy(np.asarray(samples, np.float32))
    x = F.pad(x, (0, max(0, 400 + 95 * 160 - len(x))))
    power = torch.fft.rfft(x.unfold(0, 400, 160) * window, 512).abs()
    mel = (power @ torch.from_numpy(_bands()) + 0.01).log()
    count = len(mel) // 96
    return np.asarray(mel[: 96 * count].reshape(count, 1, 96, 64).numpy(), np.float32)


def _bands() -> Float:
    """Triangles [257, 64] between points evenly spaced in mel; the lowest bin has none."""

    def mel(hz: np.ndarray) -> np.ndarray:
        return np.asarray(1127 * np.log1p(hz / 700))

    bins = mel(np.linspace(0, RATE / 2, 257))[:, None]
    lowest, highest = mel(np.array([125.0, 7500.0])).tolist()
    edges = np.linspace(lowest, highest, 66)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    up, down = (bins - low) / (middle - low), (high - bins) / (high - middle)
    found = np.maximum(0, np.minimum(up, down))
    found[0] = 0
    return found.astype(np.float32)
