"""The mark in the picture: invisible, read back from changed files, not seen in real ones."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from time import process_time
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.fft import irfft2, rfft2

from vivavoce.media import mark
from vivavoce.media.clip import Clip
from vivavoce.media.mark import FOUND, Mark, find_mark, pattern
from vivavoce.media.provenance import Provenance, mark_fits, read_provenance
from vivavoce.media.still import Still
from vivavoce.types import RATE, Chunk

MADE = Provenance("portrait", seed=7, composed=True)
FRAMES = 20
PATTERNS = ["1137f775e0133470", "55899a3ef46fe274"]


@pytest.fixture(scope="module")
def film(astronaut: Path) -> np.ndarray:
    """A portrait whose face sways a little before what is still, for a second [T, 512, 512, 3]."""
    picture = np.asarray(Image.open(astronaut).convert("RGB"))
    y, x = np.mgrid[0:512, 0:512].astype(np.float32)
    near = np.exp(-(((x - 225) / 90) ** 2 + ((y - 130) / 90) ** 2))
    rows = []
    for t in range(FRAMES):
        places = x + 4 * near * np.sin(t / 3).astype(np.float32), y + 3 * near * np.float32(t % 5)
        rows.append(cv2.remap(picture, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT))
    return np.stack(rows)


@pytest.fixture(scope="module")
def saved(film: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film as vivavoce writes it."""
    path = tmp_path_factory.mktemp("marked") / "a.mp4"
    save(film, path)
    return path


