"""Sentences and invented words, spoken by the embedded voices in many languages."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vivavoce.errors import RequestError
from vivavoce.speak.voices import find_voice
from vivavoce.types import Emotion, Float, Phone

SENTENCES: dict[str, tuple[str, ...]] = {
    "en-us": (
        "The people by the pond were playing music before the storm came.",
        "We bought five big maps and a small pair of brown boots.",
        "Maybe my mother would prefer a warm room above the bakery.",
        "She found a few fresh leaves beside the old stone wall.",
        "Open the window, please, and put the blue book upon the table.",
        "Father always thought about both of those very large apples.",
        "You should choose two shoes, a juicy peach and a wooden spoon.",
    ),
    "en-gb": (
        "Would you like a cup of tea, or perhaps a glass of water?",
        "The morning bus from Plymouth arrived at half past seven.",
        "Numbers from one to ten: one, two, three, four, five, six, seven, eight, nine, ten.",
        "Our neighbour's boy jumped over the low garden gate.",
    ),
    "de": (
        "Am Abend gehen wir gern durch den Park bis zum Bahnhof.",
        "Mein Bruder braucht morgen früh einen warmen Pullover.",
        "Fünf schöne Blumen stehen über dem Brunnen in der Stadt.",
    ),
    "fr-fr": (
        "Bonjour, je voudrais un bon morceau de pain avec du beurre.",
        "Ma petite sœur habite au bord de la mer depuis deux ans.",
    ),
    "es": (
        "Mañana por la mañana vamos a comprar pan y fruta en el mercado.",
        "El hombre bajo abre la puerta y mira la lluvia en la plaza.",
    ),
    "it": ("Buongiorno, vorrei provare questa bella camicia bianca, per favore.",),
    "pt-br": ("Meu amigo mora numa casa pequena perto da praia.",),
    "ru": ("Мама мыла раму, а папа пил кофе и читал большую книгу.",),
    "pl": ("Proszę bardzo, oto pani bilet na pociąg do Poznania.",),
    "tr": ("Bugün hava çok güzel, parkta biraz yürüyüş yapalım mı?",),
    "hi": ("मेरा भाई आज बाज़ार से फल और सब्ज़ी लाया।",),
    "cmn": ("今天天气很好，我们一起去公园吧。",),
    "sv": ("Vi köpte mjölk, bröd och några äpplen på marknaden.",),
    "id": ("Bapak membeli buku baru untuk ibu di pasar pagi ini.",),
}
"""Ours, rich in closures and in open and round vowels."""
VARIANTS = ("", "+f2", "+f3", "+m3", "+m7", "+f5")
_ONSETS = [
    "p",
    "b",
    "m",
    "f",
    "v",
    "t",
    "d",
    "n",
    "s",
    "l",
    "r",
    "k",
    "g",
    "w",
    "y",
    "sh",
    "ch",
    "j",
    "pl",
    "br",
    "sp",
    "st",
    "m",
    "b",
    "p",
]
_NUCLEI = ["a", "a", "o", "e", "i", "u", "ai", "ou", "au", "ea", "oo"]
_CODAS = ["", "", "", "m", "n", "p", "b", "t", "s", "f", "l", "r"]


def spoken_sentences(count: int, seed: int = 0) -> Iterator[tuple[tuple[Phone, ...], Float]]:
    """`count` utterances: phones with times from 0, and their sound [n] at 16 kHz.

    Half are sentences of this file, half invented words, so that every sound meets every other; in
    every language, at several rates and in several voices. The same seed gives the same ones.
    """
    rng = np.random.default_rng(seed)
    languages = list(SENTENCES)
    feelings = ("neutral", "neutral", "happy", "sad", "angry", "surprised")
    while count:
        language = languages[rng.integers(len(languages))]
        voice = find_voice(language + VARIANTS[rng.integers(len(VARIANTS))])
        invented = rng.random() < 0.5
        text = _invented(rng) if invented else str(rng.choice(SENTENCES[language]))
        try:
            pieces = list(voice.speak(text, Emotion(feelings[rng.integers(6)], rng.random())))
        except RequestError:
            continue
        phones: list[Phone] = []
        at = 0.0
        for piece in pieces:
            phones += [Phone(p.symbol, p.start_s + at, p.end_s + at) for p in piece.phones or ()]
            at += piece.seconds
        yield tuple(phones), np.concatenate([piece.samples for piece in pieces])
        count -= 1


def _invented(rng: np.random.Generator) -> str:
    """Six to twelve words that do not exist, with a pause here and there."""
    words = []
    for _ in range(rng.integers(6, 13)):
        syllables = [
            str(rng.choice(_ONSETS)) + str(rng.choice(_NUCLEI)) + str(rng.choice(_CODAS))
            for _ in range(rng.integers(1, 4))
        ]
        words.append("".join(syllables) + ("," if rng.random() < 0.15 else ""))
    return " ".join(words) + "."
