"""What corpus people say: our own sentences and single words, in a fixed order.

`sentences.txt`: 1,640 English sentences of 4 to 14 words, rich in closures and rounded vowels; no
two share more than 60 % of their words in order. `words.txt`: 520 words of 5 to 12 letters, as
LRW's clips have. The number of a line decides its split (`splits.py`), so new lines go to the end.
"""

from __future__ import annotations

from collections import Counter
from importlib.resources import files


def _lines(name: str) -> tuple[str, ...]:
    text = (files("vivavoce.data.corpus") / name).read_text("utf-8")
    return tuple(text.splitlines())


SENTENCES = _lines("sentences.txt")
WORDS = _lines("words.txt")


def balance(texts: tuple[str, ...] = SENTENCES, voice: str = "en-us") -> Counter[str]:
    """How often each phone is said in `texts` (IPA, without stress marks)."""
    from vivavoce.speak.phones import PAUSE
    from vivavoce.speak.voices import find_voice
    from vivavoce.types import Emotion

    found: Counter[str] = Counter()
    speaker = find_voice(voice)
    for text in texts:
        for piece in speaker.speak(text, Emotion()):
            found.update(p.symbol.strip("ˈˌ") for p in piece.phones or () if p.symbol != PAUSE)
    return found
