"""What a recording has lost: counted while it is read, and said at its end."""

from __future__ import annotations

import math
import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from vivavoce.errors import BadMedia, MediaWarning
from vivavoce.media.held import HeldFile
from vivavoce.types import LOUDEST, Float, check_loudness

Recording: TypeAlias = Path | HeldFile
"""A file of sound, as its readers get it."""

SILENT = 10 ** (-70 / 20)
"""Greatest sample of a recording in which nothing is heard: the mouth stays closed."""
QUIET = 10 ** (-50 / 20)
"""Greatest sample of a recording that is so quiet that the mouth moves too little."""
LEAST_S = 0.05
"""A difference between what a header promises and what is there that is not said, in seconds."""
ANY_SCALE = 2.0**31
"""Greatest number that is a sample on any scale in use; beyond it there is damage."""
UNKNOWN_SIZE = 0x7FFF_0000
"""Sizes of a wav's sound in bytes from here on mean that its writer did not know them."""
LONGEST_PAGE = 65_307
"""Greatest size of an Ogg page in bytes (RFC 3533)."""
STATED = (
    "aiff", "ape", "au", "flac", "mov,mp4,m4a,3gp,3g2,mj2", "mp3", "ogg", "tta", "wav", "wv",
)  # fmt: skip
"""Containers, as FFmpeg names them, whose stated length is exact."""


def tell(sentence: str) -> None:
    """Warn with a `MediaWarning`; where such warnings are made errors, raise it as `BadMedia`."""
    try:
        warnings.warn(sentence, MediaWarning, stacklevel=2)
    except MediaWarning:
        raise BadMedia(sentence) from None


@dataclass
class Damage:
    """Notes about a recording that is being read: what is missing, wrong or too quiet in it."""

    file: Recording
    promised: float | None
    """Length in seconds that the file states; None: it states none that can be believed."""
    numbers: bool = False
    """Whether the file holds floating-point samples as they are; a codec never makes them loud."""
    cut: bool = False
    """Whether the file ends in the middle of something."""
    begin: float | None = None
    """Where the sound begins, in seconds; None: nothing was heard yet."""
    end: float = 0.0
    """Where the sound that was read so far ends, in seconds."""
    peak: float = 0.0
    """Greatest absolute sample so far."""
    spans: list[tuple[float, float]] = field(default_factory=list)
    """Stretches in seconds in which sound is missing or wrong, in order; none touch."""
    odd: int = 0
    """Number of samples that were no numbers, infinite, or absurdly large."""
    odd_at: float = 0.0
    """Where the first of them is, in seconds."""

    def add(self, start: float, end: float) -> None:
        """Note that sound is missing or wrong from `start` to `end` in seconds."""
        if self.spans and start <= self.spans[-1][1] + LEAST_S:
            first, last = self.spans.pop()
            start, end = min(first, start), max(last, end)
        self.spans.append((start, end))

    def heard(self, channels: Float, rate: int, start: float) -> Float:
        """The channels [C, n] that begin at `start` seconds, with 0 for what cannot be sound.

        Raises: BadMedia: they are numbers of another scale than [-1, 1].
        """
        fine = np.abs(channels) <= (ANY_SCALE if self.numbers else LOUDEST)
        if not fine.all():
            wrong = np.flatnonzero(~fine.all(axis=0))
            if not self.odd:
                self.odd_at = start + wrong[0] / rate
            self.odd += len(wrong)
            channels = np.where(fine, channels, np.float32(0))
        check_loudness(str(self.file), channels, rate, start)
        self.peak = max(self.peak, float(np.abs(channels).max(initial=0.0)))
        if self.begin is None:
            self.begin = start
        self.end = start + channels.shape[1] / rate
        return channels

    def tell(self) -> None:
        """Say what was noted, once all is read."""
        faults = list(self._faults())
        if faults:
            tell(f"{self.file} is damaged or cut short: {'; '.join(faults)}.")
        if self.odd:
            samples = "1 sample that is no sound" if self.odd == 1 else (
                f"{self.odd} samples that are no sound"
            )  # fmt: skip
            first = "" if self.odd == 1 else "the first "
            tell(f"{self.file} has {samples} ({first}at {self.odd_at:.3f} s): taken as silence.")
        if self.peak < SILENT:
            tell(f"{self.file} is silent: nothing in it is loud enough for a mouth to follow.")
        elif self.peak < QUIET:
            level = 20 * math.log10(self.peak)
            tell(
                f"{self.file} is very quiet: its loudest moment is at {level:.0f} dB of full "
                "scale, and a mouth moves too little with it. Make it louder."
            )

    def _faults(self) -> list[str]:
        faults = []
        spans = [span for span in self.spans if span[0] < self.end - 1e-3]
        there = self.end - (self.begin or 0.0)
        if spans:
            seconds = sum(end - start for start, end in spans)
            some = ", ".join(f"{start:.2f} to {end:.2f} s" for start, end in spans[:3])
            more = f" and {len(spans) - 3} more places" if len(spans) > 3 else ""
            faults.append(f"{seconds:.2f} s of its sound are missing or wrong ({some}{more})")
        if self.promised is not None and self.promised - there > LEAST_S:
            lost = self.promised - there
            faults.append(
                f"it states {self.promised:.2f} s, but its sound ends after {there:.2f} s "
                f"({lost:.2f} s are lost)"
            )
        elif self.cut or len(spans) < len(self.spans):
            faults.append(f"it breaks off after {self.end:.2f} s")
        return faults


