"""Numbers in words, by num2words."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from importlib import import_module
from types import ModuleType

MOST_DIGITS = 27
"""Longer whole numbers are said digit by digit."""


@cache
def _words() -> ModuleType:
    """num2words, read when the first number comes: who trains on phones does not need it."""
    return import_module("num2words")


def knows(language: str) -> bool:
    """Whether numbers have words in a language here."""
    return language in _words().CONVERTER_CLASSES


@lru_cache(4096)
def cardinal(number: str, language: str) -> str:
    """A number such as "12", "-3" or "3.14" in words."""
    sign, number = number.startswith("-"), number.lstrip("+-")
    whole, point, part = number.partition(".")
    if len(whole) > MOST_DIGITS:
        said = digits(whole, language)
    else:
        said = _tidy(_words().num2words(int(whole or "0"), lang=language))
    if point and part:
        said += f" {_point(language)} {digits(part, language)}"
    return f"{_minus(language)} {said}" if sign else said


@lru_cache(1024)
def ordinal(number: int, language: str) -> str:
    """The ordinal of a whole number in words, such as "third"."""
    return _tidy(_words().num2words(number, lang=language, to="ordinal"))


@lru_cache(1024)
def year(number: int, language: str) -> str:
    """A year in words, such as "nineteen ninety-nine"."""
    try:
        return _tidy(_words().num2words(number, lang=language, to="year"))
    except NotImplementedError:
        return cardinal(str(number), language)


def digit(number: str, language: str) -> str:
    """One digit in words."""
    return cardinal(number, language)


def digits(number: str, language: str) -> str:
    """The digits of a number one by one."""
    return " ".join(digit(d, language) for d in number)


def _tidy(words: str) -> str:
    return re.sub(r"\s+", " ", words.replace(",", "")).strip()


@lru_cache
def _point(language: str) -> str:
    """The word for the decimal mark, as num2words says it."""
    said = _words().num2words(0.5, lang=language).split()
    return said[1] if len(said) > 2 else "."


@lru_cache
def _minus(language: str) -> str:
    return str(_words().num2words(-1, lang=language)).split()[0]
