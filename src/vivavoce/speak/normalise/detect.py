"""Which language a text is written in, by py3langid (Lui & Baldwin, "langid.py", ACL 2012)."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from vivavoce.speak.normalise.markup import TAG
from vivavoce.speak.normalise.scripts import LANGUAGE_OF, script_of

LATIN = (
    "en", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "fi", "cs", "hu", "ro", "tr", "id",
    "vi", "sk", "hr",
)  # fmt: skip
"""Languages in Latin letters that are told apart."""
CYRILLIC = ("ru", "uk", "bg", "mk", "sr", "be")
"""Languages in Cyrillic letters that are told apart."""
SURE, SURE_IF_SHORT = 0.9, 0.99
"""Least probability of a language that is not taken for the usual one of its letters, and the same
for a text of fewer than five words."""
ENGLISH = frozenset((
    "the", "and", "of", "with", "you", "your", "our", "his", "she", "they", "this", "these",
    "what", "which", "are", "were", "had", "from", "every", "its", "would", "could", "please",
    "hello", "again", "some", "there", "why", "very", "just", "good", "old", "young",
))  # fmt: skip
"""Words that are English and hardly anything else."""
SHARE = 0.05
"""A text of which more than this share are such words is English, whatever else it looks like."""
_READ = 2000


def language_of(text: str) -> str:
    """The tag of the language that most of `text` is in, such as "en".

    Texts in Latin letters that are short or not sure are English, in Cyrillic ones Russian; other
    scripts tell their language by themselves, kana also where Chinese characters outnumber them.
    """
    counts: dict[str, int] = {}
    text = TAG.sub(" ", text[:_READ])
    for letter in text:
        if script := script_of(letter):
            counts[script] = counts.get(script, 0) + 1
    if not counts:
        return "en"
    most = max(counts, key=lambda script: counts[script])
    if most == "Han" and "Kana" in counts:
        return "ja"
    if most in ("Latin", "Cyrillic"):
        own = "".join(c for c in text if script_of(c) in (most, ""))
        return _classified(own, LATIN if most == "Latin" else CYRILLIC)
    return LANGUAGE_OF.get(most, "en")


def _classified(text: str, among: tuple[str, ...]) -> str:
    """The likeliest of some languages, or the first one where it is not sure."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    if sum(len(word) > 1 for word in words) < 2:
        return among[0]
    if among is LATIN and sum(word in ENGLISH for word in words) > SHARE * len(words):
        return "en"
    language, probability = _identifier(among).classify(text)
    sure = SURE if len(words) > 4 else SURE_IF_SHORT
    return str(language) if probability >= sure else among[0]


@cache
def _identifier(among: tuple[str, ...]) -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_pickled_model(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(among))
    return identifier
