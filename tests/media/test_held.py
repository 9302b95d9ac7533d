"""Pictures and sound that a program holds in memory are read like files, or refused in words."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from vivavoce.errors import BadMedia
from vivavoce.media.picture import PictureLimits, read_picture
from vivavoce.media.read import read_speech, read_video
from vivavoce.media.speech import heard
from vivavoce.types import RATE, Speech

RGB = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
TENSOR = torch.from_numpy(RGB)


def png() -> BytesIO:
    data = BytesIO()
    Image.fromarray(RGB).save(data, "PNG")
    return data  # at its end, as it is after writing


SAME: dict[str, Callable[[], Any]] = {
    "PIL": lambda: Image.fromarray(RGB),
    "BytesIO": png,
    "bytes": lambda: png().getvalue(),
    "bytearray": lambda: bytearray(png().getvalue()),
    "memoryview": lambda: png().getbuffer(),
    "uint8": lambda: RGB,
    "Fortran order": lambda: np.asfortranarray(RGB),
    "CHW": lambda: RGB.transpose(2, 0, 1),
    "a batch of one": lambda: RGB[None],
    "float64, 0 to 1": lambda: RGB / 255,
    "float32, 0 to 255": lambda: RGB.astype(np.float32),
    "float16, 0 to 1": lambda: (RGB / 255).astype(np.float16),
    "-1 to 1": lambda: RGB / 127.5 - 1,
    "int64": lambda: RGB.astype(int),
    "uint16": lambda: RGB.astype(np.uint16) * 257,
    "RGBA": lambda: np.dstack([RGB, np.full((70, 90), 255, np.uint8)]),
    "RGBA floats CHW": lambda: np.dstack([RGB / 255, np.ones((70, 90))]).transpose(2, 0, 1),
    "lists": lambda: RGB.tolist(),
    "tensor": lambda: TENSOR,
    "tensor CHW": lambda: TENSOR.permute(2, 0, 1) / 255,
    "tensor NHWC": lambda: TENSOR[None] / 255,
    "tensor with a gradient": lambda: (TENSOR / 255).requires_grad_(),
    "bfloat16": lambda: (TENSOR / 255).bfloat16(),
}


@pytest.mark.parametrize("kind", SAME)
def test_the_same_picture_in_whatever_way_it_is_held(kind: str) -> None:
    found = read_picture(SAME[kind]())
    assert found.dtype == np.uint8
    assert found.flags.c_contiguous
    assert np.abs(found.astype(int) - RGB).max() <= (1 if kind == "bfloat16" else 0)


def test_an_open_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png().getvalue())
    with path.open("rb") as file:
        file.read(9)
        assert np.array_equal(read_picture(file), RGB)
    os.mkfifo(tmp_path / "pipe")
    with (
        subprocess.Popen(["/bin/cp", path, tmp_path / "pipe"]),
        (tmp_path / "pipe").open("rb") as pipe,
    ):
        assert np.array_equal(read_picture(pipe), RGB)  # which cannot be read twice


GREY = RGB[..., 0]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (GREY, GREY),
        (GREY[..., None], GREY),
        (GREY[None], GREY),
        (torch.from_numpy(GREY)[None] / 255, GREY),
        (GREY > 99, (GREY > 99) * 255),
        ((GREY > 99).astype(np.float32), (GREY > 99) * 255),
        (np.dstack([GREY, np.full_like(GREY, 255)]), GREY),
        (np.dstack([GREY, np.zeros_like(GREY)]), np.full_like(GREY, 255)),
        (np.clip(GREY / 255 * 1.2 - 0.1, -0.1, 1.1), np.clip(GREY * 1.2 - 25.5, 0, 255)),
    ],
    ids=[
        "HW", "HW1", "1HW", "tensor", "bool", "0 or 1", "grey and alpha", "transparent", "overshoot"
    ],
)  # fmt: skip
def test_grey(given: Any, wanted: np.ndarray) -> None:
    found = read_picture(given).astype(float)
    assert np.abs(found - wanted[..., None]).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F"])
def test_pil_pictures_of_any_mode(mode: str) -> None:
    picture = Image.fromarray(GREY).convert("RGB" if mode != "1" else "L").convert(mode)
    assert np.abs(read_picture(picture).astype(float).mean() - GREY.mean()) < 5


def test_a_pil_picture_is_turned_upright() -> None:
    picture = Image.fromarray(RGB)
    picture.getexif()[0x0112] = 6
    assert np.array_equal(read_picture(picture), np.rot90(RGB, -1))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, "cannot be None"),
        (5, r"cannot be 5 \(int\)\. Give a path, bytes, an open file, a PIL image, or an array"),
        ({}, "an empty dict"),
        ([], r"shape \[0\]"),
        ([[1, 2], [3]], "a list of list"),
        (object(), "an object"),
        (np.zeros((3, 64, 64, 64)), r"shape \[3, 64, 64, 64\]"),
        (np.zeros((5, 64, 64)), r"shape \[5, 64, 64\]"),
        (np.zeros((64, 64), complex), "complex128"),
        (np.zeros((64, 64), "U3"), "U3"),
        (np.zeros((1, 1, 3), np.uint8), "too small: 1 x 1 pixels"),
        (np.zeros((0, 9, 3), np.uint8), "too small: 9 x 0 pixels"),
        (Image.new("RGB", (9, 0)), "too small: 9 x 0 pixels"),
        (RGB.astype(int) - 300, "from -300 to"),
        (RGB / 50 - 2, "from -2 to 3.1. Give 0 to 255"),
        (b"", "is empty"),
        (b"no picture", "is not a picture that can be read"),
        (BytesIO(), "is empty"),
        (StringIO("text"), "mode 'rb'"),
        (png().getvalue()[:300], "damaged or cut short|not a picture"),
    ],
)
def test_what_is_no_picture_is_told(given: Any, words: str) -> None:
    with pytest.raises(BadMedia, match=words):
        read_picture(given)


def test_a_closed_file_and_a_large_array() -> None:
    closed = png()
    closed.close()
    with pytest.raises(BadMedia, match="closed file"):
        read_picture(closed)
    with pytest.raises(BadMedia, match=r"limit is 0\.001 megapixels"):
        read_picture(RGB, PictureLimits(max_pixels=1000))


# HEIC: pillow-heif is an extra.

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99)


def test_heic_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "x.heic").write_bytes(HEIC)
    says = r"x\.heic is a HEIC picture.*pip install 'vivavoce\[heif\]', or save it as JPEG\.$"
    with pytest.raises(BadMedia, match=says):
        read_picture(tmp_path / "x.heic")
    with pytest.raises(BadMedia, match="The picture is a HEIC picture"):
        read_picture(HEIC)


def test_heic_is_read_upright(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif", reason="an extra: pip install 'vivavoce[heif]'")
    smooth = np.linspace(0, 255, 80, dtype=np.uint8)[:, None, None].repeat(96, 1).repeat(3, 2)
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(smooth)))
    tags = Image.Exif()
    tags[0x0112] = 6
    made = heif.from_pillow(turned)
    made.info["exif"] = tags.tobytes()
    made.save(tmp_path / "x.heic", quality=90)
    assert np.abs(read_picture(tmp_path / "x.heic").astype(int) - smooth).max() < 12
    assert read_picture((tmp_path / "x.heic").read_bytes()).shape == (80, 96, 3)
    with pytest.raises(BadMedia, match="damaged"):
        read_picture(HEIC)


# Sound.

TONE = (0.3 * np.sin(np.arange(RATE) * 0.1)).astype(np.float32)
PCM = np.round(TONE * 32767).astype(np.int16)


def wav() -> BytesIO:
    data = BytesIO()
    soundfile.write(data, TONE, RATE, format="WAV")
    return data


SOUNDS: dict[str, Callable[[], Any]] = {
    "BytesIO": wav,
    "bytes": lambda: wav().getvalue(),
    "floats with rate": lambda: (TONE, RATE),
    "as gradio has it": lambda: (RATE, PCM),
    "stereo": lambda: (RATE, np.stack([PCM, PCM], 1)),
    "torchaudio": lambda: (torch.from_numpy(TONE)[None], RATE),
    "ComfyUI": lambda: {"waveform": torch.from_numpy(TONE)[None, None], "sample_rate": RATE},
    "datasets": lambda: {"array": TONE, "sampling_rate": RATE, "path": "a.wav"},
    "lists": lambda: (TONE.tolist(), RATE),
    "lists of 16 bits": lambda: (PCM.tolist(), np.int64(RATE)),
    "64 bits": lambda: (PCM.astype(np.int64), float(RATE)),
    "32 bits": lambda: (PCM.astype(np.int32) * 65536, RATE),
    "Speech": lambda: Speech(TONE),
    "pieces": lambda: [Speech(TONE[:777]), Speech(TONE[777:])],
    "a stream": lambda: iter([Speech(TONE)]),
}


@pytest.mark.parametrize("kind", SOUNDS)
def test_the_same_speech_in_whatever_way_it_is_held(kind: str) -> None:
    pieces, seconds = heard(SOUNDS[kind]())
    assert seconds == (None if kind == "a stream" else 1.0)
    samples = np.concatenate([piece.samples for piece in pieces])
    assert samples.shape == TONE.shape
    assert np.abs(samples - TONE).max() < 1e-4


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (TONE, r"rate is not known\. Give a pair \(samples, rate in hertz\)"),
        (TONE.tolist(), "rate is not known"),
        (torch.from_numpy(TONE), "rate is not known"),
        (5, r"cannot be 5 \(int\)\. Give a path"),
        ({}, "an empty dict"),
        ([], "an empty list"),
        ({"waveform": TONE}, "a dict of str"),
        ((TONE, "16000"), "Piece 1 of the speech is a NumPy array of shape"),
        ((TONE, 0), r"rate of 0\.0 Hz"),
        ((TONE, float("nan")), "rate of nan Hz"),
        ((None, RATE), "Piece 1 of the speech is None"),
        ((TONE[:10], RATE), "at least 0.1 s"),
        ((TONE * np.nan, RATE), "no number"),
        (([[1, 2], [3]], RATE), "Piece 1 of the speech is a list"),
        (b"", "The recording is empty"),
        (b"no sound" * 99, "The recording is not sound or video"),
        (StringIO("text"), "mode 'rb'"),
    ],
)
def test_what_is_no_speech_is_told(given: Any, words: str) -> None:
    with pytest.raises(BadMedia, match=words):
        heard(given)


def test_a_piece_that_is_no_speech_is_told_when_it_comes() -> None:
    pieces, _ = heard(iter([Speech(TONE), TONE]))  # type: ignore[list-item]
    next(pieces)
    with pytest.raises(BadMedia, match="Piece 2 of the speech is a NumPy array"):
        next(pieces)


def test_held_files_are_read_by_readers_of_files(astronaut: Path) -> None:
    assert sum(len(piece.samples) for piece in read_speech(wav())) == RATE
    assert next(read_video(astronaut.read_bytes())).shape == (512, 512, 3)


def test_nothing_is_left_of_a_held_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = len(os.listdir("/proc/self/fd"))
    pieces, _ = heard(wav())
    next(pieces)
    assert not list(tmp_path.iterdir())
    del pieces
    assert len(os.listdir("/proc/self/fd")) == before
