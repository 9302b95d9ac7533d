"""`vivavoce measure`: clips in, figures out; nothing is claimed that was not measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vivavoce.cli import app
from vivavoce.errors import RequestError, UnknownName, VivavoceError
from vivavoce.measure.bench.suite import write_clip
from vivavoce.measure.judges import chosen_judges
from vivavoce.measure.metrics.measured import measure_paths, measure_seeds, measure_views
from vivavoce.measure.metrics.view import View


def clip(path: Path, shift: int = 0, frames: int = 12) -> Path:
    """A clip of noise that has no face in it; `shift` lightens it."""
    rng = np.random.default_rng(0)
    path.parent.mkdir(exist_ok=True)
    picture = rng.integers(0, 200, (8, 8, 3)).repeat(8, 0).repeat(8, 1) + shift
    still = np.repeat(picture[None].astype(np.uint8), frames, 0)
    write_clip(path, still, 0.1 * rng.standard_normal(640 * frames).astype(np.float32))
    return path


def test_equal_clips_are_perfect(tmp_path: Path) -> None:
    found = measure_paths(clip(tmp_path / "a.mp4"), clip(tmp_path / "b.mp4"), ["PSNR", "SSIM"])
    assert found.mean("PSNR") == float("inf") or found.mean("PSNR") > 60
    assert found.mean("SSIM") == pytest.approx(1, abs=1e-4)


def test_a_known_difference_has_a_known_psnr(tmp_path: Path) -> None:
    made, true = clip(tmp_path / "a.mp4", 20), clip(tmp_path / "b.mp4")
    assert measure_paths(made, true, ["PSNR"]).mean("PSNR") == pytest.approx(22.1, abs=0.5)


def test_without_a_face_nothing_about_faces_is_claimed(tmp_path: Path) -> None:
    found = measure_paths(clip(tmp_path / "a.mp4"), None, ["jitter", "LSE-C", "SSIM"])
    assert not found.values
    assert "tracker" in found.missing["jitter"]
    assert "--reference" in found.missing["SSIM"]


def test_clips_are_paired_by_name(tmp_path: Path) -> None:
    for name in "ab":
        clip(tmp_path / "made" / f"{name}.mp4")
        clip(tmp_path / "true" / f"{name}.mp4", 20 if name == "b" else 0)
    clip(tmp_path / "made" / "only_here.mp4")
    found = measure_paths(tmp_path / "made", tmp_path / "true", ["PSNR"])
    assert set(found.values["PSNR"]) == {"a", "b"}
    assert found.values["PSNR"]["a"] > found.values["PSNR"]["b"]


def test_a_broken_clip_is_counted_and_the_others_go_on(tmp_path: Path) -> None:
    clip(tmp_path / "good.mp4")
    (tmp_path / "bad.mp4").write_bytes(b"no video at all")
    found = measure_paths(tmp_path, tmp_path, ["SSIM"])
    assert set(found.values["SSIM"]) == {"good"}
    assert "bad.mp4" in found.failed["bad"]


def test_wrong_requests_say_what_to_do(tmp_path: Path) -> None:
    clip(tmp_path / "a" / "x.mp4")
    clip(tmp_path / "b" / "y.mp4")
    clip(tmp_path / "b" / "z.mp4")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnknownName, match="SSIM"):
        measure_paths(tmp_path / "a", None, ["SIM"])
    with pytest.raises(RequestError, match="no video"):
        measure_paths(tmp_path / "empty")
    with pytest.raises(RequestError, match="There is no"):
        measure_paths(tmp_path / "nowhere")
    with pytest.raises(RequestError, match="has the name"):
        measure_paths(tmp_path / "a", tmp_path / "b")


def test_judges_are_chosen_by_kind() -> None:
    assert chosen_judges(["sync=a=b.model"]) == {"sync": "a=b.model"}
    with pytest.raises(RequestError, match="kind=file"):
        chosen_judges(["sync"])
    with pytest.raises(UnknownName, match="sync"):
        chosen_judges(["sink=x"])


def test_a_wrong_judge_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "syncnet_v2.model").write_bytes(b"nothing")
    with pytest.raises(VivavoceError, match="syncnet_v2"):
        View("x", judges={"sync": str(tmp_path / "syncnet_v2.model")}).judge("sync")


def test_diversity_over_seeds_is_zero_for_equal_clips(astronaut: Path) -> None:
    from vivavoce.look.track import find_faces
    from vivavoce.media.read import read_picture

    landmarks = find_faces(read_picture(astronaut))[0].landmarks
    still = np.repeat(landmarks[None], 6, 0)
    moved = still + np.linspace(0, 4, 6)[:, None, None] * (np.arange(478) % 7 == 0)[:, None]

    def view(points: np.ndarray) -> View:
        made = View("k")
        made.__dict__["landmarks"] = points.astype(np.float32)
        return made

    same = measure_seeds([{"k": view(still)}, {"k": view(still)}])
    assert same["style diversity"] == pytest.approx(0, abs=1e-6)
    other = measure_seeds([{"k": view(still)}, {"k": view(moved)}])
    assert other["style diversity"] > 0.01
    assert measure_seeds([{"k": view(still)}]) == {}


def test_command_writes_json_and_prints_a_table(tmp_path: Path) -> None:
    clip(tmp_path / "a.mp4")
    out = tmp_path / "out.json"
    args = ["measure", str(tmp_path / "a.mp4"), "--reference", str(tmp_path / "a.mp4"),
            "-m", "SSIM", "-m", "LMD", "-o", str(out)]  # fmt: skip
    ran = CliRunner().invoke(app, args)
    assert ran.exit_code == 0, ran.output
    held = json.loads(out.read_text("utf-8"))
    assert held["metrics"]["SSIM"]["clips"] == {"a": 1}
    assert "LMD" in held["missing"]
    assert "SSIM" in ran.output


def test_list_names_every_metric() -> None:
    from vivavoce.measure.metrics.metric import METRICS

    ran = CliRunner().invoke(app, ["measure", "--list"])
    for metric in METRICS:
        assert metric.name in ran.output


def test_no_metric_breaks_on_a_clip_without_a_face(tmp_path: Path) -> None:
    view = View("a", clip(tmp_path / "a.mp4"))
    found = measure_views({"a": view}, {"a": view}, ["PSNR", "LMD", "CSIM", "EVE", "FID", "FVMD"])
    assert set(found.values) | set(found.set_values) == {"PSNR"}
