"""Files for other programs: each against its published form, or read back by the standard
library."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as Xml
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from vivavoce.media.export import write_motion
from vivavoce.types import ARKIT, METRES, NECK, Motion, Phone, rotation_matrix


def one(frames: int = 3, fps: int = 60) -> Motion:
    rng = np.random.default_rng(1)
    parts = [rng.uniform(0, 0.9, (frames, n)).astype(np.float32) for n in (52, 6, 2)]
    return Motion(*parts, fps=fps)


class Hi:
    """What the manual of Rhubarb Lip Sync shows of a recording of "Hi"."""

    def mouth_shapes(self) -> Sequence[Phone]:
        times = (0, 0.05, 0.27, 0.31, 0.43, 0.47)
        letters = "XDCBX"
        return [Phone(s, times[i], times[i + 1]) for i, s in enumerate(letters)]

    def visemes(self) -> Sequence[Phone]:
        return [Phone("sil", 0, 0.05), Phone("aa", 0.05, 0.2704), Phone("I", 0.2704, 0.43)]


def written(tmp_path: Path, suffix: str, sound: str = "") -> str:
    path = tmp_path / f"a{suffix}"
    write_motion([one(2), one(1)], path, said=Hi(), sound=sound)
    return path.read_text("utf-8")


RHUBARB_TSV = "0.00\tX\n0.05\tD\n0.27\tC\n0.31\tB\n0.43\tX\n0.47\tX\n"
RHUBARB_XML = """<?xml version="1.0" encoding="utf-8"?>
<rhubarbResult>
  <metadata>
    <soundFile>C:\\Users\\Daniel\\Desktop\\av\\hi\\hi.wav</soundFile>
    <duration>0.47</duration>
  </metadata>
  <mouthCues>
    <mouthCue start="0.00" end="0.05">X</mouthCue>
    <mouthCue start="0.05" end="0.27">D</mouthCue>
    <mouthCue start="0.27" end="0.31">C</mouthCue>
    <mouthCue start="0.31" end="0.43">B</mouthCue>
    <mouthCue start="0.43" end="0.47">X</mouthCue>
  </mouthCues>
