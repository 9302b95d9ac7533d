"""What LRS2 and LRS3 share: transcripts with word times beside each clip."""

from __future__ import annotations

from pathlib import Path

from vivavoce.data.layouts.base import Words


def read_transcript(file: Path) -> tuple[str, Words]:
    """Text (lower case) and word times in s of a `.txt` beside a clip.

    The first line is "Text:  ..."; after a line "WORD START END ASDSCORE" come the words, where the
    set has them (pretrain, and LRS3).

    Raises: ValueError: it does not begin so.
    """
    lines = file.read_text("utf-8").splitlines()
    if not lines or not lines[0].startswith("Text:"):
        raise ValueError("no Text: line")
    text = lines[0].removeprefix("Text:").strip().lower()
    words = []
    header = next((i for i, line in enumerate(lines) if line.startswith("WORD ")), len(lines))
    for line in lines[header + 1 :]:
        parts = line.split()
        if len(parts) >= 3:
            words.append((parts[0].lower(), float(parts[1]), float(parts[2])))
    return text, tuple(words)


def transcript(video: Path) -> tuple[str | None, Words, str | None]:
    """Text, words and flaw of the clip `video`."""
    try:
        text, words = read_transcript(video.with_suffix(".txt"))
    except FileNotFoundError:
        return None, (), "no transcript"
    except (ValueError, UnicodeDecodeError):
        return None, (), "unreadable transcript"
    return text, words, None
