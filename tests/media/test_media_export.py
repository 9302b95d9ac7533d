from __future__ import annotations

import errno
import json
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vivavoce.errors import BadMedia, CannotWrite, OutputRefused, RequestError
from vivavoce.media.export import read_csv, read_glb, read_npz, write_motion
from vivavoce.media.gltf import MIXED, TARGETS
from vivavoce.media.livelink import COLUMNS, timecode
from vivavoce.media.provenance import Provenance
from vivavoce.types import ARKIT, ARKIT_INDEX, NECK, Motion, rotation_matrix


@dataclass
class TinyFace:
    """Four points, two people, all 52 expressions."""

    neutral: np.ndarray = field(default_factory=lambda: np.eye(4, 3, dtype=np.float32))
    identity: np.ndarray = field(default_factory=lambda: np.full((2, 4, 3), 0.1, np.float32))
    expression: np.ndarray = field(
        default_factory=lambda: np.random.default_rng(0).normal(size=(52, 4, 3)).astype("f4")
    )
    expression_names: tuple[str, ...] = ARKIT
    triangles: np.ndarray = field(
        default_factory=lambda: np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    )

    def vertices(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        moved = np.tensordot(identity, self.identity, 1) + np.tensordot(
            expression, self.expression, 1
        )
        return (self.neutral + moved).astype(np.float32)


def floats(low: float, high: float, columns: int) -> Any:
    width = {"width": 32, "allow_subnormal": False}
    low, high = (float(np.float32(v)) for v in (low, high))
    return st.integers(1, 6).flatmap(
        lambda n: arrays(np.float32, (n, columns), elements=st.floats(low, high, **width))
    )


@st.composite
def motions(draw: Any, space: str = "arkit52") -> Motion:
    expression = draw(floats(0, 1, 52))
    frames = len(expression)

    def more(limit: float, columns: int) -> np.ndarray:
        value = float(np.float32(limit))
        elements = st.floats(-value, value, width=32)
        return draw(arrays(np.float32, (frames, columns), elements=elements))

    pose = np.concatenate([more(1.2, 3), more(2.0, 3)], 1)
    return Motion(expression, pose, more(0.6, 2), space)


PROPERTY = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@PROPERTY
@given(motion=motions(), cut=st.integers(0, 6))
def test_csv_reads_back_within_its_decimals(tmp_path: Path, motion: Motion, cut: int) -> None:
    path = tmp_path / "a.csv"
    written = write_motion([motion[:cut], motion[cut:]], path, force=True)
    assert written.frames == len(motion)
    back = read_csv(path)
    assert np.abs(back.expression - motion.expression).max() <= 0.6e-6
    assert np.abs(back.pose[:, :3] - motion.pose[:, :3]).max() <= 0.6e-6
    assert np.abs(back.gaze - motion.gaze).max() <= 0.6e-6
    assert not back.pose[:, 3:].any()


@PROPERTY
@given(motion=motions(), cut=st.integers(0, 6))
def test_npz_reads_back_equal(tmp_path: Path, motion: Motion, cut: int) -> None:
    path = tmp_path / "a.npz"
    write_motion([motion[:cut], motion[cut:]], path, force=True)
    back = read_npz(path)
    assert back.space == "arkit52"
    for name in ("expression", "pose", "gaze"):
        assert np.array_equal(getattr(back, name), getattr(motion, name))


@PROPERTY
@given(motion=motions())
def test_glb_reads_back_equal(tmp_path: Path, motion: Motion) -> None:
    """Weights and places bit by bit, angles within a quaternion's rounding, looks as the eyes."""
    path = tmp_path / "a.glb"
    write_motion([motion], path, TinyFace(), force=True)
    back = read_glb(path)
    looks = [i for name, i in ARKIT_INDEX.items() if name.startswith("eyeLook")]
    rest = [i for i in range(52) if i not in looks]
    assert np.array_equal(back.expression[:, rest], motion.expression[:, rest])
    assert (back.expression[:, looks] >= motion.expression[:, looks]).all()
    assert np.array_equal(back.pose[:, 3:], motion.pose[:, 3:])
    assert np.abs(back.pose[:, :3] - motion.pose[:, :3]).max() < 2e-6
    assert np.abs(back.gaze - motion.gaze).max() < 2e-6
    write_motion([back], path, TinyFace(), force=True)  # and once more: nothing is added twice
    assert np.allclose(read_glb(path).expression, back.expression, atol=1e-5)


def one(frames: int = 3, space: str = "arkit52") -> Motion:
    rng = np.random.default_rng(1)
    values = [rng.uniform(0, 0.3, (frames, n)).astype(np.float32) for n in (52, 6, 2)]
    return Motion(*values, space)


def test_csv_is_what_live_link_face_writes(tmp_path: Path) -> None:
    write_motion([one(30)], tmp_path / "a.csv")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    header = lines[0].split(",")
    assert len(header) == 63
    assert header[:4] == ["Timecode", "BlendShapeCount", "EyeBlinkLeft", "EyeLookDownLeft"]
    assert header[52:57] == ["NoseSneerRight", "TongueOut", "HeadYaw", "HeadPitch", "HeadRoll"]
    assert header[-1] == "RightEyeRoll"
    assert lines[26].startswith("00:00:01:00.000,61,")
    assert len(lines) == 31


def test_timecodes() -> None:
    assert timecode(0) == "00:00:00:00.000"
    assert timecode(24) == "00:00:00:24.000"
    assert timecode(25 * 3661 + 7) == "01:01:01:07.000"


def test_csv_columns_are_found_by_name(tmp_path: Path) -> None:
    order = list(reversed(COLUMNS))
    header = ["timecode", "BlendshapeCount", *(name.upper() for name in order)]
    values = {name: i / 100 for i, name in enumerate(COLUMNS)}
    row = ["00:00:00:00.000", "61", *(str(values[name]) for name in order)]
    (tmp_path / "a.csv").write_text(",".join(header) + "\n" + ",".join(row) + "\n")
    motion = read_csv(tmp_path / "a.csv")
    assert np.allclose(motion.expression[0], np.arange(52) / 100)
    assert np.allclose(motion.pose[0, :3], [0.52, 0.53, 0.54])
    assert np.allclose(motion.gaze[0], [0.565, 0.575])


def glb_json(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    magic, version, length, size, kind = struct.unpack("<4sIII4s", data[:20])
    assert (magic, version, length, kind) == (b"glTF", 2, len(data), b"JSON")
    return json.loads(data[20 : 20 + size])


def values(path: Path, accessor: int) -> np.ndarray:
    """An accessor's numbers, read by the glTF 2.0 specification alone."""
    gltf, data = glb_json(path), path.read_bytes()
    start = 20 + struct.unpack("<I", data[12:16])[0] + 8
    found = gltf["accessors"][accessor]
    view = gltf["bufferViews"][found["bufferView"]]
    width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[found["type"]]
    kind = {5126: "<f4", 5125: "<u4"}[found["componentType"]]
    begin = start + view.get("byteOffset", 0)
    assert begin % 4 == 0
    return np.frombuffer(data, kind, found["count"] * width, begin).reshape(-1, width)


def test_glb_shows_what_the_model_shows(tmp_path: Path) -> None:
    """Evaluate the file as a viewer would, and compare with the model turned about the neck."""
    path, model, motion = tmp_path / "a.glb", TinyFace(), one()
    motion = Motion(motion.expression, motion.pose, np.zeros((3, 2), np.float32))
    person = np.array([1.0, -2.0], np.float32)
    write_motion([motion], path, model, person, Provenance("portrait", 3))
    gltf = glb_json(path)
    assert gltf["asset"]["extras"]["synthetic-media"] == "yes"
    mesh = gltf["meshes"][0]
    assert mesh["extras"]["targetNames"] == list(TARGETS)
    primitive = mesh["primitives"][0]
    rest = values(path, primitive["attributes"]["POSITION"])
    deltas = np.stack([values(path, t["POSITION"]) for t in primitive["targets"]])
    curves = {
        (c["target"]["node"], c["target"]["path"]): values(
            path, gltf["animations"][0]["samplers"][c["sampler"]]["output"]
        )
        for c in gltf["animations"][0]["channels"]
    }
    times = values(path, gltf["animations"][0]["samplers"][0]["input"])
    assert np.allclose(times[:, 0], [0, 0.04, 0.08])
    x, y, z, w = curves[2, "rotation"][1].astype(np.float64)
    spin = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    weights = curves[2, "weights"].reshape(3, 72)[1]
    local = (rest + np.tensordot(weights, deltas, 1)) @ spin.T + curves[2, "translation"][1]
    shown = 0.09 * (local + gltf["nodes"][1]["translation"])
    face = model.vertices(person, motion.expression[1]) - np.array(NECK)
    expected = face @ rotation_matrix(motion.pose[1, :3]).T + motion.pose[1, 3:] + np.array(NECK)
    assert np.allclose(shown, 0.09 * expected, atol=1e-6)
    triangles = values(path, primitive["indices"]).reshape(-1, 3)
    assert np.array_equal(triangles, model.triangles)


@pytest.mark.parametrize(
    ("gaze", "names"),
    [
        ((0.3, 0), {"eyeLookOutLeft", "eyeLookInRight"}),
        ((-0.3, 0), {"eyeLookInLeft", "eyeLookOutRight"}),
        ((0, 0.3), {"eyeLookUpLeft", "eyeLookUpRight"}),
        ((0, -0.3), {"eyeLookDownLeft", "eyeLookDownRight"}),
    ],
)
def test_glb_eyes_look_where_the_gaze_goes(
    tmp_path: Path, gaze: tuple[float, float], names: set[str]
) -> None:
    """Yaw > 0 is the picture's right, so the person's left eye looks out and the right one in."""
    still = Motion(
        np.zeros((1, 52), np.float32), np.zeros((1, 6), np.float32), np.array([gaze], np.float32)
    )
    write_motion([still], tmp_path / "a.glb", TinyFace())
    weights = read_glb(tmp_path / "a.glb").expression[0]
    assert {ARKIT[i] for i in np.flatnonzero(weights)} == names
    assert weights.max() == pytest.approx(0.3 / np.radians(30), abs=1e-5)


def test_glb_has_the_targets_that_browsers_ask_for(tmp_path: Path) -> None:
    """Each is the sum of the ARKit targets that it is mixed of, and the animation lets it rest."""
    write_motion([one()], tmp_path / "a.glb", TinyFace())
    gltf = glb_json(tmp_path / "a.glb")
    mesh = gltf["meshes"][0]
    names = mesh["extras"]["targetNames"]
    oculus = re.findall(r"\w+", "sil PP FF TH DD kk CH SS nn RR aa E I O U")
    extra = re.findall(r"\w+", "mouthOpen mouthSmile eyesClosed eyesLookUp eyesLookDown")
    assert names[52:] == [f"viseme_{v}" for v in oculus] + extra
    targets = mesh["primitives"][0]["targets"]
    moved = {
        name: values(tmp_path / "a.glb", target["POSITION"])
        for name, target in zip(names, targets, strict=True)
    }
    for name, mix in MIXED.items():
        parts = [part * moved[arkit] for arkit, part in mix.items()]
        assert np.allclose(moved[name], sum(parts, np.zeros((4, 3))), atol=1e-6), name
    weights = values(tmp_path / "a.glb", gltf["animations"][0]["samplers"][0]["output"])
    assert not weights.reshape(3, 72)[:, 52:].any()


@pytest.mark.parametrize("suffix", ["csv", "npz", "glb"])
@pytest.mark.parametrize("fps", [24, 25, 30, 50, 60])
def test_the_rate_comes_back(tmp_path: Path, suffix: str, fps: int) -> None:
    motion = one(2 * fps + 1)
    motion = Motion(motion.expression, motion.pose, motion.gaze, fps=fps)
    written = write_motion([motion], tmp_path / f"a.{suffix}", TinyFace())
    assert written.seconds == pytest.approx(2 + 1 / fps)
    read = {"csv": read_csv, "npz": read_npz, "glb": read_glb}[suffix]
    assert read(tmp_path / f"a.{suffix}").fps == fps


def test_quaternions_take_the_short_way(tmp_path: Path) -> None:
    """LINEAR interpolation between frames must not spin: neighbours have no flipped signs."""
    turn = np.zeros((60, 6), np.float32)
    turn[:, 2] = np.linspace(-3.1, 3.1, 60)
    motion = Motion(np.zeros((60, 52), np.float32), turn, np.zeros((60, 2), np.float32))
    write_motion([motion], tmp_path / "a.glb", TinyFace())
    gltf = glb_json(tmp_path / "a.glb")
    quaternions = values(tmp_path / "a.glb", gltf["animations"][0]["samplers"][1]["output"])
    assert ((quaternions[1:] * quaternions[:-1]).sum(1) > 0.9).all()


def test_other_spaces_travel_as_npz_only(tmp_path: Path) -> None:
    motion = Motion(*(np.zeros((2, n), np.float32) for n in (7, 6, 2)), "latent7")
    for suffix in ("csv", "glb"):
        with pytest.raises(RequestError, match=r"latent7.*Write .npz"):
            write_motion([motion], tmp_path / f"a.{suffix}", TinyFace())
    write_motion([motion], tmp_path / "a.npz")
    assert read_npz(tmp_path / "a.npz").space == "latent7"
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize("suffix", ["csv", "npz", "glb", "bvh", "a2f.json", "anim.json"])
def test_refusals_leave_nothing(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a.{suffix}"
    with pytest.raises(CannotWrite, match="no frames"):
        write_motion([], path, TinyFace())

    def broken() -> Any:
        yield one()
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(CannotWrite, match="The disk is full"):
        write_motion(broken(), path, TinyFace())
    assert list(tmp_path.iterdir()) == []
    path.write_text("old")
    with pytest.raises(OutputRefused, match="--force"):
        write_motion([one()], path, TinyFace())
    assert path.read_text() == "old"


def test_glb_needs_a_model_and_suffixes_are_checked(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="needs a face model"):
        write_motion([one()], tmp_path / "a.glb")
    with pytest.raises(OutputRefused, match=r"must end with .csv, .npz, .glb, .bvh"):
        write_motion([one()], tmp_path / "a.fbx")
    with pytest.raises(OutputRefused, match=r"must end with"):
        write_motion([one()], tmp_path / "a.json")  # which of three?
    with pytest.raises(RequestError, match="needs what was said"):
        write_motion([one()], tmp_path / "a.visemes.json")
    with pytest.raises(RequestError, match="is no ARKit coefficient"):
        write_motion([one()], tmp_path / "a.glb", TinyFace(expression_names=("smirk",)))


@pytest.mark.parametrize("read", [read_csv, read_npz, read_glb])
def test_files_that_are_no_motion(tmp_path: Path, read: Any) -> None:
    for name, data in (
        ("text", b"hello\nworld\n"),
        ("noise", np.random.default_rng(0).bytes(300)),
        ("other.npz", b"PK\x03\x04" + bytes(50)),
        ("other.glb", b"glTF\x02\x00\x00\x00" + bytes(40)),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(BadMedia, match=name):
            read(tmp_path / name)
    with pytest.raises(BadMedia, match="There is no"):
        read(tmp_path / "none")


def test_csv_errors_name_the_line(tmp_path: Path) -> None:
    write_motion([one()], tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text().splitlines()
    text[2] = text[2].replace("0.", "x.", 1)
    (tmp_path / "b.csv").write_text("\n".join(text))
    with pytest.raises(BadMedia, match=r"b.csv, line 3"):
        read_csv(tmp_path / "b.csv")
