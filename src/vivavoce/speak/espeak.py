"""espeak-ng by its C API: text → 22,050 Hz sound and the sample at which each phoneme starts.

espeak-ng (GPL-3, https://github.com/espeak-ng/espeak-ng) comes as a shared library inside the
`espeakng-loader` wheel and is called through ctypes (`speak_lib.h`, version 1.52). Its state is
global (one voice a process) and outlives a call: the phase of the voice's flutter, for one, makes
the next sentence differ. So every call holds one lock and opens the library anew (0.2 ms): what is
said never depends on what was said before. A fork waits for that lock, so a forked child never
gets a library that is at work.
"""

from __future__ import annotations

import _ctypes
import ctypes
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import VivavoceError
from vivavoce.nn.forks import hold_at_fork

_LOCK = threading.Lock()
hold_at_fork(_LOCK)
_RETRIEVAL_SYNCHRONOUS = 2
_PHONEME_EVENTS_IPA_NO_EXIT = 0x8003
_UTF8 = 1
_EVENT_WORD, _EVENT_PHONEME = 1, 7
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_LONGEST_DATA_PATH = 140  # N_PATH_HOME is 160 and file names are appended to it
_ANY_VOICE = b"gmw/en-US"
_SEED = 20_051  # some voices draw breath noise; the same text must give the same samples
Gender = Literal["male", "female", "unknown"]
"""Gender of a voice's speaker."""
GENDERS: dict[int, Gender] = {1: "male", 2: "female"}
"""Gender by the number that the library gives; other numbers are "unknown"."""


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    """Mirror of the C struct `espeak_EVENT`."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


class _VoiceStruct(ctypes.Structure):
    """Mirror of the C struct `espeak_VOICE`."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True)
class EspeakEntry:
    """A voice or variant as the library lists it."""

    label: str
    """Its name in words, e.g. "English (America)"."""
    languages: tuple[str, ...]
    """Language tags, the most fitting first; ("variant",) for a variant."""
    file: str
    """Its file below the library's data, e.g. "gmw/en-US" or "!v/f3"."""
    gender: Gender
    """Gender of the speaker; "unknown": the library states none."""
    age: int
    """Age of the speaker in years; 0: the library states none."""

    @property
    def is_variant(self) -> bool:
        """Whether it is a timbre to add to a language, and no language of its own."""
        return self.file.startswith("!v/")

    @property
    def name(self) -> str:
        """A name that no other entry has: its file's, or a tag that says more ("en-gb")."""
        short = self.file.split("/")[-1]
        if self.is_variant:
            return short
        return next((t for t in self.languages if t.startswith(short + "-")), short).lower()


@dataclass(frozen=True)
class Prosody:
    """How to speak, in the library's own units (`espeak_SetParameter`)."""

    rate: int = 165
    """Words a minute, 80 to 450."""
    volume: int = 100
    """Loudness, 0 to 200; 100 is normal."""
    pitch: int = 50
    """Mean pitch, 0 to 99; 50 is the voice's own."""
    range: int = 50
    """Range of pitch: 0 is monotone, 50 the voice's own, 99 the widest."""


@cache
def _data_path() -> str:
    """The library's data folder; through a link where its path is too long for the library."""
    import espeakng_loader

    data: str = espeakng_loader.get_data_path()
    if len(data) > _LONGEST_DATA_PATH:
        link = Path(tempfile.mkdtemp(prefix="vivavoce-")) / "espeak-ng-data"
        link.symlink_to(data)
        return str(link)
    return data


@contextmanager
def _library() -> Iterator[tuple[ctypes.CDLL, int]]:
    """The library in its first state and its rate in Hz, for one user at a time."""
    import espeakng_loader

    with _LOCK:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        try:
            rate = library.espeak_Initialize(
                _RETRIEVAL_SYNCHRONOUS, 0, _data_path().encode(), _PHONEME_EVENTS_IPA_NO_EXIT
            )
            if rate <= 0:
                raise VivavoceError(
                    f"espeak-ng could not start with its data in {_data_path()}. "
                    "Reinstall the package espeakng-loader."
                )
            # A voice without a number dictionary reads through the voice before it: without
            # one, Greenlandic crashes on digits.
            library.espeak_SetVoiceByName(_ANY_VOICE)
            yield library, rate
            library.espeak_Terminate()
        finally:
            _ctypes.dlclose(library._handle)


@cache
def entries() -> tuple[EspeakEntry, ...]:
    """Every voice and variant that the library reports and that has its data here.

    Left out: voices of mbrola (another program) and languages whose dictionary is not in the wheel.
    """
    with _library() as (library, _):
        library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_VoiceStruct))
        voices = list(_listed(library.espeak_ListVoices(None)))
        wanted = ctypes.create_string_buffer(b"variant\0")
        spec = _VoiceStruct(languages=ctypes.cast(wanted, ctypes.c_void_p))
        variants = list(_listed(library.espeak_ListVoices(ctypes.byref(spec))))
    found = {entry.file: entry for entry in voices + variants}
    return tuple(e for e in found.values() if e.is_variant or _has_dictionary(e))