</rhubarbResult>
"""
RHUBARB_JSON = """{
  "metadata": {
    "soundFile": "C:\\\\Users\\\\Daniel\\\\Desktop\\\\av\\\\hi\\\\hi.wav",
    "duration": 0.47
  },
  "mouthCues": [
    { "start": 0.00, "end": 0.05, "value": "X" },
    { "start": 0.05, "end": 0.27, "value": "D" },
    { "start": 0.27, "end": 0.31, "value": "C" },
    { "start": 0.31, "end": 0.43, "value": "B" },
    { "start": 0.43, "end": 0.47, "value": "X" }
  ]
}
"""


@pytest.mark.parametrize(
    ("suffix", "published"),
    [(".tsv", RHUBARB_TSV), (".xml", RHUBARB_XML), (".rhubarb.json", RHUBARB_JSON)],
)
def test_rhubarbs_files_are_byte_for_byte_those_of_its_manual(
    tmp_path: Path, suffix: str, published: str
) -> None:
    assert written(tmp_path, suffix, r"C:\Users\Daniel\Desktop\av\hi\hi.wav") == published


def test_names_with_marks_stay_whole(tmp_path: Path) -> None:
    name = 'a "b" <c> & ü.wav'
    assert json.loads(written(tmp_path, ".rhubarb.json", name))["metadata"]["soundFile"] == name
    (tmp_path / "a.rhubarb.json").unlink()
    assert Xml.fromstring(written(tmp_path, ".xml", name)).findtext("metadata/soundFile") == name


def test_visemes_as_headtts_answers_them(tmp_path: Path) -> None:
    found = json.loads(written(tmp_path, ".visemes.json"))
    assert found == {
        "visemes": ["sil", "aa", "I"],
        "vtimes": [0, 50, 270],
        "vdurations": [50, 220, 160],  # no gap and no overlap, whatever is rounded
    }


def test_curves_as_talkinghead_plays_them(tmp_path: Path) -> None:
    motion = one(100)
    motion.expression[:, ARKIT.index("tongueOut")] = 0
    write_motion([motion], tmp_path / "a.anim.json")
    found = json.loads((tmp_path / "a.anim.json").read_text())
    assert set(found) == {"name", "dt", "vs"}
    assert sum(found["dt"]) == round(100 / 60 * 1000)
    assert set(found["dt"]) == {16, 17}
    assert set(found["vs"]) == set(ARKIT) - {"tongueOut"}
    for name, curve in found["vs"].items():
        assert np.abs(np.array(curve) - motion.expression[:, ARKIT.index(name)]).max() < 6e-5


def test_audio2face(tmp_path: Path) -> None:
    """The six fields that its importers read, each as they read it."""
    motion = one(5, 30)
    write_motion([motion], tmp_path / "a.a2f.json", sound="me.wav")
    found = json.loads((tmp_path / "a.a2f.json").read_text())
    assert list(found) == [
        "exportFps", "trackPath", "numPoses", "numFrames", "facsNames", "weightMat",
    ]  # fmt: skip
    assert (found["exportFps"], found["trackPath"]) == (30, "me.wav")
    assert (found["numPoses"], found["numFrames"]) == (52, 5)
    assert found["facsNames"] == list(ARKIT)
    assert np.abs(np.array(found["weightMat"]) - motion.expression).max() < 6e-7


def bvh(text: str) -> tuple[dict[str, np.ndarray], float, dict[str, np.ndarray]]:
    """Offsets, time of a frame and channels by joint of a BVH file, read token by token."""
    words = iter(text.split())
    assert next(words) == "HIERARCHY"
    names: list[str] = []
    offsets: dict[str, np.ndarray] = {}
    channels: list[tuple[str, str]] = []
    depth = 0
    for word in words:
        if word in ("ROOT", "JOINT"):
            names.append(next(words))
        elif word == "End":
            names.append(f"{names[-1]} {next(words)}")
        elif word == "OFFSET":
            offsets[names[-1]] = np.array([float(next(words)) for _ in range(3)])
        elif word == "CHANNELS":
            channels += [(names[-1], next(words)) for _ in range(int(next(words)))]
        elif word == "MOTION":
            break
        else:
            depth += {"{": 1, "}": -1}[word]
    assert depth == 0
    assert next(words) == "Frames:"
    count = int(next(words))
    assert [next(words), next(words)] == ["Frame", "Time:"]
    step = float(next(words))
    table = np.array([float(word) for word in words]).reshape(count, len(channels))
    return offsets, step, {f"{j} {c}": table[:, i] for i, (j, c) in enumerate(channels)}


def test_bvh_shows_the_same_head(tmp_path: Path) -> None:
    """A reader that turns the joints by their channels, in their order, gets our rotation."""
    motion = one(4)
    write_motion([motion], tmp_path / "a.bvh")
    offsets, step, found = bvh((tmp_path / "a.bvh").read_text())
    assert step == pytest.approx(1 / 60, abs=1e-8)
    assert set(offsets) >= {"Head", "LeftEye", "RightEye"}
    assert offsets["LeftEye"][0] > 0 > offsets["RightEye"][0]  # x points to the person's left
    assert offsets["LeftEye"][1:] == pytest.approx([-100 * METRES * v for v in NECK[1:]])
    turns = {"X": lambda a: about(0, a), "Y": lambda a: about(1, a), "Z": lambda a: about(2, a)}
    for joint, angles in (("Head", motion.pose[:, :3]), ("LeftEye", None), ("RightEye", None)):
        order = [n.split()[1][0] for n in found if n.startswith(joint) and n.endswith("rotation")]
        for k in range(4):
            shown = np.eye(3)
            for axis in order:
                shown = shown @ turns[axis](np.radians(found[f"{joint} {axis}rotation"][k]))
            wanted = angles[k] if angles is not None else [*motion.gaze[k], 0]
            assert np.allclose(shown, rotation_matrix(np.array(wanted)), atol=1e-6)
    moved = np.stack([found[f"Head {axis}position"] for axis in "XYZ"], 1)
    assert np.allclose(moved, 100 * METRES * motion.pose[:, 3:], atol=1e-5)


def about(axis: int, angle: float) -> np.ndarray:
    i, k = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[i, i] = matrix[k, k] = np.cos(angle)
    matrix[i, k], matrix[k, i] = -np.sin(angle), np.sin(angle)
    return matrix


def test_no_file_names_this_machine(tmp_path: Path) -> None:
    for suffix in (".tsv", ".xml", ".rhubarb.json", ".visemes.json", ".a2f.json", ".anim.json"):
        assert not re.search(str(tmp_path), written(tmp_path, suffix))
