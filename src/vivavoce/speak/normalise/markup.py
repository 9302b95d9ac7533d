"""Marks that a text carries for other readers: HTML, Markdown, and SSML, of which some is obeyed.

Of SSML (https://www.w3.org/TR/speech-synthesis11/) these are obeyed: `break`, `emphasis`,
`prosody` with rate, pitch and volume, `say-as` with characters, spell-out, digits, telephone,
cardinal, ordinal and date, `sub`, `p` and `s`. Other elements are left out, their text is spoken.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

LONGEST_BREAK_S = 10.0
"""Longest pause that a `break` makes, in seconds."""


@dataclass(frozen=True)
class Span:
    """A stretch of text that is spoken in one manner."""

    text: str
    """The text without marks; "" for a pause alone."""
    rate: float = 1.0
    """Factor on the speaking rate."""
    pitch: float = 1.0
    """Factor on the pitch."""
    volume: float = 1.0
    """Factor on the loudness."""
    pause_s: float = 0.0
    """Silence after it that was asked for, in seconds."""
    say_as: str = ""
    """How the text is to be read, as `say-as` names it; "" as usual."""


TAG = re.compile(r"<!--.*?-->|<\?.*?\?>|<!\[CDATA\[.*?\]\]>|</?[A-Za-z][^<>]*>", re.DOTALL)
SSML = re.compile(r"<(speak|break|prosody|emphasis|say-as|sub)\b", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([\w:-]+)\s*=\s*("([^"]*)"|'([^']*)'|([^\s"'/>]+))""")
_BLOCK = {"p", "div", "br", "li", "h1", "h2", "h3", "h4", "h5", "h6", "tr", "ul", "ol", "table"}
_UNSEEN = re.compile(r"<(script|style|head)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_RATES = {"x-slow": 0.6, "slow": 0.8, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.5}
_PITCHES = {"x-low": 0.75, "low": 0.87, "medium": 1.0, "default": 1.0, "high": 1.15, "x-high": 1.3}
_VOLUMES = {
    "silent": 0.0, "x-soft": 0.3, "soft": 0.6, "medium": 1.0, "default": 1.0, "loud": 1.25,
    "x-loud": 1.5,
}  # fmt: skip
_BREAKS = {"none": 0.0, "x-weak": 0.05, "weak": 0.15, "medium": 0.3, "strong": 0.6, "x-strong": 1.0}
_EMPHASIS = {"strong": (0.88, 1.08, 1.2), "moderate": (0.94, 1.04, 1.1), "none": (1.0, 1.0, 1.0),
             "reduced": (1.06, 0.97, 0.9)}  # fmt: skip


def spans(text: str) -> list[Span]:
    """The stretches of `text`, with its marks obeyed or taken away."""
    if SSML.search(text):
        return list(_of_ssml(text))
    return [Span(without_markdown(without_html(text)))]


def without_html(text: str) -> str:
    """`text` without HTML's tags, comments, scripts and styles; entities are what they stand for.

    A "<" that begins no tag stays.
    """
    if "<" in text:
        text = _UNSEEN.sub(" ", text)
        text = TAG.sub(lambda found: "\n" if _name(found[0]) in _BLOCK else "", text)
    return html.unescape(text) if "&" in text else text


def without_markdown(text: str) -> str:
    """`text` without Markdown's marks; of a link and a picture the words stay."""
    if not re.search(r"[*_`#~>\[|=-]", text):
        return text
    text = re.sub(r"^[ \t]*(```|~~~).*$", "", text, flags=re.MULTILINE)  # fences
    text = re.sub(r"^[ \t]*([-*_])([ \t]*\1){2,}[ \t]*$", "", text, flags=re.MULTILINE)  # rules
    text = re.sub(r"^[ \t]*[=-]{3,}[ \t]*$", "", text, flags=re.MULTILINE)  # underlined headings
    text = re.sub(r"^[ \t]{0,3}#{1,6}[ \t]+(.*?)[ \t]*#*$", r"\1", text, flags=re.MULTILINE)
    text = re.sub(r"^[ \t]*>+[ \t]+", "", text, flags=re.MULTILINE)
    text = re.sub(r"^[ \t]*[-*+•][ \t]+(\[[ xX]\][ \t]+)?", "", text, flags=re.MULTILINE)
    text = re.sub(r"!?\[([^\]\n]*)\]\([^()\s]*(\s+\"[^\"]*\")?\)", r"\1", text)
    text = re.sub(r"!?\[([^\]\n]+)\]\[[^\]\n]*\]", r"\1", text)
    text = re.sub(r"`+([^`\n]+)`+", r"\1", text)
    text = re.sub(r"~~(?=\S)(.+?)~~", r"\1", text)
    for mark in (r"\*\*\*", r"\*\*", r"\*"):
        text = re.sub(rf"(?<![\w*]){mark}(?=\S)([^*\n]+?)(?<=\S){mark}(?![\w*])", r"\1", text)
    for mark in ("___", "__", "_"):
        text = re.sub(rf"(?<![\w_]){mark}(?=\S)([^\n]+?)(?<=\S){mark}(?![\w_])", r"\1", text)
    if re.search(r"^[ \t]*\|.*\|[ \t]*$", text, flags=re.MULTILINE):  # a table
        text = re.sub(r"^[ \t]*\|?[ :|-]+\|[ :|-]*$", "", text, flags=re.MULTILINE)
        text = re.sub(r"^[ \t]*\|(.*)\|[ \t]*$", r"\1", text, flags=re.MULTILINE)
        text = re.sub(r"[ \t]+\|[ \t]+", ", ", text)
    return text


def _of_ssml(text: str) -> Iterator[Span]:
    """SSML as stretches. Tags that do not match are taken as they come: nothing is lost by them."""
    text = re.sub(r"<[A-Za-z/][^<>]*$", "", text)  # a tag that the text ends in
    manner, opened, at = Span(""), list[tuple[str, Span]](), 0
    instead: str | None = None
    for found in TAG.finditer(text):
        words = text[at : found.start()]
        at = found.end()
        if instead is None:
            yield from _told(manner, words)
        name, tag = _name(found[0]), found[0]
        if tag.startswith("</"):
            if name in ("p", "s"):
                yield replace(manner, pause_s=0.5 if name == "p" else 0.3)
            if name == "sub" and instead is not None:
                yield from _told(manner, instead)
                instead = None
            for i in range(len(opened) - 1, -1, -1):
                if opened[i][0] == name:
                    manner = opened[i][1]
                    del opened[i:]
                    break
            continue
        given = {k.lower(): a or b or c for k, _, a, b, c in _ATTRIBUTE.findall(tag)}
        if name == "break":
            yield replace(manner, pause_s=_break_s(given))
        elif name == "sub":
            instead = given.get("alias", "")
        elif name in ("prosody", "emphasis", "say-as") and not tag.endswith("/>"):
            opened.append((name, manner))
            manner = _changed(manner, name, given)
    yield from _told(manner, text[at:])


def _told(manner: Span, words: str) -> Iterator[Span]:
    words = html.unescape(words)
    if words.strip():
        yield replace(manner, text=words)


def _name(tag: str) -> str:
    found = re.match(r"</?\s*([\w:-]+)", tag)
    return found[1].lower() if found else ""


def _changed(manner: Span, name: str, given: dict[str, str]) -> Span:
    """The manner inside an element with these attributes."""
    if name == "say-as":
        return replace(manner, say_as=given.get("interpret-as", ""))
    if name == "emphasis":
        rate, pitch, volume = _EMPHASIS.get(given.get("level", "moderate"), _EMPHASIS["moderate"])
    else:
        rate = _factor(given.get("rate", ""), _RATES)
        pitch = _factor(given.get("pitch", ""), _PITCHES)
        volume = _factor(given.get("volume", ""), _VOLUMES)
    return replace(
        manner,
        rate=min(max(manner.rate * rate, 0.5), 2.0),
        pitch=min(max(manner.pitch * pitch, 0.6), 1.6),
        volume=min(max(manner.volume * volume, 0.0), 1.6),
    )


def _factor(value: str, words: dict[str, float]) -> float:
    """A factor as SSML writes it: a word, "120%", "+10%", "-10%", "1.2", "+2st", "+6dB"."""
    value = value.strip().lower()
    if value in words:
        return words[value]
    found = re.fullmatch(r"([+-]?)(\d+(?:\.\d+)?)(%|st|db|)", value)
    if not found:
        return 1.0
    sign, number, unit = found[1], float(found[2]), found[3]
    signed = -number if sign == "-" else number
    if unit == "st":
        return 2.0 ** (signed / 12)
    if unit == "db":
        return 10.0 ** (signed / 20)
    if unit == "%":
        return 1 + signed / 100 if sign else number / 100
    return number if not sign and number > 0 else 1.0


def _break_s(given: dict[str, str]) -> float:
    found = re.fullmatch(r"\+?(\d+(?:\.\d+)?)(ms|s)", given.get("time", "").strip().lower())
    if found:
        return min(float(found[1]) / (1000 if found[2] == "ms" else 1), LONGEST_BREAK_S)
    return _BREAKS.get(given.get("strength", "medium"), 0.3)
