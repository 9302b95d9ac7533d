"""Which sound is heard when: a small network over the log-mel spectrogram, as the sound arrives.

The network is a stack of dilated convolutions at 50 frames a second (van den Oord et al.,
"WaveNet", 2016, without the gates), with 0.2 s of look-ahead in all, so that it sees a burst that
tells a p from a t before it must answer.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint
from vivavoce.listen.mel import MELS, MelStream
from vivavoce.listen.sounds import CLASSES
from vivavoce.nn.weights import SHIPPED, read_weights
from vivavoce.types import Float

SHIPPED_MODEL = SHIPPED / "portrait-tiny" / "content.safetensors"
"""The content network that ships; the portrait's checkpoint brings it."""
RANGE = 14.0
"""Natural-log units below the voice's level that are still heard (61 dB)."""
_FALL = 0.0025  # the level falls by 1.1 dB a second while nothing louder comes
_LOWEST = -11.0  # the quietest voice level that is still amplified


@dataclass(frozen=True)
class ContentSettings:
    """Sizes of the network that hears sounds of speech."""

    width: int = 160
    """Number of channels of every layer."""
    dilations: tuple[int, ...] = (1, 2, 4, 8, 1, 2, 4, 8)
    """Dilation of each layer, in frames of 20 ms."""
    ahead: tuple[int, ...] = (1, 2, 4, 0, 1, 0, 0, 0)
    """Frames that each layer looks ahead."""


class Leveler:
    """Log-mel rows relative to the level of the voice, which is followed along the sound."""

    def __init__(self) -> None:
        self._level = _LOWEST

    def __call__(self, mel: Float) -> Float:
        """Rows [T, 80] in about [-1, 1]: 1 at the level, -1 at `RANGE` below it."""
        if not len(mel):
            return mel
        loud = np.log(np.exp(mel).mean(1))
        fall = _FALL * np.arange(1, len(mel) + 1)
        level = np.maximum.accumulate(np.maximum(loud + fall, self._level)) - fall
        level = np.maximum(level, _LOWEST)
        self._level = float(level[-1])
        return (np.clip((mel - level[:, None]) / RANGE, -1, 0.5) * 2 + 1).astype(np.float32)