def _has_dictionary(entry: EspeakEntry) -> bool:
    """Whether the dictionary that the voice's file names (or its language's) is installed."""
    import espeakng_loader

    data = Path(espeakng_loader.get_data_path())
    voice = data / "lang" / entry.file
    if not voice.is_file():  # mbrola
        return False
    name = entry.file.split("/")[-1].split("-")[0]
    for line in voice.read_text("utf-8", "replace").splitlines():
        words = line.split()
        if words[:1] == ["dictionary"]:
            name = words[1]
    return (data / f"{name}_dict").is_file()


def _listed(array: ctypes._Pointer[ctypes._Pointer[_VoiceStruct]]) -> Iterator[EspeakEntry]:
    """Read the library's null-terminated array of voices."""
    index = 0
    while array[index]:
        voice = array[index].contents
        yield EspeakEntry(
            label=voice.name.decode("utf-8", "replace"),
            languages=_languages(voice.languages),
            file=voice.identifier.decode("utf-8", "replace"),
            gender=GENDERS.get(voice.gender, "unknown"),
            age=int(voice.age),
        )
        index += 1


def _languages(address: int | None) -> tuple[str, ...]:
    """Tags from the library's list: a priority byte, a string, ...; a zero byte ends it."""
    tags: list[tuple[int, str]] = []
    while address and (priority := ctypes.string_at(address, 1)[0]):
        tag = ctypes.string_at(address + 1)
        tags.append((priority, tag.decode("ascii", "replace")))
        address += len(tag) + 2
    return tuple(tag for _, tag in sorted(tags, key=lambda item: item[0]))


def synthesize(
    text: str, voice: str, prosody: Prosody
) -> tuple[NDArray[np.float32], list[tuple[str, int]], int]:
    """Sound, phonemes and rate of `synthesize_words`, for those who need no words."""
    sound, phonemes, _, rate = synthesize_words(text, voice, prosody)
    return sound, phonemes, rate


def synthesize_words(
    text: str, voice: str, prosody: Prosody
) -> tuple[NDArray[np.float32], list[tuple[str, int]], list[tuple[int, int, int]], int]:
    """Speak `text`; the same arguments always give the same samples.

    Args:
        text: About a sentence.
        voice: `EspeakEntry.file`, with or without a variant, e.g. "gmw/en-US" or "gmw/en+f3".
        prosody: Rate, volume, pitch and range.

    Returns:
        Sound [n] in [-1, 1]; phonemes as (IPA, first sample), "" where a pause begins; words as
        (first character, characters, first sample); the rate in Hz of all of them.

    Raises:
        VivavoceError: The library does not know the voice, or fails.
    """
    sound: list[NDArray[np.int16]] = []
    phonemes: list[tuple[str, int]] = []
    words: list[tuple[int, int, int]] = []
    with _library() as (library, rate):
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise VivavoceError(f"espeak-ng cannot load its voice {voice!r}.")
        library.espeak_ng_SetRandSeed(ctypes.c_long(_SEED))
        _set_parameters(library, prosody)
        callback = _collector(sound, phonemes, words)
        library.espeak_SetSynthCallback(callback)
        data = text.encode("utf-8", "ignore")
        status = library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
    if status != 0:
        raise VivavoceError(f"espeak-ng failed (status {status}) on the text {text[:60]!r}.")
    whole = np.concatenate(sound) if sound else np.zeros(0, np.int16)
    return whole.astype(np.float32) / 32768, phonemes, words, rate


def _set_parameters(library: ctypes.CDLL, prosody: Prosody) -> None:
    for parameter, value in (
        (_RATE, prosody.rate),
        (_VOLUME, prosody.volume),
        (_PITCH, prosody.pitch),
        (_RANGE, prosody.range),
    ):
        library.espeak_SetParameter(parameter, value, 0)


def _collector(
    sound: list[NDArray[np.int16]],
    phonemes: list[tuple[str, int]],
    words: list[tuple[int, int, int]],
) -> ctypes._FuncPointer:
    """A callback that appends what the library hands over."""

    def collect(wave: ctypes._Pointer[ctypes.c_short], count: int, events: _Event) -> int:
        if wave and count > 0:
            sound.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while events[index].type:  # type: ignore[index]  # a C array
            event = events[index]  # type: ignore[index]
            if event.type == _EVENT_PHONEME:
                address = ctypes.addressof(event.id)
                raw = ctypes.string_at(address, 8).split(b"\0")[0]
                # Eight bytes may end inside a character.
                phonemes.append((raw.decode("utf-8", "ignore"), int(event.sample)))
            elif event.type == _EVENT_WORD:
                place = int(event.text_position) - 1, int(event.length)
                words.append((*place, int(event.sample)))
            index += 1
        return 0

    return _CALLBACK(collect)
