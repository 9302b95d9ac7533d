"""The corpus judges, ready to be asked.

They see frames [T, H, W, 3] uint8 with the tracker's points [T, 478, 3] px on them, and hear
samples [n] at 16 kHz.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vivavoce.errors import needs
from vivavoce.look.face478 import fit
from vivavoce.measure.judges.networks import Face, Feeling, Voice
from vivavoce.measure.judges.packaged import (
    WHISPER_MODULES,
    DistillMosJudge,
    DnsmosJudge,
    WhisperJudge,
)
from vivavoce.measure.judges.tensors import answer, beside
from vivavoce.measure.judges.views import face_crops, heard, lip_curves
from vivavoce.nn.devices import pick
from vivavoce.nn.syncnet import LipSync
from vivavoce.nn.threads import one_thread
from vivavoce.nn.weights import read_weights
from vivavoce.types import MELS_PER_FRAME, Bytes, Float

MOST = 15
"""Offsets in frames that the sync judge compares, each way."""
CLIP_FRAMES = 16
"""Frames of a window of the clip judge, as FVD's I3D sees."""


def _net(kind: type[Face] | type[Voice], folder: Path, part: str, device: str) -> Any:
    tensors, _ = read_weights(folder / f"{part}.safetensors", part)
    weights = {k: v.float() for k, v in tensors.items()}
    net = kind(len(weights["heads.people"]))
    net.load_state_dict(weights)
    return net.eval().to(pick(device))


class FaceJudge:
    """The corpus judge of pictures, faces and looks; it looks at single frames."""

    name = "corpus-face"
    official = False

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        self.net: Face = _net(Face, folder, "face", device)
        tensors, _ = read_weights(folder / "feeling.safetensors", "feeling")
        self.feeling = Feeling()
        self.feeling.load_state_dict({k: v.float() for k, v in tensors.items()}, strict=False)
        self.feeling.eval().to(pick(device))

    @torch.no_grad()
    def _features(self, frames: Bytes, landmarks: Float) -> torch.Tensor:
        with one_thread():
            return self.net.features(beside(self.net, face_crops(frames, landmarks)))

    def features(self, frames: Bytes, landmarks: Float) -> Float:
        """[T, 128]: what FID, KID and style distances compare."""
        return answer(self._features(frames, landmarks))

    @torch.no_grad()
    def maps(self, frames: Bytes, landmarks: Float) -> list[Float]:
        """Feature maps [T, C, H, W] at four sizes: what the perceptual distance compares."""
        crops = beside(self.net, face_crops(frames, landmarks))
        with one_thread():
            return [answer(m) for m in self.net.maps(crops)]

    @torch.no_grad()
    def embedding(self, frames: Bytes, landmarks: Float) -> Float:
        """Unit vectors of identity [T, 64]."""
        return answer(self.net.heads.embedding(self._features(frames, landmarks)))

    @torch.no_grad()
    def people(self, frames: Bytes, landmarks: Float) -> Float:
        """Probabilities [T, K] of the people known from training."""
        said = self.net.heads(self._features(frames, landmarks))["people"]
        return answer((16 * said).softmax(1))

    @torch.no_grad()
    def attributes(self, frames: Bytes, landmarks: Float) -> dict[str, Float]:
        """ "age" in years [T] and "female" probability [T]."""
        said = self.net.heads(self._features(frames, landmarks))
        return {"age": answer(said["age"]), "female": answer(said["sex"].sigmoid())}

    @torch.no_grad()
    def emotions(self, frames: Bytes, landmarks: Float) -> Float:
        """Probabilities [8] in the order of `types.EMOTIONS`, of the frames' mean expression."""
        mean = fit(landmarks).expression.mean(0)
        return answer(self.feeling(beside(self.feeling, mean[None])).softmax(1)[0])


