"""The mark in the picture, measured: how well it is read back, what it costs, how often it is seen
where there is none.

    python scripts/measure_mark.py ../shared/real

Read back: eight portraits speak a recording of two seconds at 512 x 512; what `vivavoce speak`
writes is encoded anew, scaled, cropped. False alarms: every real clip, and each against many other
keys, for which it is as unmarked as for ours.
"""

from __future__ import annotations

import argparse
import hashlib
import io
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import av
import cv2
import numpy as np
from scipy.fft import irfft2, rfft2

import vivavoce
from vivavoce.errors import VivavoceError
from vivavoce.media import mark
from vivavoce.media.mark import FOUND, SCALES, Mark, find_mark

FRAMES = 50
MESSAGE = 0x1A2B3C4D
Film = list[np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("real", type=Path, help="The folder of real portraits, speech and clips.")
    parser.add_argument("--portraits", type=int, default=8)
    parser.add_argument("--keys", type=int, default=90, help="Other keys for each real clip.")
    given = parser.parse_args()
    films = list(_spoken(given.real, given.portraits))
    _read_back(films)
    _false_alarms(sorted(p for p in given.real.glob("video*/*") if p.is_file()), given.keys)


def _spoken(real: Path, count: int) -> Iterator[Film]:
    """Frames [H, W, 3] of clips of two seconds."""
    portrait = vivavoce.load("portrait")
    speech = real / "audio" / "librispeech_1183-124566-0000.flac"
    for number, path in enumerate(sorted((real / "portrait").iterdir())[::9][:count]):
        frames: Film = []
        try:
            for chunk in portrait(path, speech=speech, seed=number):
                frames += list(chunk.frames)
                if len(frames) >= FRAMES:
                    break
        except VivavoceError as error:
            print(error)
            continue
        yield frames[:FRAMES]


def _read_back(films: list[Film]) -> None:
    ways = {
        "as written (crf 18)": lambda f: f,
        "crf 23": lambda f: _coded(f, crf=23),
        "crf 28": lambda f: _coded(f, crf=28),
        "360 px, crf 23": lambda f: _coded(_scaled(f, 360), crf=23),
        "cropped by 10 %, crf 23": lambda f: _coded(_cropped(f), crf=23),
        "cropped by 10 %, 360 px, crf 28": lambda f: _coded(_scaled(_cropped(f), 360), crf=28),
        "webm (VP9, crf 32)": lambda f: _coded(f, "libvpx-vp9", crf=32, b=0),
    }
    rows: dict[str, list[tuple[bool, float]]] = {way: [] for way in ways}
    noise, spent, bytes_ = [], [], [0, 0]
    for film in films:
        lumas = [_planes(frame) for frame in film]
        stamp = Mark(MESSAGE, (film[0].shape[1], film[0].shape[0]))
        marked = [luma.copy() for luma in lumas]
        started = perf_counter()
        for luma in marked:
            height = luma.shape[0] * 2 // 3
            stamp.add(luma[:height])
        spent.append(1000 * (perf_counter() - started) / len(marked))
        noise.append(
            np.mean((marked[0].astype(float) - lumas[0])[: marked[0].shape[0] * 2 // 3] ** 2)
        )
        bytes_[0] += len(_written(lumas, "libx264", preset="veryfast", crf=18))
        bytes_[1] += len(_written(marked, "libx264", preset="veryfast", crf=18))
        saved = _coded(marked, preset="veryfast", crf=18)
        for way, attack in ways.items():
            found = find_mark(frame[: frame.shape[0] * 2 // 3] for frame in attack(saved))
            right = found is not None and found.message == MESSAGE
            rows[way].append((right, found.strength if found else 0.0))
    print(
        f"PSNR {10 * np.log10(255**2 / np.mean(noise)):.1f} dB; {np.median(spent):.2f} ms a frame; "
    )
    print(f"the file grows by {100 * (bytes_[1] / bytes_[0] - 1):.0f} %\n")
    print("| what was done to the file | messages read | height of the peak, least to most |")
    print("|---|---|---|")
    for way, found_ in rows.items():
        peaks = [height for _, height in found_]
        print(f"| {way} | {sum(r for r, _ in found_)} of {len(found_)} | "
              f"{min(peaks):.1f} to {max(peaks):.1f} |")  # fmt: skip


def _false_alarms(clips: list[Path], keys: int) -> None:
    ours, heights, seen = 0, [], 0
    own = mark.KEY
    for clip in clips:
        mean = _mean(clip)
        if mean is None or min(mean.shape) < mark.CELLS:
            continue
        seen += 1
        mark.KEY = own
        _forget()
        ours += find_mark([mean]) is not None
        spectra = [rfft2(mark._tile(mean, float(scale))) for scale in SCALES]
        for number in range(keys):
            mark.KEY = hashlib.sha256(f"{clip.name} {number}".encode()).digest()
            _forget()
            template = mark._template()
            surfaces = (irfft2(s * template) for s in spectra)
            heights.append(max(float(s.max() / s.std()) for s in surfaces))
    mark.KEY = own
    _forget()
    over = sum(height >= FOUND for height in heights)
    print(f"\nfalse alarms: {ours} of {seen} real clips; {over} of {len(heights)} with other keys; "
          f"highest peak {max(heights, default=0):.2f}, found from {FOUND:g}")  # fmt: skip


def _forget() -> None:
    mark._places.cache_clear()
    mark._template.cache_clear()


def _mean(clip: Path) -> np.ndarray | None:
    try:
        with av.open(str(clip)) as file:
            first = islice(file.decode(video=0), FRAMES)
            frames = [frame.to_ndarray(format="gray") for frame in first]
    except (av.FFmpegError, OSError, IndexError):
        return None
    return np.mean(frames, 0, dtype=np.float32) if frames else None


def _planes(frame: np.ndarray) -> np.ndarray:
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
    return picture.reformat(format="yuv420p", dst_colorspace=1, dst_color_range=1).to_ndarray()


def _scaled(film: Film, side: int) -> Film:
    return [_resized(frame, side) for frame in film]


def _resized(frame: np.ndarray, side: int) -> np.ndarray:
    picture = av.VideoFrame.from_ndarray(frame, format="yuv420p")
    wide = picture.width * side // min(picture.width, picture.height) // 2 * 2
    tall = picture.height * side // min(picture.width, picture.height) // 2 * 2
    return picture.reformat(wide, tall).to_ndarray()


def _cropped(film: Film) -> Film:
    """10 % off the height, 6 and 4 % off the sides."""
    out = []
    for frame in film:
        rgb = av.VideoFrame.from_ndarray(frame, format="yuv420p").to_ndarray(format="rgb24")
        height, width = rgb.shape[:2]
        top, left, right = height // 20 * 2, width * 3 // 100 * 2, width - width // 50 * 2
        out.append(_planes(rgb[top:, left:right]))
    return out


def _coded(film: Film, codec: str = "libx264", **options: Any) -> Film:
    film_file: Any = av.open(io.BytesIO(_written(film, codec, **options)))
    with film_file as file:
        return [frame.to_ndarray(format="yuv420p") for frame in file.decode(video=0)]


def _written(film: Film, codec: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    film_file: Any = av.open(buffer, "w", format="webm" if "vp" in codec else "mp4")
    with film_file as file:
        named = {name.replace("_", "-"): str(value) for name, value in options.items()}
        if "vp" in codec:
            named |= {"deadline": "realtime", "cpu-used": "7"}
        stream = file.add_stream(codec, rate=25, options=named)
        stream.width, stream.height = film[0].shape[1], film[0].shape[0] * 2 // 3
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = 50
        for number, planes in enumerate(film):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(planes), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return buffer.getvalue()


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
