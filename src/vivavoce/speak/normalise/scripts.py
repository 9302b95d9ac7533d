"""Scripts: which ones a text is written in, which ones a voice reads, which voice reads which."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from vivavoce.errors import RequestError
from vivavoce.speak.normalise.markup import TAG

LANGUAGE_OF = {
    "Han": "cmn", "Kana": "ja", "Hangul": "ko", "Cyrillic": "ru", "Greek": "el", "Arabic": "ar",
    "Hebrew": "he", "Devanagari": "hi", "Bengali": "bn", "Gurmukhi": "pa", "Gujarati": "gu",
    "Tamil": "ta", "Telugu": "te", "Kannada": "kn", "Malayalam": "ml", "Sinhala": "si",
    "Thai": "th", "Armenian": "hy", "Georgian": "ka", "Ethiopic": "am", "Oriya": "or",
    "Myanmar": "my",
}  # fmt: skip
"""The language whose voice reads a script where nothing else is known."""
_NAMES = {
    "CJK": "Han", "HIRAGANA": "Kana", "KATAKANA": "Kana", "HALFWIDTH KATAKANA": "Kana",
    "KATAKANA-HIRAGANA": "Kana", "IDEOGRAPHIC": "Han",
}  # fmt: skip
_BY_CODE = {
    "Latn": ("Latin",), "Cyrl": ("Cyrillic",), "Grek": ("Greek",), "Arab": ("Arabic",),
    "Hebr": ("Hebrew",), "Deva": ("Devanagari",), "Beng": ("Bengali",), "Guru": ("Gurmukhi",),
    "Gujr": ("Gujarati",), "Taml": ("Tamil",), "Telu": ("Telugu",), "Knda": ("Kannada",),
    "Mlym": ("Malayalam",), "Sinh": ("Sinhala",), "Thai": ("Thai",), "Armn": ("Armenian",),
    "Geor": ("Georgian",), "Ethi": ("Ethiopic",), "Orya": ("Oriya",), "Mymr": ("Myanmar",),
    "Hans": ("Han",), "Hant": ("Han",), "Hani": ("Han",), "Jpan": ("Kana",), "Kore": ("Hangul",),
}  # fmt: skip
_OWN = {"cmn": "Hans", "yue": "Hant", "hak": "Hant", "cmn-latn-pinyin": "Latn", "ja": "Jpan",
        "bpy": "Beng", "tt": "Cyrl", "chr": "Cher", "mto": "Latn"}  # fmt: skip


@lru_cache(4096)
def script_of(letter: str) -> str:
    """The script of one character, such as "Latin" or "Han"; "" for digits, signs and spaces."""
    if not letter.isalpha() and unicodedata.category(letter) not in ("Mc", "Lo"):
        return ""
    name = unicodedata.name(letter, "")
    first = name.split(" ")[0]
    if first in ("MODIFIER", "MASCULINE", "FEMININE", "COMBINING", "MICRO", "OHM", "KELVIN", ""):
        return ""
    if name.startswith("HALFWIDTH KATAKANA"):
        return "Kana"
    return _NAMES.get(first, first.capitalize())


@lru_cache(512)
def scripts_of(language: str) -> tuple[str, ...]:
    """Scripts that a voice of the language reads, its own first; Latin letters are always read."""
    tag = language.lower().replace("_", "-")
    code = _OWN.get(tag) or _OWN.get(tag.split("-")[0])
    if code is None:
        from babel.core import get_global  # only where it is needed: it is slow to import

        likely = get_global("likely_subtags")
        parts = tag.split("-")
        stated = next((p.title() for p in parts[1:] if len(p) == 4), None)
        full = likely.get(parts[0], "")
        code = stated or next((p for p in full.split("_") if len(p) == 4), "Latn")
    own = _BY_CODE.get(code, (code,))
    return own if "Latin" in own else (*own, "Latin")


def foreign(text: str, language: str) -> tuple[str, str] | None:
    """The first script in `text` that a voice of the language cannot read, with some letters."""
    if text.isascii():
        return None
    known = scripts_of(language)
    for i, letter in enumerate(text):
        script = script_of(letter)
        if script and script not in known and not (script == "Greek" and _alone(text, i)):
            end = i
            while end < len(text) and end - i < 12 and script_of(text[end]) in (script, ""):
                end += 1
            return script, text[i:end].strip()
    return None


def _alone(text: str, i: int) -> bool:
    """Whether no letter of the same script is beside one: a Greek letter that is a quantity."""
    around = text[max(i - 1, 0) : i] + text[i + 1 : i + 2]
    return all(script_of(letter) != script_of(text[i]) for letter in around)


def check(text: str, language: str, voice: str) -> None:
    """Raise `RequestError` if the voice, of this language, cannot read a script in `text`."""
    found = foreign(text, language)
    if found is None:
        return
    script, letters = found
    if script == "Han" and language.lower().startswith("ja"):
        raise RequestError(
            f"The voice {voice!r} cannot read kanji ({letters}): write Japanese in kana."
        )
    other = LANGUAGE_OF.get(script)
    name = {"Han": "Chinese characters", "Kana": "Japanese kana"}.get(script, f"{script} letters")
    hint = (
        f"Choose a voice that reads them, such as --voice {other}, or --voice auto."
        if other
        else "No voice here reads them: write the text in Latin letters."
    )
    raise RequestError(f"The voice {voice!r} cannot read {name} ({letters}). {hint}")


def runs(text: str, language: str) -> list[tuple[str, str]]:
    """`text` as (language, part) where scripts change: parts in a script that voices of `language`
    do not read have the language of `LANGUAGE_OF`; Chinese characters beside kana are Japanese."""
    if foreign(text, language) is None:
        return [(language, text)]
    kana = any(script_of(c) == "Kana" for c in text)
    found: list[tuple[str, str]] = []
    marks = {i for tag in TAG.finditer(text) for i in range(*tag.span())}  # of no script
    for i, letter in enumerate(text):
        script = "" if i in marks else script_of(letter)
        known = scripts_of(language)
        if not script:
            tag = found[-1][0] if found else ""
        elif script in known:
            tag = language
        else:
            tag = LANGUAGE_OF.get(script, language)
            tag = "ja" if script == "Han" and kana else tag
        if found and found[-1][0] in (tag, ""):
            found[-1] = (tag or found[-1][0], found[-1][1] + letter)
        else:
            found.append((tag, letter))
    return [(tag or language, part) for tag, part in found]