class ClipJudge:
    """The corpus judge of clips: mean and movement of the face judge's features over 16 frames."""

    name = "corpus-face over 16 frames"
    official = False

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        self.face = FaceJudge(folder, device)

    def features(self, frames: Bytes, landmarks: Float) -> Float:
        """[W, 256] of windows that half overlap."""
        each = self.face.features(frames, landmarks)
        starts = range(0, max(1, len(each) - CLIP_FRAMES + 1), CLIP_FRAMES // 2)
        windows = [each[s : s + CLIP_FRAMES] for s in starts]
        rows = [
            np.concatenate([w.mean(0), 4 * np.abs(np.diff(w, axis=0)).mean(0)])
            for w in windows if len(w) > 1
        ]  # fmt: skip
        return np.array(rows, np.float32).reshape(-1, 2 * each.shape[1])


class SyncJudge:
    """The corpus judge of sync: it tells by how many frames sound and lips are apart."""

    name = "corpus-sync"
    official = False
    crop = "points"
    """The crop rule: this judge sees lip points, not pixels."""

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        tensors, _ = read_weights(folder / "sync.safetensors", "sync")
        self.net = LipSync()
        self.net.load_state_dict({k: v.float() for k, v in tensors.items()})
        self.net.eval().to(pick(device))

    @torch.no_grad()
    def distances(self, landmarks: Float, samples: Float, frames: Bytes | None = None) -> Float:
        """Distances [N, 31] of each lip window to the sound at offsets -15..15 frames, in 0..2;
        at column 15 + k the sound comes from k frames later. N = T - 34; empty for short clips."""
        lips, mel = lip_curves(landmarks), heard(samples)
        count = min(len(lips), len(mel) // MELS_PER_FRAME)
        if count < 2 * MOST + 5:
            return np.zeros((0, 2 * MOST + 1), np.float32)
        with one_thread():
            seen = self.net.see(beside(self.net, lips[None, :count]))
            sound = self.net.hear(beside(self.net, mel[None, : count * MELS_PER_FRAME]))
            return answer(1 - self.net.scores(seen, sound, MOST)[0])


class VoiceJudge:
    """The corpus judge of voices and sound; it hears who speaks."""

    name = "corpus-voice"
    official = False
    window_s = 1.0

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        self.net: Voice = _net(Voice, folder, "voice", device)

    @torch.no_grad()
    def features(self, samples: Float) -> Float:
        """[W, 256] of windows of a second that half overlap: what FAD compares."""
        mel, size = heard(samples), 100
        mel = np.pad(mel, ((0, max(0, size - len(mel))), (0, 0)), mode="wrap")
        starts = range(0, len(mel) - size + 1, size // 2)
        windows = np.stack([mel[s : s + size] for s in starts]).astype(np.float32)
        with one_thread():
            return answer(self.net.features(beside(self.net, windows)))

    @torch.no_grad()
    def embedding(self, samples: Float) -> Float:
        """Unit vector of the speaker [64]."""
        features = beside(self.net, self.features(samples))
        mean = answer(self.net.heads.embedding(features).mean(0))
        return np.asarray(mean / (np.linalg.norm(mean) + 1e-9), np.float32)


class HeadJudge:
    """The corpus judge of heads; it reads the turn off the tracker's points by `face478`."""

    name = "face478"
    official = False

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        pass

    def angles(self, frames: Bytes, landmarks: Float) -> Float:
        """Yaw, pitch, roll [T, 3] in degrees."""
        return np.degrees(fit(landmarks).pose[:, :3]).astype(np.float32)


def words_judge(folder: Path, device: str = "cpu") -> WhisperJudge | SphinxJudge:
    """Whisper tiny.en where the extra "judges" is installed, pocketsphinx elsewhere."""
    found = all(find_spec(name) for name in WHISPER_MODULES)
    return (WhisperJudge if found else SphinxJudge)(folder, device)


class SphinxJudge:
    """The words that pocketsphinx hears, with the English model that is in its wheel."""

    name = "pocketsphinx en-us"
    official = False

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        self.decoder = needs("pocketsphinx").Decoder(samprate=16000, loglevel="FATAL")

    def text(self, samples: Float) -> str:
        """The words that are heard in samples [n], in lower case; "" where none are."""
        data = (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
        self.decoder.start_utt()
        self.decoder.process_raw(data, no_search=False, full_utt=True)
        self.decoder.end_utt()
        found = self.decoder.hyp()
        return str(found.hypstr) if found else ""


CORPUS_JUDGES: dict[str, Callable[[Path, str], Any]] = {
    "picture": FaceJudge, "clip": ClipJudge, "face": FaceJudge, "looks": FaceJudge,
    "head": HeadJudge, "sync": SyncJudge, "voice": VoiceJudge, "sound": VoiceJudge,
    "words": words_judge, "naturalness": DistillMosJudge, "noise": DnsmosJudge,
}  # fmt: skip
"""Kind → its class, made of the folder of weights and the name of a device."""
