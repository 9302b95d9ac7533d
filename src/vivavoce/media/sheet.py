"""A contact sheet: frames of a clip side by side, the sound's waveform under them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vivavoce.errors import BadMedia, RequestError
from vivavoce.media.files import PathLike, beside, check_output, writing
from vivavoce.media.read import SpeechLimits, read_clip_info, read_speech, read_video
from vivavoce.types import FPS, RATE, Bytes, Float

SHEET_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
"""Suffixes that a contact sheet may have; they choose its format."""

TILE_PX = 256
"""Width of one frame on the sheet, in pixels."""
LABEL_PX, WAVE_PX, GAP_PX = 20, 120, 4
PAPER, INK, WAVE, MARK = (250, 250, 248), (40, 40, 40), (70, 110, 160), (200, 60, 40)


def contact_sheet(
    clip_path: PathLike, out_png: PathLike, columns: int = 6, frames: int = 24, force: bool = False
) -> Path:
    """Draw `frames` evenly spaced frames in rows of `columns`, each with its time, over the
    waveform of the whole clip with a mark where every frame was taken.

    A clip without sound gets no waveform; one with fewer frames shows all it has.

    Raises: BadMedia: the clip cannot be read. OutputRefused, CannotWrite: see `check_output`.
    """
    target = check_output(out_png, force, SHEET_SUFFIXES)
    if columns < 1 or frames < 1:
        raise RequestError("A contact sheet needs at least one column and one frame.")
    info = read_clip_info(clip_path)
    wanted = _spread(max(1, round(info.seconds * FPS)), frames)
    size = (TILE_PX, max(1, round(TILE_PX * info.size[1] / info.size[0])))
    taken = _taken(clip_path, wanted, size)
    tiles = _grid(taken, size, min(columns, len(taken)))
    envelope = _envelope(clip_path, tiles.width, info.seconds) if info.sound_seconds else None
    sheet = tiles if envelope is None else _with_wave(tiles, envelope, taken, info.seconds)
    with beside(target, force) as part, writing(target):
        kind = {".png": "PNG", ".webp": "WEBP"}.get(target.suffix.lower(), "JPEG")
        sheet.save(part, kind)
    return Path(out_png)


def _spread(total: int, count: int) -> list[int]:
    """At most `count` frame numbers of `total`, in the middle of equal stretches."""
    count = min(count, total)
    return [int((i + 0.5) * total / count) for i in range(count)]


def _taken(clip: PathLike, wanted: list[int], size: tuple[int, int]) -> list[tuple[int, Bytes]]:
    left = set(wanted)
    taken = []
    for k, frame in enumerate(read_video(clip, size)):
        if k in left:
            taken.append((k, frame))
            left.remove(k)
        if not left:
            break
    if not taken:
        raise BadMedia(f"{clip} has no picture that can be decoded. Save it again.")
    return taken


def _grid(taken: list[tuple[int, Bytes]], size: tuple[int, int], columns: int) -> Image.Image:
    rows = -(-len(taken) // columns)
    wide, high = size[0] + GAP_PX, size[1] + LABEL_PX
    sheet = Image.new("RGB", (columns * wide + GAP_PX, rows * high + GAP_PX), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for i, (k, frame) in enumerate(taken):
        x, y = GAP_PX + i % columns * wide, GAP_PX + i // columns * high
        sheet.paste(Image.fromarray(frame), (x, y))
        draw.text((x + 2, y + size[1] + 2), f"{i + 1}   {k / FPS:.2f} s", INK, font)
    return sheet


def _envelope(clip: PathLike, width: int, seconds: float) -> Float:
    """The largest absolute sample of each of `width` equal stretches of the first `seconds`
    [width], in [0, 1]; silence where the sound is shorter."""
    peaks = []  # of 10 ms each, so that memory stays small for long clips
    for speech in read_speech(clip, chunk_s=10.0, limits=SpeechLimits(min_seconds=0.0)):
        samples = np.abs(speech.samples)
        whole = np.pad(samples, (0, -len(samples) % (RATE // 100)))
        peaks.append(whole.reshape(-1, RATE // 100).max(1))
    length = max(1, round(seconds * 100))
    all_peaks = np.pad(np.concatenate(peaks)[:length], (0, length))[:length]
    edges = np.linspace(0, len(all_peaks), width + 1)[:-1].astype(int)
    return np.maximum.reduceat(all_peaks, edges).astype(np.float32)


def _with_wave(
    tiles: Image.Image, envelope: Float, taken: list[tuple[int, Bytes]], seconds: float
) -> Image.Image:
    """The tiles with the waveform below; the scale is the clip's own loudest sample."""
    sheet = Image.new("RGB", (tiles.width, tiles.height + WAVE_PX), PAPER)
    sheet.paste(tiles)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    middle, half = (
        tiles.height + LABEL_PX + (WAVE_PX - LABEL_PX) // 2,
        (WAVE_PX - LABEL_PX) // 2 - 4,
    )
    scale = half / max(float(envelope.max()), 1e-3)
    for x, peak in enumerate(envelope):
        draw.line((x, middle - peak * scale, x, middle + peak * scale), WAVE)
    for i, (k, _) in enumerate(taken):
        x = round((k + 0.5) / FPS / seconds * tiles.width)
        draw.line((x, middle - half, x, middle + half), MARK)
        draw.text((x, middle - half - 2), str(i + 1), MARK, font, anchor="mb")
    return sheet
