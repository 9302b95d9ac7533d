"""Words and phones of English recordings, by pocketsphinx: what was said where.

The acoustic model, dictionary and language model come inside the pocketsphinx wheel (CMU Sphinx,
BSD). Two passes: words are decoded (or given), then their phones are aligned, both on a grid of
10 ms. Recognition of free speech is far from perfect, so every word carries a confidence; keep
those above 0.9 where it matters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from vivavoce.errors import needs
from vivavoce.types import Phone, Speech

if TYPE_CHECKING:
    from pocketsphinx import Decoder

FRAME_S = 0.01
_SCHWA_S = 0.08
_NOTHING = 1e-3  # of full scale: the recogniser hears words even in digital silence
ARPABET = {
    "AA": "ɑː", "AE": "æ", "AH": "ʌ", "AO": "ɔː", "AW": "aʊ", "AY": "aɪ", "B": "b", "CH": "tʃ",
    "D": "d", "DH": "ð", "EH": "ɛ", "ER": "ɚ", "EY": "eɪ", "F": "f", "G": "ɡ", "HH": "h",
    "IH": "ɪ", "IY": "iː", "JH": "dʒ", "K": "k", "L": "l", "M": "m", "N": "n", "NG": "ŋ",
    "OW": "oʊ", "OY": "ɔɪ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t", "TH": "θ",
    "UH": "ʊ", "UW": "uː", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip
"""The dictionary's phones in IPA; all others (SIL, +NOISE+) are pauses."""


@dataclass(frozen=True)
class Word:
    """A word of a recording with its phones and how sure it is."""

    text: str
    """As in the dictionary; "" for a pause or noise."""
    confidence: float
    """Posterior probability in [0, 1]; 1 where the words were given."""
    phones: tuple[Phone, ...]
    """Contiguous, in IPA, in seconds from the beginning of the recording."""


def align_words(speech: Speech) -> list[Word]:
    """The words of an English recording with their phones, pauses included, in order.

    Args:
        speech: Up to about 30 s. Its `text` is taken as the words that were said; words that the
            dictionary lacks are passed over. Without text the words are recognised.
    """
    if np.abs(speech.samples).max(initial=0) < _NOTHING:
        return []
    decoder = _decoder()
    data = (np.clip(speech.samples, -1, 1) * 32767).astype(np.int16).tobytes()
    given = _known_words(decoder, speech.text or "")
    if given:
        decoder.set_align_text(" ".join(given))
    else:
        decoder.activate_search("_default")
    if not _decode(decoder, data) or decoder.hyp() is None:
        return []
    confidence = [1.0 if given else min(float(s.prob), 1.0) for s in decoder.seg()]
    names = [s.word for s in decoder.seg()]
    decoder.set_alignment()
    if not _decode(decoder, data):
        return []
    aligned = _read(decoder)
    if [name for name, _ in aligned] != names:  # the aligner may skip an empty word
        confidence = [0.0 if not given else 1.0] * len(aligned)
    return [
        Word(_plain(name), sure, phones)
        for (name, phones), sure in zip(aligned, confidence, strict=True)
    ]


def align_phones(speech: Speech, surest: float = 0.0) -> tuple[Phone, ...]:
    """The phones of an English recording from its beginning to its end, without a gap.

    Args:
        speech: See `align_words`.
        surest: Phones of words with a confidence below this become "?" (unknown).
    """
    phones: list[Phone] = []
    for word in align_words(speech):
        sure = word.confidence >= surest or not word.text
        phones += [Phone(p.symbol if sure else "?", p.start_s, p.end_s) for p in word.phones]
    if not phones:
        return (Phone("_", 0.0, speech.seconds),)
    last = phones[-1]
    if speech.seconds > last.end_s:
        phones[-1] = Phone(last.symbol, last.start_s, speech.seconds)
    return tuple(phones)


@cache
def _decoder() -> Decoder:
    return needs("pocketsphinx").Decoder(samprate=16000, loglevel="FATAL", bestpath=True)


def _known_words(decoder: Decoder, text: str) -> list[str]:
    words = re.findall(r"[a-z']+", text.lower().replace("’", "'"))
    return [word for word in words if decoder.lookup_word(word)]


def _decode(decoder: Decoder, data: bytes) -> bool:
    """Run the active search; False if it finds no path (too short, or the words do not fit)."""
    decoder.start_utt()
    decoder.process_raw(data, full_utt=True)
    try:
        decoder.end_utt()
    except RuntimeError:
        _decoder.cache_clear()  # it is left inside an utterance
        return False
    return True


def _read(decoder: Decoder) -> list[tuple[str, tuple[Phone, ...]]]:
    """The alignment; it must be read while the library's iterators live, so in one go."""
    words = []
    for word in decoder.get_alignment():
        phones = tuple(
            Phone(_ipa(p.name, p.duration), p.start * FRAME_S, (p.start + p.duration) * FRAME_S)
            for p in word
        )
        words.append((word.name, phones))
    return words


def _ipa(name: str, frames: int) -> str:
    """A phone of the dictionary in IPA. It writes one AH for two vowels; a short one is a schwa."""
    if name == "AH" and frames * FRAME_S < _SCHWA_S:
        return "ə"
    return ARPABET.get(name, "_")


def _plain(name: str) -> str:
    """A dictionary name without its variant, "" for pauses and noises: "a(2)" → "a"."""
    return "" if name[:1] in "<[+" else re.sub(r"\(\d+\)$", "", name)
