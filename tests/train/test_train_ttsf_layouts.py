"""Trees in the layouts of real sets go through every stage of TTSF, or are refused beforehand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from ttsf_clips import small, stage_of, training

import vivavoce
from vivavoce.data.prepare import prepare
from vivavoce.errors import RequestError
from vivavoce.systems.stage import Preset, Run
from vivavoce.systems.ttsf.stages import STAGES
from vivavoce.train import train_system
from vivavoce.train.ttsf.training import TtsfTraining

_MORE = pytest.mark.slow(reason="they differ from the first in their labels alone")
WORDED = ("lrs3", *(pytest.param(name, marks=_MORE) for name in ("lrs2", "lrw", "ravdess")))
"""Sets that say what is spoken in a clip."""
SILENT = ("mead", *(pytest.param(name, marks=_MORE) for name in ("voxceleb2", "hdtf")))
"""Sets that do not."""
SHORT = 12
"""Frames of a window, for clips of 15."""


Prepared = Callable[[str], Path]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The prepared set of a layout's name."""
    pytest.importorskip("mediapipe")
    sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
    try:
        import layout_trees
    finally:
        sys.path.pop(0)
    home = tmp_path_factory.mktemp("layouts")
    (home / "media").mkdir()
    media = layout_trees.make_media(home / "media")

    @cache
    def of(name: str) -> Path:
        layout_trees.TREES[name](home / name, media)
        prepare(name, home / name, home / f"{name}-set")
        return home / f"{name}-set"

    return of


def narrow(preset: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """A small network instead of the preset's, its stages as they are but for a step each."""
    monkeypatch.setattr(TtsfTraining, "presets", {preset: Preset(small(preset), STAGES[preset])})
    windows = [f"{s.name}.window={SHORT}" for s in STAGES[preset] if s.window > SHORT]
    return ("steps=1", "batch=2", "workers=0", *windows)


@pytest.mark.parametrize("name", WORDED)
@pytest.mark.parametrize("preset", STAGES)
def test_a_set_with_words_goes_through_every_stage(
    name: str, preset: str, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes, out = narrow(preset, monkeypatch), tmp_path / "out"
    train_system("ttsf", out, prepared(name), preset=preset, changes=changes)
    assert vivavoce.load(str(out)).name == "ttsf"


@pytest.mark.parametrize("name", SILENT)
@pytest.mark.parametrize("preset", STAGES)
def test_a_set_without_words_serves_the_stages_that_need_none(
    name: str, preset: str, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes, data = narrow(preset, monkeypatch), prepared(name)
    with pytest.raises(RequestError, match="No clip says what is spoken in it"):
        train_system("ttsf", tmp_path / "all", data, preset=preset, changes=changes)
    assert not list(tmp_path.rglob("*.safetensors"))
    out = tmp_path / "face"
    face = [c for c in changes if "." not in c or c.startswith("face.")]
    train_system("ttsf", out, data, preset=preset, stage="face", changes=face)
    assert (out / "face.safetensors").is_file()


def test_clips_shorter_than_a_window_say_what_to_set(prepared: Prepared, tmp_path: Path) -> None:
    whole = training("paper")
    run = Run(prepared("lrs3"), tmp_path / "out", 0)
    with pytest.raises(RequestError, match=r"no clip of 32 frames.*--set window"):
        whole.check([stage_of(whole, "face")], run)
