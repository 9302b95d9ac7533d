"""Sound for systems that follow speech: a text said by a voice, or a recording."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from vivavoce.errors import RequestError
from vivavoce.media.read import probe_speech, read_speech
from vivavoce.speak.text import clean_text
from vivavoce.speak.voices import find_voice
from vivavoce.systems.clock import Clock
from vivavoce.types import Emotion, Speech

Speechlike = str | Path | Speech | Iterable[Speech]


def spoken(
    text: str | None, speech: Speechlike | None, voice: str, emotion: str | Emotion, clock: Clock
) -> tuple[Iterator[Speech], float | None]:
    """The sound as pieces, and its length in seconds where that is known beforehand.

    Raises: RequestError: neither, or both. UnknownName, BadMedia: see their messages.
    """
    if (text is None) == (speech is None):
        raise RequestError("Give either a text (--text, --text-file) or speech (--speech).")
    if text is not None:
        feeling = Emotion.parse(emotion)
        said = find_voice(voice).speak(clean_text(text), feeling)
        return clock.watch("speak", said), None
    if isinstance(speech, Speech):
        return iter([speech]), speech.seconds
    if isinstance(speech, str | Path):
        return clock.watch("speak", read_speech(speech)), probe_speech(speech)
    assert speech is not None
    return iter(speech), None
