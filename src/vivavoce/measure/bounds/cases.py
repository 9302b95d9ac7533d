"""What the benchmark runs on: portraits, recordings and real clips of a folder, and sentences."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from vivavoce.data.layouts.grid import words_of_name

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
SOUNDS = (".wav", ".mp3", ".m4a", ".flac", ".ogg", ".opus", ".aac")
NOT_SPEECH = ("SINGING", "NOISY", "NON-SPEECH", "spoken digit")
"""Words in the manifest's notes of recordings on which lips cannot be judged."""
SENTENCES = (
    "A map of the park hangs by the main path. Many people stop there and compare it.",
    "The baker puts bread and apples on the counter.\n\nBy five, the market is almost empty.",
    "My brother has a small boat at the harbour. Perhaps we paddle past the bridge.",
    "Please put the paper on top of the box.\n\nMark both pages, and pass them back to me.",
    "Mild weather may bring a bit of rain. Pack a light jacket and a map before you go.",
    "Bob and Pam plant beans in the back garden.\n\nBy May, they climb up to the lamp post.",
    "The museum opens at half past nine. Maps are by the main desk, behind the bright lamp.",
    "A calm palm stood by the pond.\n\nPeople came past and began to paint what they saw.",
)
"""Neutral, with many p b m and open vowels, and a pause between two sentences."""
VOICES = ("hibari", "michael", "emma", "george", "en-us+f3")
"""Who says them, in turn; the first is the default."""


@dataclass(frozen=True)
class Recording:
    """Human speech to drive a portrait with."""

    path: Path
    language: str
    """BCP-47 tag; "en" where nothing says otherwise."""
    text: str | None = None
    """The words, where they are known for certain."""


@dataclass(frozen=True)
class Cases:
    """Everything of a folder that the benchmark may use, each list in a fixed order."""

    portraits: tuple[Path, ...]
    english: tuple[Recording, ...]
    known: tuple[Recording, ...]
    """English recordings whose words are known, so that closures can be judged surely."""
    other: tuple[Recording, ...]
    """Recordings in other languages, one a language first."""
    clips: tuple[Recording, ...]
    """Real people talking, in sync: what natural figures look like."""


def find_cases(folder: Path) -> Cases:
    """The cases in `folder`: with a `manifest.csv`, by what it says; otherwise every picture, sound
    and .mp4 in it and below.

    Raises: BadMedia: no such folder, or no picture in it.
    """
    from vivavoce.errors import BadMedia

    if not folder.is_dir():
        raise BadMedia(f"There is no folder {folder}. Give one with portraits and recordings.")
    manifest = folder / "manifest.csv"
    cases = _from_manifest(folder, manifest) if manifest.is_file() else _from_files(folder)
    if not cases.portraits:
        raise BadMedia(f"{folder} has no pictures ({', '.join(PICTURES)}). Add a portrait.")
    return cases


def spread(items: tuple, count: int) -> tuple:
    """`count` of `items`, evenly spaced, the same ones every time."""
    if len(items) <= count:
        return items
    return tuple(items[int((i + 0.5) * len(items) / count)] for i in range(count))


def _from_files(folder: Path) -> Cases:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return Cases(
        tuple(p for p in files if p.suffix.lower() in PICTURES),
        tuple(Recording(p, "en") for p in files if p.suffix.lower() in SOUNDS),
        (),
        (),
        tuple(Recording(p, "en") for p in files if p.suffix.lower() == ".mp4"),
    )


def _from_manifest(folder: Path, manifest: Path) -> Cases:
    with manifest.open(newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if (folder / r["file"]).is_file()]
    rows.sort(key=lambda r: r["file"])
    portraits = [r for r in rows if r["kind"] == "portrait"]
    speech = [r for r in rows if r["kind"] == "audio" and _is_speech(r)]
    recordings = [Recording(folder / r["file"], _language(r)) for r in speech]
    talking = [r for r in rows if r["file"].startswith("video/") and _language(r) == "en"]
    clips = [
        Recording(folder / r["file"], "en", words_of_name(r["file"]))
        for r in talking
        if _in_sync(r)
    ]
    known = [Recording(folder / r["file"], "en", words_of_name(r["file"])) for r in talking]
    return Cases(
        tuple(folder / r["file"] for r in portraits),
        tuple(r for r in recordings if r.language == "en"),
        tuple(r for r in known if r.text),
        _one_a_language([r for r in recordings if r.language not in ("en", "?")]),
        tuple(clips),
    )


def _is_speech(row: dict[str, str]) -> bool:
    long_enough = float(row["duration_s"] or 0) >= 4
    return long_enough and not any(word in row["notes"] for word in NOT_SPEECH)


def _language(row: dict[str, str]) -> str:
    found = re.search(r"language ([a-z]{2})\b(?!/|\?)", row["notes"])
    return found.group(1) if found else "?"


def _in_sync(row: dict[str, str]) -> bool:
    """A real English clip whose lips and sound were found to go together when it was collected;
    of GRID, which is one man, only one in eight."""
    notes = row["notes"]
    found = re.search(r"lip-audio corr ([\d.]+) at lag (-?\d+)", notes)
    if "AI-GENERATED" in notes or not found:
        return False
    if "grid" in row["file"] and sum(row["file"].encode()) % 8:
        return False
    return float(found.group(1)) >= 0.25 and abs(int(found.group(2))) <= 2


def _one_a_language(recordings: list[Recording]) -> tuple[Recording, ...]:
    first: dict[str, Recording] = {}
    for recording in recordings:
        first.setdefault(recording.language, recording)
    rest = [r for r in recordings if r not in first.values()]
    return (*first.values(), *rest)
