"""Text as a person gives it → clean pieces of about a sentence, made lazily.

A piece is what a voice speaks in one go: short enough that the first sound comes at once and that
memory does not grow with the text, long enough that the melody of the sentence stays natural.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from vivavoce.errors import RequestError, VoiceWarning

MAX_CHARS = 2_000_000
"""The longest text that is accepted, in characters (about 35 hours of speech)."""
MAX_PIECE = 250
"""Largest length of a piece of text in characters."""
SHORT_LINE = 40
"""A line shorter than this ended on purpose; a longer one was wrapped by an editor."""

OLDER = (
    "cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r", "gb18030",
    "big5", "shift_jis", "euc_jp", "euc_kr",
)  # fmt: skip
"""Encodings that a text file that is not UTF-8 may have; of those that fit alike, the first."""

PAUSE_S = {"sentence": 0.30, "paragraph": 0.50, "clause": 0.15, "word": 0.0}
"""Silence after a piece, in seconds, by what ends it."""

_SENTENCE_END = re.compile(r"[。！？]+[”’」』）]*|(?:[.!?…؟۔।॥።]+)[\"'”’»)\]]*(?=\s|$)|\n\s*\n")
_CLAUSE_END = re.compile(r"[,;:،、，；：–—](?=\s|[^\x00-\x7f])|[、，；：]")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'“])(?:\w|[A-Z]\.\w|dr|mr|mrs|ms|prof|st|jr|sr|vs|etc|no|approx|fig|e\.g|i\.e"
    r"|gen|col|capt|lt|rev|hon|mt|bzw|usw|z\.b|nr|ca|ing|sra|mme|mlle)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Piece:
    """A stretch of text that is spoken in one go."""

    text: str
    """At most `MAX_PIECE` characters, no line breaks."""
    pause_s: float
    """Silence that follows it, in seconds."""
    rate: float = 1.0
    """Factor on the speaking rate that a mark in the text asks for."""
    pitch: float = 1.0
    """Factor on the pitch that a mark asks for."""
    volume: float = 1.0
    """Factor on the loudness that a mark asks for."""


def read_text_file(path: Path, most_bytes: int = 4 * MAX_CHARS) -> str:
    """The text in a file: UTF-8, or UTF-16 with a mark, or an older encoding, which is guessed
    from what is in the file, with a warning that names it. More than `most_bytes` are refused.

    Raises:
        RequestError: The file is missing, too large, or holds something other than text.
    """
    if not path.is_file():
        raise RequestError(f"There is no text file {path}. Check the path.")
    if path.stat().st_size > most_bytes:
        raise RequestError(
            f"{path} is larger than {most_bytes // 1_000_000} MB. Split it in parts."
        )
    return decoded(path.read_bytes(), str(path))


def decoded(data: bytes, name: str) -> str:
    """The text that bytes hold, as `read_text_file` reads it; `name` is what messages call it.

    Raises: RequestError: it is something other than text.
    """
    marked = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        text = data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0" if marked else _guessed(data, name)
    if _looks_binary(text):
        raise RequestError(f"{name} is not a text file. Give plain text, best saved as UTF-8.")
    return text


def _guessed(data: bytes, name: str) -> str:
    """What bytes that are not UTF-8 say, by the likeliest encoding; "\\0" if none is likely."""
    matches = list(from_bytes(data, cp_isolation=list(OLDER)))
    if not matches:
        return "\0"
    first = matches[0]
    alike = [m for m in matches if (m.chaos, m.coherence) == (first.chaos, first.coherence)]
    possible = {name for match in alike for name in match.could_be_from_charset}
    encoding = next((name for name in OLDER if name in possible), first.encoding)
    warnings.warn(
        f"{name} is not UTF-8; it is read as {encoding}. Save it as UTF-8 if that is wrong.",
        VoiceWarning,
        stacklevel=4,
    )
    return data.decode(encoding)


def _looks_binary(text: str) -> bool:
    """Whether more than one character in fifty of the beginning is a control character."""
    start = text[:10_000]
    controls = sum(unicodedata.category(c) == "Cc" and c not in "\t\n\r\f" for c in start)
    return controls * 50 > len(start)


def clean_text(text: str) -> str:
    """`text` with control characters removed and line ends unified.

    Raises:
        RequestError: The text is over `MAX_CHARS`, or has no letter or digit in any script.
    """
    if len(text) > MAX_CHARS:
        raise RequestError(
            f"The text has {len(text):,} characters; at most {MAX_CHARS:,} can be spoken in one "
            "clip. Split it in parts."
        )
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")
    text = text.replace("\u2029", "\n\n").replace("\ufeff", "")
    # Lone surrogates come from undecodable bytes on the command line and cannot be encoded.
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", " ", text)
    if not any(c.isalnum() for c in text):
        raise RequestError(
            "There is nothing to say: the text has no letter or digit. Give some words."
        )
    return text


def split_text(text: str, longest: int = MAX_PIECE, early: int | None = None) -> Iterator[Piece]:
    """Cut clean text (see `clean_text`) into pieces, in order, skipping those with no words.

    Pieces have at most `longest` characters. With `early`, the first one ends at the last clause
    within so many, if there is one: a voice that is slow is heard sooner.
    """
    start = 0
    for end, kind in _sentence_ends(text):
        sentence = text[start:end]
        if early is not None and any(c.isalnum() for c in sentence):
            cut = _first_clause(sentence, early)
            yield from _piece(" ".join(sentence[:cut].split()), "clause")
            sentence, early = sentence[cut:], None
        yield from _cut_long(sentence, kind, longest)
        start = end


def _first_clause(sentence: str, longest: int) -> int:
    """Where the last clause within `longest` characters ends; 0: there is none with two words."""
    if len(sentence) <= longest:
        return 0
    ends = [m.end() for m in _CLAUSE_END.finditer(sentence, 0, longest)]
    return ends[-1] if ends and len(sentence[: ends[-1]].split()) > 1 else 0


def _sentence_ends(text: str) -> Iterator[tuple[int, str]]:
    """Where sentences end in `text`, and as what ("sentence" or "paragraph"); last: its end."""
    line_start = 0
    for match in re.finditer(_SENTENCE_END.pattern + r"|\n", text):
        mark, at, end = match.group(), match.start(), match.end()
        if mark == "\n":
            ends = end - line_start < SHORT_LINE
            line_start = end
            if ends:
                yield end, "sentence"
        elif "\n" in mark:
            line_start = end
            yield end, "paragraph"
        elif not _goes_on(text, at, end, mark):
            yield end, "sentence"
    yield len(text), "sentence"


def _goes_on(text: str, at: int, end: int, mark: str) -> bool:
    """Whether the sentence goes on after the mark at `at`: an abbreviation, or no capital."""
    if not mark.startswith("."):
        return False
    after = text[end : end + 3].lstrip()
    if after[:1].islower():
        return True
    return mark == "." and _ABBREVIATION.search(text[max(0, at - 12) : at]) is not None


def _cut_long(sentence: str, kind: str, longest: int) -> Iterator[Piece]:
    """A sentence as pieces of at most `longest` characters, cut at commas, else at spaces."""
    rest = " ".join(sentence.split())
    while len(rest) > longest:
        cut, pause = _best_cut(rest, longest)
        yield from _piece(rest[:cut], pause)
        rest = rest[cut:].lstrip()
    yield from _piece(rest, kind)


def _best_cut(text: str, longest: int) -> tuple[int, str]:
    """Where to cut a text that is too long for one piece, and the pause that belongs there."""
    clauses = [m.end() for m in _CLAUSE_END.finditer(text, 0, longest)]
    if clauses and clauses[-1] > longest // 4:
        return clauses[-1], "clause"
    space = text.rfind(" ", longest // 4, longest)
    return (space if space > 0 else longest), "word"


def _piece(text: str, kind: str) -> Iterator[Piece]:
    if any(c.isalnum() for c in text):
        yield Piece(text, PAUSE_S[kind])