def promised(file: Recording, container: Any, stream: Any) -> float | None:
    """Length in seconds that a file states for a sound track; None: none that can be believed."""
    kind = container.format.name
    if kind == "wav" and (seconds := _wav_seconds(file)) is not None:
        return seconds or None
    if kind == "mp3" and not _has_mp3_count(file):
        return None
    if kind in STATED:
        return float(stream.duration * stream.time_base) if stream.duration else None
    if kind == "matroska,webm":
        stated = _clock_seconds(stream.metadata.get("DURATION", ""))
        alone = len(container.streams) == 1 and container.duration
        return container.duration / 1e6 if stated is None and alone else stated
    return None


def breaks_off(file: Recording, container: Any) -> bool:
    """Whether an Ogg file ends in the middle of a page, or an AVI before its own end; False for
    all other kinds."""
    if container.format.name == "avi":
        with file.open("rb") as data:
            return int.from_bytes(data.read(8)[4:], "little") + 8 > os.path.getsize(file)
    if container.format.name != "ogg":
        return False
    with file.open("rb") as data:
        data.seek(max(0, os.path.getsize(file) - LONGEST_PAGE))
        tail = data.read()
    page = tail[tail.rfind(b"OggS") :] if b"OggS" in tail else b""
    if len(page) < 27 or len(page) < 27 + page[26]:
        return bool(page)
    return len(page) < 27 + page[26] + sum(page[27 : 27 + page[26]])


def _wav_seconds(file: Recording) -> float | None:
    """Length that the header of a RIFF wav states, for FFmpeg gives what is there instead; 0: its
    writer did not know it; None: another kind of wav."""
    with file.open("rb") as data:
        if data.read(4) != b"RIFF":
            return None
        data.seek(12)
        rate = 0
        while len(head := data.read(8)) == 8:
            size = int.from_bytes(head[4:], "little")
            if head[:4] == b"data":
                known = rate and 0 < size < UNKNOWN_SIZE
                return size / rate if known else 0.0
            chunk = data.read(min(size, 16))
            if head[:4] == b"fmt ":
                rate = int.from_bytes(chunk[8:12], "little")  # bytes a second
            data.seek(size - len(chunk) + size % 2, os.SEEK_CUR)
    return None


def _has_mp3_count(file: Recording) -> bool:
    """Whether an MP3 begins with a frame that states how many there are (Xing, Info or VBRI)."""
    with file.open("rb") as data:
        head = data.read(10)
        start = 0
        if head[:3] == b"ID3":
            a, b, c, d = head[6:10]
            start = 10 + (a << 21 | b << 14 | c << 7 | d)
        data.seek(start)
        frame = data.read(4096)
    return any(mark in frame for mark in (b"Xing", b"Info", b"VBRI"))


def _clock_seconds(words: str) -> float | None:
    """Seconds of "00:00:05.228000000", as Matroska states a track's length; None: no such words."""
    try:
        hours, minutes, seconds = words.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return None
