"""The official SyncNet, with the crops and the cepstra of its authors' pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import torch

from vivavoce.measure.judges.tensors import answer, beside
from vivavoce.nn.devices import pick
from vivavoce.nn.syncnet import WINDOW, SyncNet
from vivavoce.nn.threads import one_thread
from vivavoce.types import RATE, Bytes, Float

MOST = 15
"""Offsets in frames that are compared, each way."""
Crop = Literal["tracked", "lrs"]
"""Where the pictures come from: a box about the tracked face, or the whole frame."""
CROP_PX = 224
CROP_MARGIN = 0.4
"""Share of the face box that is added around it, as run_pipeline.py of joonson/syncnet_python has
it (--crop_scale)."""


class OfficialSync:
    """SyncNet (Chung & Zisserman 2016) as evaluated by Wav2Lip's protocol.

    Crop rule "tracked": the face box is smoothed over time and widened as the pipeline of
    syncnet_python does. Clips that are crops already (LRS2, LRS3) are taken whole by rule "lrs".
    """

    official = True

    def __init__(self, path: str, crop: Crop = "tracked", device: str = "cpu") -> None:
        self.net = SyncNet.load(Path(path)).to(pick(device))
        self.crop = crop
        self.name = f"syncnet_v2 (official, crop {crop})"

    @torch.no_grad()
    def distances(self, landmarks: Float, samples: Float, frames: Bytes) -> Float:
        """Euclidean distances [N, 31] of windows to the sound at offsets -15..15 frames; the sound
        beyond the clip's ends is padded with zeros, as the authors do."""
        pictures = beside(self.net, self._crops(frames, landmarks))
        rows = beside(self.net, mfcc(samples))
        count = min(len(pictures), len(rows) // 4) - WINDOW + 1
        if count < 1:
            return np.zeros((0, 2 * MOST + 1), np.float32)
        with one_thread():
            seen = torch.cat([
                self.net.see(pictures[i : i + WINDOW].permute(1, 0, 2, 3)[None])
                for i in range(count)
            ])  # fmt: skip
            sound = self.net.hear(torch.stack([rows[4 * i : 4 * i + 20].T[None]
                                               for i in range(count)]))  # fmt: skip
        padded = torch.nn.functional.pad(sound, (0, 0, MOST, MOST))
        around = padded.unfold(0, count, 1).permute(2, 0, 1)  # [N, offsets, S]
        return answer((seen[:, None] - around).norm(dim=2))

    def _crops(self, frames: Bytes, landmarks: Float) -> Float:
        """[T, 3, 224, 224] in 0..255, blue first."""
        if self.crop == "lrs":
            crops = [cv2.resize(f, (CROP_PX, CROP_PX)) for f in frames]
        else:
            from scipy.signal import medfilt

            low, high = landmarks[..., :2].min(1), landmarks[..., :2].max(1)
            middle, half = (low + high) / 2, (high - low).max(1) / 2
            steady = [medfilt(v, 13) if len(v) >= 13 else v for v in (*middle.T, half)]
            crops = [_widened(f, x, y, s) for f, x, y, s in zip(frames, *steady, strict=True)]
        return np.stack(crops)[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32)


def load_sync(source: str, device: str = "cpu") -> OfficialSync:
    """The official SyncNet in `source`, a file, with the tracked-face crop; "lrs:FILE" takes clips
    whole: the two crop rules are two judges with two names."""
    if source.startswith("lrs:"):
        return OfficialSync(source.removeprefix("lrs:"), "lrs", device)
    return OfficialSync(source, device=device)


def _widened(frame: Bytes, x: float, y: float, s: float) -> np.ndarray:
    """The pipeline's crop: the box widened by 0.4 at the sides and twice that below."""
    pad = int(s * (1 + 2 * CROP_MARGIN))
    wide = np.pad(frame, ((pad, pad), (pad, pad), (0, 0)), constant_values=110)
    top, bottom = int(y + pad - s), int(y + pad + s * (1 + 2 * CROP_MARGIN))
    left, right = (int(x + pad + k * s * (1 + CROP_MARGIN)) for k in (-1, 1))
    return cv2.resize(wide[top:bottom, left:right], (CROP_PX, CROP_PX))


def mfcc(samples: Float) -> Float:
    """13 MFCCs [n, 13] at 100 a second, as python_speech_features makes them for SyncNet: 25 ms
    windows, 26 filters, pre-emphasis 0.97, lifter 22, first coefficient the log-energy."""
    from scipy.fft import dct

    x = np.round(np.clip(samples, -1, 1) * 32767)
    x = np.append(x[0], x[1:] - 0.97 * x[:-1])
    count = 1 + int(np.ceil(max(0, len(x) - 400) / 160))
    x = np.pad(x, (0, max(0, (count - 1) * 160 + 400 - len(x))))
    rows = x[np.arange(count)[:, None] * 160 + np.arange(400)]
    power = np.abs(np.fft.rfft(rows, 512)) ** 2 / 512
    energy = np.maximum(power.sum(1), np.finfo(float).eps)
    mel = np.maximum(power @ _htk_filters().T, np.finfo(float).eps)
    found = dct(np.log(mel), axis=1, norm="ortho")[:, :13]
    found *= 1 + 11 * np.sin(np.pi * np.arange(13) / 22)
    found[:, 0] = np.log(energy)
    return found.astype(np.float32)


def _htk_filters(count: int = 26, fft: int = 512) -> np.ndarray:
    """Triangles [26, 257] on HTK's mel scale, 0 to 8 kHz, corners on whole bins."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    hz = 700 * (10 ** (np.linspace(0, top, count + 2) / 2595) - 1)
    bins = np.floor((fft + 1) * hz / RATE)
    at = np.arange(fft // 2 + 1)[None]
    low, middle, high = (bins[i : count + i][:, None] for i in range(3))
    rising = np.where((at >= low) & (at < middle), (at - low) / np.maximum(middle - low, 1), 0)
    falling = np.where((at >= middle) & (at < high), (high - at) / np.maximum(high - middle, 1), 0)
    return np.asarray(rising + falling)
