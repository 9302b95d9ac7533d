"""Text as people write it → text as it is spoken, with the manner that its marks ask for.

    clean ─▶ markup (HTML, Markdown, SSML) ─▶ letters (NFKC, emoji) ─▶ words (numbers, signs, ...)

A text that has nothing special in it comes out as it went in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from vivavoce.speak.normalise import english, numerals, others, scripts
from vivavoce.speak.normalise.letters import plain, without_emoji
from vivavoce.speak.normalise.markup import SSML, Span, spans
from vivavoce.speak.text import MAX_PIECE, Piece, clean_text, split_text

_SPELLED = ("characters", "spell-out", "verbatim", "letters")
_DIGITS = ("digits", "telephone")


LONG = 3000
"""Characters after which a paragraph is worked on in parts."""
_BLOCK_END = re.compile(r"\n\s*\n|(?<=[a-z]{3}[.!?])[ \n](?=[A-Z])")
_ENDS = re.compile(r"[.!?…。！？:;][\"'”’»)\]]*\s*$")


def readable(text: str, language: str, voice: str) -> str:
    """`text` clean and without emoji, if a voice of this language can read it.

    Raises:
        RequestError: There is nothing to say, the text is over the limit, or a script in it is not
            one that the voice, which the message calls `voice`, can read.
    """
    text = plain(without_emoji(clean_text(plain(text))))
    scripts.check(text, language, voice)
    return text


def pieces(
    text: str, language: str, longest: int = MAX_PIECE, early: int | None = None
) -> Iterator[Piece]:
    """The pieces of a `readable` text in words, as its marks want them spoken.

    `longest` and `early` are as in `split_text`. Little of a long text is worked on before its
    first piece comes.
    """
    for block in _blocks(text):
        for piece in _pieces(block, language, longest, early):
            yield piece
            early = None


def _blocks(text: str) -> Iterator[str]:
    """The paragraphs of a text, each with what ends it, long ones in parts of whole sentences;
    SSML is one part, for its marks reach over paragraphs."""
    start = 0
    for end in () if SSML.search(text) else _BLOCK_END.finditer(text):
        if len(end.group()) == 1 and end.end() - start < LONG:
            continue
        yield text[start : end.end()]
        start = end.end()
    yield text[start:]


def _pieces(block: str, language: str, longest: int, early: int | None) -> Iterator[Piece]:
    """The pieces of one paragraph; each waits for the pause that may follow it."""
    waiting: Piece | None = None
    asked = False
    for span in as_spoken(block, language):
        if waiting is not None and span.text.strip():
            yield waiting if asked or _ENDS.search(waiting.text) else replace(waiting, pause_s=0.0)
            waiting, early, asked = None, None, False
        for piece in split_text(span.text, longest, early):
            if waiting is not None:
                yield waiting
            waiting = replace(piece, rate=span.rate, pitch=span.pitch, volume=span.volume)
            early = None
        if waiting is not None and span.pause_s:
            waiting, asked = replace(waiting, pause_s=span.pause_s), True
    if waiting is not None:
        yield waiting


def as_spoken(text: str, language: str) -> Iterator[Span]:
    """A `readable` text in words, as the stretches that its marks make of it.

    Args:
        text: Plain text, Markdown, HTML, or SSML.
        language: Tag of the language that it is read in, e.g. "en-us", "de".
    """
    short = _short(language)
    for span in spans(text):
        yield replace(span, text=_in_words(plain(span.text), short, span.say_as))


def _short(language: str) -> str:
    """The language of a tag, as num2words and babel name it: "en" of "en-us"."""
    first = language.lower().replace("_", "-").partition("-")[0]
    return {"cmn": "zh", "yue": "zh", "nb": "no"}.get(first, first)


def _in_words(text: str, language: str, say_as: str) -> str:
    if not text.strip():
        return text
    if say_as in _SPELLED:
        return " ".join(c for c in text if not c.isspace()) if language != "en" else _letters(text)
    if numerals.knows(language):
        if say_as in _DIGITS:
            return re.sub(r"\d+", lambda m: numerals.digits(m[0], language), text)
        if say_as == "ordinal":
            return re.sub(r"\d+", lambda m: numerals.ordinal(int(m[0]), language), text)
        if say_as in ("cardinal", "number"):
            return re.sub(r"\d+", lambda m: numerals.cardinal(m[0], language), text)
    return english.written_out(text) if language == "en" else others.written_out(text, language)


def _letters(text: str) -> str:
    return " ".join(
        numerals.digit(c, "en") if c.isdigit() else c.upper() for c in text if c.isalnum()
    )
