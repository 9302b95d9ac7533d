"""Addresses, names of accounts, tags and telephone numbers, said as people say them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Signs:
    """What the signs of addresses are called in a language."""

    at: str
    dot: str
    slash: str
    dash: str
    underscore: str
    colon: str
    plus: str
    hashtag: str


SIGNS = {
    "en": Signs("at", "dot", "slash", "dash", "underscore", "colon", "plus", "hashtag"),
    "de": Signs("ät", "Punkt", "Schrägstrich", "Minus", "Unterstrich", "Doppelpunkt", "plus",
                "Hashtag"),
    "fr": Signs("arobase", "point", "slash", "tiret", "tiret bas", "deux-points", "plus",
                "hashtag"),
    "es": Signs("arroba", "punto", "barra", "guion", "guion bajo", "dos puntos", "más", "hashtag"),
    "it": Signs("chiocciola", "punto", "barra", "trattino", "trattino basso", "due punti", "più",
                "hashtag"),
    "pt": Signs("arroba", "ponto", "barra", "hífen", "sublinhado", "dois pontos", "mais",
                "hashtag"),
    "nl": Signs("apenstaartje", "punt", "schuine streep", "streepje", "laag streepje",
                "dubbele punt", "plus", "hashtag"),
    "pl": Signs("małpa", "kropka", "ukośnik", "myślnik", "podkreślenie", "dwukropek", "plus",
                "hasztag"),
    "ru": Signs("собака", "точка", "слэш", "дефис", "подчёркивание", "двоеточие", "плюс",
                "хэштег"),
}  # fmt: skip
"""Names of signs by language; other languages have the English ones."""

_ENDINGS = (
    "com org net edu gov io ai app dev info biz tv me uk de fr es it nl pl ru eu us ca au ch at be"
)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_LINK = re.compile(r"\b(?:https?|ftp)://[^\s<>\"')\]]+|\bwww\.[^\s<>\"')\]]+", re.IGNORECASE)
_BARE = re.compile(
    rf"(?<![\w@.])(?:[a-z0-9-]+\.)+(?:{'|'.join(_ENDINGS.split())})(?:/[^\s<>\"')\]]*)?(?![\w.]*\w)",
)
_TAG = re.compile(r"(?<![\w&#])#([^\W\d_]\w*)")
_ACCOUNT = re.compile(r"(?<![\w@.])@([A-Za-z_]\w*(?:\.\w+)*)")
_PHONE = re.compile(
    r"(?<![\w.$€£-])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,5}\)[ .-]?)?\d{1,5}(?:[ .-]\d{2,5}){1,5}"
    r"(?![\w-]|[.,:/]\d|\s?%)"
)
_ENDS = ".,;:!?"


def spoken(text: str, language: str, digit: Callable[[str], str]) -> str:
    """`text` with links, addresses, accounts and tags in words; `digit` names one of 0 to 9."""
    signs = SIGNS.get(language, SIGNS["en"])
    if "@" in text:
        text = _MAIL.sub(lambda found: _address(found[0], signs, digit), text)
    if "." in text or "://" in text:
        text = _LINK.sub(lambda found: _link(found[0], signs, digit), text)
        text = _BARE.sub(lambda found: _link(found[0], signs, digit), text)
    if "#" in text:
        text = _TAG.sub(lambda found: f"{signs.hashtag} {_words(found[1])}", text)
    if "@" in text:
        text = _ACCOUNT.sub(lambda found: f"{signs.at} {_address(found[1], signs, digit)}", text)
    return text


def telephone(text: str, language: str, digit: Callable[[str], str]) -> str:
    """`text` with telephone numbers digit by digit, in their groups."""
    signs = SIGNS.get(language, SIGNS["en"])

    def said(found: re.Match[str]) -> str:
        number = found[0]
        if not _is_phone(number):
            return number
        groups = re.findall(r"\d+", number)
        told = ", ".join(" ".join(digit(d) for d in group) for group in groups)
        return f"{signs.plus} {told}" if number.startswith("+") else told

    return _PHONE.sub(said, text)


def _is_phone(number: str) -> bool:
    """Whether groups of digits are a telephone number and no date, range or grouped number."""
    digits = re.sub(r"\D", "", number)
    if number.startswith("+") or "(" in number:
        return 7 <= len(digits) <= 15
    groups = re.findall(r"\d+", number)
    lengths = [len(group) for group in groups]
    if lengths in (
        [1, 3, 3, 4],
        [3, 4],
        [3, 3, 4],
        [4, 3, 3],
        [4, 3, 4],
        [5, 6],
        [2, 4, 4],
        [3, 4, 4],
    ):
        return " " not in number or len(groups) > 2
    return digits.startswith("0") and 9 <= len(digits) <= 12


def _link(link: str, signs: Signs, digit: Callable[[str], str]) -> str:
    end = ""
    while link and link[-1] in _ENDS:
        link, end = link[:-1], link[-1] + end
    link = re.sub(r"^(?:https?|ftp)://", "", link, flags=re.IGNORECASE)
    link = re.sub(r"^www\.(?=.+\.)", "", link, flags=re.IGNORECASE)
    link = link.partition("?")[0].partition("#")[0].rstrip("/")
    return _address(link, signs, digit) + end


def _address(address: str, signs: Signs, digit: Callable[[str], str]) -> str:
    names = {
        "@": signs.at, ".": signs.dot, "/": signs.slash, "-": signs.dash,
        "_": signs.underscore, ":": signs.colon, "+": signs.plus, "~": "tilde", "%": "", "=": "",
    }  # fmt: skip
    parts = re.findall(r"[^\W\d_]+|\d+|[\W_]", address)
    words = []
    for part in parts:
        if part.isdigit():
            words.append(part if len(part) <= 2 else " ".join(digit(d) for d in part))
        else:
            words.append(names.get(part, part))
    return " ".join(word for word in words if word.strip())


def _words(tag: str) -> str:
    """The words of a tag: "GoodMorning2024" is good morning 2024."""
    parts = re.findall(r"[A-ZÀ-Þ]+(?![^\W\d_A-ZÀ-Þ])|[A-ZÀ-Þ]?[^\W\d_A-ZÀ-Þ]+|\d+", tag)
    return " ".join(parts) if parts else tag