def save(film: np.ndarray, path: Path, **more: Any) -> None:
    height, width = film.shape[1:3]
    chunk = Chunk(film, np.zeros(len(film) * RATE // 25, np.float32))
    Clip([chunk], (width, height), MADE).save(path, **more)


def lumas(file: Path | bytes) -> Iterator[np.ndarray]:
    with av.open(io.BytesIO(file) if isinstance(file, bytes) else str(file)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="yuv420p")[: frame.height]


def again(
    path: Path, change: Callable[[Any], np.ndarray], codec: str = "libx264", **options: object
) -> bytes:
    """The film decoded, changed frame by frame (RGB), and encoded anew."""
    buffer, stream = io.BytesIO(), None
    kind = "webm" if "vp9" in codec else "mp4"
    with av.open(str(path)) as source, av.open(buffer, "w", format=kind) as out:
        for number, frame in enumerate(source.decode(video=0)):
            picture = np.ascontiguousarray(change(frame.to_ndarray(format="rgb24")))
            if stream is None:
                named = {k.replace("_", "-"): str(v) for k, v in options.items()}
                stream = out.add_stream(codec, rate=25, options=named)
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
            new = av.VideoFrame.from_ndarray(picture, format="rgb24")
            new.pts, new.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(new))
        assert stream is not None
        out.mux(stream.encode(None))
    return buffer.getvalue()


def same(picture: np.ndarray) -> np.ndarray:
    return picture


def small(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, (360, 360), interpolation=cv2.INTER_AREA)


def cropped(picture: np.ndarray) -> np.ndarray:
    """10 % off the height, 6 and 4 % off the sides."""
    return picture[52:, 30:492]


WAYS: dict[str, tuple[Any, ...]] = {
    "crf 23": (same, "libx264", {"crf": 23}),
    "crf 28": (same, "libx264", {"crf": 28}),
    "360 px": (small, "libx264", {"crf": 23}),
    "cropped": (cropped, "libx264", {"crf": 23}),
    "webm": (same, "libvpx-vp9", {"crf": 32, "b": 0, "deadline": "realtime", "cpu_used": 7}),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_is_read_back_after(way: str, saved: Path) -> None:
    change, codec, options = WAYS[way]
    found = find_mark(lumas(again(saved, change, codec, **options)))
    assert found is not None
    assert found.message == MADE.message
    assert found.strength > FOUND


def test_it_cannot_be_seen_and_does_not_move(film: np.ndarray) -> None:
    luma = cv2.cvtColor(film[0], cv2.COLOR_RGB2GRAY)
    marked = luma.copy()
    Mark(MADE.message, (512, 512)).add(marked)
    change = marked.astype(int) - luma
    assert np.abs(change).max() == 1
    assert 10 * np.log10(255**2 / np.mean(change**2)) > 44
    assert abs(change.mean()) < 0.06
    other = cv2.cvtColor(film[9], cv2.COLOR_RGB2GRAY)
    moved = other.copy()
    Mark(MADE.message, (512, 512)).add(moved)
    inside = (luma > 0) & (luma < 255) & (other > 0) & (other < 255)
    assert np.array_equal((moved.astype(int) - other)[inside], change[inside])


def test_it_costs_little_time() -> None:
    stamp, luma = Mark(1, (512, 512)), np.full((512, 512), 90, np.uint8)
    spent = []
    for _ in range(40):
        started = process_time()
        stamp.add(luma)
        spent.append(process_time() - started)
    assert np.median(spent) < 0.0003


def test_files_without_it_give_none(film: np.ndarray, tmp_path: Path) -> None:
    save(film, tmp_path / "a.mp4", marked=False)
    assert find_mark(lumas(tmp_path / "a.mp4")) is None
    assert find_mark([]) is None
    assert find_mark([np.zeros((400, 300), np.uint8)]) is None
    assert find_mark([np.zeros((40, 30), np.uint8)]) is None


def test_real_pictures_stay_far_below(real: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 60 keys none is seen in a real clip; the highest peaks are as chance has them."""
    with av.open(str(real / "video" / "real3d_may_5s.mp4")) as file:
        frames = [
            f.to_ndarray(format="gray")
            for f, _ in zip(file.decode(video=0), range(30), strict=False)
        ]
    mean = np.mean(frames, 0, dtype=np.float32)
    assert find_mark([mean]) is None
    tiles = [rfft2(mark._tile(mean, float(scale))) for scale in mark.SCALES[::12]]
    highest = []
    for number in range(60):
        monkeypatch.setattr(
            mark, "KEY", hashlib.sha256(bytes([number % 256, number // 256])).digest()
        )
        mark._places.cache_clear()
        mark._template.cache_clear()
        template = mark._template()
        surfaces = (irfft2(tile * template) for tile in tiles)
        highest.append(max(s.max() / s.std() for s in surfaces))
    monkeypatch.undo()
    mark._places.cache_clear()
    mark._template.cache_clear()
    assert 4 < np.median(highest) < 5
    assert max(highest) < 6.3


@pytest.mark.parametrize("size", [(256, 256), (640, 360), (360, 640), (255, 301)])
def test_pictures_of_every_shape(film: np.ndarray, tmp_path: Path, size: tuple[int, int]) -> None:
    frames = np.stack([cv2.resize(f, size, interpolation=cv2.INTER_AREA) for f in film])
    save(frames, tmp_path / "a.mp4")
    found = find_mark(lumas(tmp_path / "a.mp4"))
    assert found is not None
    assert found.message == MADE.message


def test_smaller_pictures_are_left_as_they_are() -> None:
    luma = np.full((300, 191), 90, np.uint8)
    Mark(1, (191, 300)).add(luma)
    assert (luma == 90).all()


@pytest.mark.parametrize("name", ["a.webm", "a.mov", "x%02d.png"])
def test_other_kinds_of_files(film: np.ndarray, tmp_path: Path, name: str) -> None:
    before = film.copy()
    save(film, tmp_path / name)
    assert np.array_equal(film, before)
    found = find_mark(lumas(tmp_path / name.replace("%02d", "03")))
    assert found is not None
    assert found.message == MADE.message


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_stills(film: np.ndarray, tmp_path: Path, name: str) -> None:
    still = Still(film[0], Provenance("drawn", 3, imagined=True))
    still.save(tmp_path / name)
    found = find_mark([np.asarray(Image.open(tmp_path / name).convert("L"))])
    assert found is not None
    assert found.message == still.provenance.message
    assert found.message >> 27 & 1


def test_the_pattern_is_what_it_was() -> None:
    """Files of every version must be read by every later one."""
    digests = [hashlib.sha256(pattern(m).tobytes()).hexdigest()[:16] for m in (0, 0x1A2B3C4D)]
    assert digests == PATTERNS


def test_the_code_mends_errors() -> None:
    weights = (mark._codebook() > 0).sum(1)  # it is linear: words differ as much as from none
    assert np.bincount(weights, minlength=25)[[0, 8, 12, 16, 24]].tolist() == [1, 759, 2576, 759, 1]
    messages = [0, 1, 2**32 - 1, 0x1A2B3C4D]
    assert len({pattern(m).tobytes() for m in messages}) == 4


def test_the_message_is_that_of_the_metadata(saved: Path) -> None:
    tags = read_provenance(saved)
    assert mark_fits(MADE.message, tags)
    for other in (Provenance("portrait", 8), Provenance("sdm", 7), Provenance("portrait", 7, "9")):
        assert not mark_fits(other.message, tags)
    assert Provenance("drawn", 7, imagined=True).message >> 27 == 0b11
    assert MADE.message >> 27 == 0b10
    assert tags["digital-source-type"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert Provenance("drawn").tags()["digital-source-type"].endswith("/trainedAlgorithmicMedia")