class Layer(nn.Module):
    """A residual convolution whose input holds the frames it needs on both sides."""

    def __init__(self, width: int, dilation: int, ahead: int) -> None:
        super().__init__()
        self.before, self.ahead = 2 * dilation - ahead, ahead
        self.norm = nn.BatchNorm1d(width)
        self.conv = nn.Conv1d(width, width, 3, dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Features [B, W, T] of T frames from [B, W, before + T + ahead], which holds their
        surroundings too."""
        out = self.mix(torch.relu(self.conv(self.norm(x))))
        return x[..., self.before : self.before + out.shape[-1]] + out


class ContentModel(nn.Module):
    """Log-mel rows (levelled) → logits of the sound classes, both at 100 a second."""

    def __init__(self, settings: ContentSettings | None = None) -> None:
        """Build the network with random weights."""
        super().__init__()
        self.settings = settings or ContentSettings()
        width = self.settings.width
        self.front = nn.Conv1d(MELS, width, 6, stride=2)
        self.layers = nn.ModuleList(
            Layer(width, d, a)
            for d, a in zip(self.settings.dilations, self.settings.ahead, strict=True)
        )
        self.head = nn.Conv1d(width, 2 * len(CLASSES), 1)  # two mel frames a step

    def forward(self, mel: Tensor) -> Tensor:
        """Logits [B, T, C] for a whole clip of levelled log-mel [B, T, 80], T even.

        Silence is assumed around the clip; each layer sees zeros there.
        """
        x = nn.functional.pad(mel.transpose(1, 2), (2, 2), value=-1)  # [B, 80, 2 + T + 2]
        x = self.front(x)  # -> [B, W, T / 2]
        for layer in self.sequence:
            x = layer(nn.functional.pad(x, (layer.before, layer.ahead)))
        return self._logits(x)

    @property
    def sequence(self) -> list[Layer]:
        """Layers of the network, from the sound to the classes."""
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def _logits(self, x: Tensor) -> Tensor:
        out = self.head(torch.relu(x)).transpose(1, 2)  # [B, T / 2, 2 C]
        return out.reshape(len(out), -1, len(CLASSES))

    def packed(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Weights in half precision, and the metadata of a file that keeps them."""
        sizes = {k: repr(v) for k, v in asdict(self.settings).items()}
        weights = {
            k: v.half() if v.is_floating_point() else v for k, v in self.state_dict().items()
        }
        return weights, {**sizes, "part": "content", "classes": " ".join(CLASSES)}

    def save(self, path: Path) -> None:
        """Write weights and settings to one safetensors file at `path`."""
        weights, note = self.packed()
        save_file(weights, path, note)

    @classmethod
    def load(cls, path: Path = SHIPPED_MODEL) -> ContentModel:
        """The network in `path`, ready to listen.

        Raises:
            BadCheckpoint: The file is missing, damaged, or made for other sound classes.
        """
        weights, note = read_weights(path, "content")
        if note.get("classes") != " ".join(CLASSES):
            raise BadCheckpoint(f"{path} knows other sound classes than this version.")
        try:
            model = cls(_settings(note))
            model.load_state_dict(weights)
        except (RuntimeError, KeyError, ValueError) as error:
            raise BadCheckpoint(f"{path} is damaged ({error}). Copy or train it again.") from None
        return model.float().eval()


def _settings(note: dict[str, str]) -> ContentSettings:
    dilations = tuple(int(n) for n in note["dilations"].strip("()").split(","))
    ahead = tuple(int(n) for n in note["ahead"].strip("()").split(","))
    return ContentSettings(int(note["width"]), dilations, ahead)


class ContentStream:
    """`ContentModel` for sound that arrives in parts: the same answers, each frame computed once.

    Every layer keeps the frames it still needs; so answers come 0.2 s behind the sound.
    """

    def __init__(self, model: ContentModel) -> None:
        """Begin a clip. `model` is shared and not changed."""
        self._model = model
        self._layers = model.sequence
        self._mel, self._level = MelStream(), Leveler()
        self._rows = torch.full((1, MELS, 2), -1.0)
        self._kept = [torch.zeros(1, model.settings.width, m.before) for m in self._layers]
        self._seen = self._given = 0

    def push(self, samples: Float) -> Float:
        """Class probabilities [T, C] at 100 a second that `samples` [n] complete."""
        self._seen += len(samples)
        return self._answer(self._mel.push(samples))

    def finish(self) -> Float:
        """The probabilities that wait for sound after the end: one row for every 160 samples."""
        rows = self._level(self._mel.finish())
        x = self._front(rows, end=True)
        for i, layer in enumerate(self._layers):
            # What follows the end is zeros at every layer, as in `forward`.
            after = torch.zeros(1, self._width, layer.ahead)
            x = torch.cat([self._through(x, i), self._through(after, i)], 2)
        return self._probabilities(x)

    def _answer(self, mel: Float) -> Float:
        x = self._front(self._level(mel), end=False)
        for i in range(len(self._layers)):
            x = self._through(x, i)
        return self._probabilities(x)

    @torch.inference_mode()
    def _front(self, rows: Float, end: bool) -> Tensor:
        new = torch.from_numpy(rows).T[None]
        tail = torch.full((1, MELS, 3), -1.0) if end else new[..., :0]
        x = torch.cat([self._rows, new, tail], 2)
        steps = max((x.shape[2] - 6) // 2 + 1, 0)
        self._rows = x[..., 2 * steps :]
        return (
            self._model.front(x[..., : 2 * steps + 4]) if steps else x.new_zeros(1, self._width, 0)
        )

    @property
    def _width(self) -> int:
        return self._model.settings.width

    @torch.inference_mode()
    def _through(self, x: Tensor, i: int) -> Tensor:
        """What layer i can say once `x` has been added to what it keeps."""
        layer = self._layers[i]
        x = torch.cat([self._kept[i], x], 2)
        steps = max(x.shape[2] - layer.before - layer.ahead, 0)
        self._kept[i] = x[..., steps:]
        return layer(x) if steps else x[..., :0]

    @torch.inference_mode()
    def _probabilities(self, x: Tensor) -> Float:
        """Softmax of the head; not more rows than there are whole mel frames."""
        if not x.shape[2]:
            return np.zeros((0, len(CLASSES)), np.float32)
        rows = torch.softmax(self._model._logits(x)[0], 1).numpy()
        rows = rows[: self._seen // 160 - self._given]
        self._given += len(rows)
        return rows
