"""Durations as the synthesizers hide them → phones that follow each other without a gap.

Both synthesizers lay their symbols (sounds, stress marks, spaces, punctuation) on a grid of 25 ms.
What is heard leads that grid by two steps, measured on 6 voices and 20 sentences: consonants begin
and end 45 to 55 ms early, closures 65 ms (docs/voices.md). So every boundary moves back by
`LEAD_S`, and then to the strongest change of the spectrum nearby, which is where the lips move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vivavoce.speak.phones import PAUSE, STOPS
from vivavoce.types import Float, Phone

STEP_S = 0.025
"""Length of one step of the synthesizers' grid, in seconds."""
LEAD_S = 0.050
"""How far the sound leads the grid, in seconds."""
STRESS = "ˈˌ"
"""Marks before a stressed vowel; each has a duration of its own, which is the vowel's."""

_LONG = "ː"
_MARKS = ';:,.!?—…"()“”'
_FRAME_S = 0.005
_REACH = 10  # frames that a boundary may move to a change of the spectrum
_STIFF = 8.0  # dB that a change must be stronger to be worth that much of a move
_NO_ROOM = 1e3  # what an order of boundaries that leaves a sound no room costs
_SHORTEST = 5  # frames that a sound keeps: a step
_SILENT_DB = 38  # below the loudest frame: silence
_PAUSE = 10  # frames of silence that make a pause
_CLOSURE = 16  # frames of a pause that belong to the stop after it
_IPA = {
    "A": "eɪ", "I": "aɪ", "O": "oʊ", "Q": "əʊ", "W": "aʊ", "Y": "ɔɪ", "T": "ɾ", "ᵊ": "ə",
    "ᵻ": "ɪ", "ʤ": "dʒ", "ʧ": "tʃ", "ʦ": "ts", "ʣ": "dz", "ʨ": "tɕ", "ʥ": "dʑ",
}  # fmt: skip


@dataclass
class _Sound:
    """A sound on the grid: its IPA, and its first frame and the one after its last."""

    symbol: str
    start: int
    end: int


def phones_from_steps(
    symbols: Sequence[str], steps: Float, sound: Float, rate: int
) -> tuple[tuple[Phone, ...], list[tuple[float, float]]]:
    """Phones of a piece in IPA, from 0 to its end, each beginning where its sound is heard; and the
    start and end in seconds [n] of the phone or pause that each symbol is part of.

    A stress mark, a length mark and a space are part of the vowel, the vowel and the sound that
    they belong to. Punctuation is a pause where the sound is silent, and nothing elsewhere.
    Affricates and diphthongs are one phone. A stop has its closure, as in `phones_from_starts`.

    Args:
        symbols: What was spoken, n symbols of the synthesizers' alphabet.
        steps: Their durations [n + 2] in steps; the first and the last are silence around them.
        sound: The piece [samples] in [-1, 1], sum(steps) long.
        rate: Sampling rate of `sound` in Hz.
    """
    sounds, owners = _on_grid(symbols, steps.astype(np.float64))
    bands = _bands(sound, rate)
    _snap(sounds, _change(bands))
    phones = _phones(_with_pauses(sounds, _is_silent(sound, rate, len(bands))), len(sound) / rate)
    return phones, [(sounds[i].start * _FRAME_S, sounds[i].end * _FRAME_S) for i in owners]


def phones_as_read(symbols: Sequence[str]) -> list[str]:
    """Phones in IPA of what is to be spoken, n symbols of the synthesizers' alphabet, as they are
    before anybody speaks: a pause before, after, and at every punctuation."""
    sounds, _ = _on_grid(symbols, np.ones(len(symbols) + 2))
    return [sound.symbol for sound in sounds]


def _on_grid(symbols: Sequence[str], steps: np.ndarray) -> tuple[list[_Sound], list[int]]:
    """Sounds and pauses at their nominal places, one after the other, the first and the last a
    pause; and the number of the one that each symbol is part of."""
    ends = np.maximum(np.cumsum(steps) * STEP_S - LEAD_S, 0) / _FRAME_S
    bounds = [round(float(b)) for b in ends]
    sounds = [_Sound(PAUSE, 0, bounds[0])]
    owners: list[int] = []
    mark, start = "", bounds[0]
    for symbol, end in zip(symbols, bounds[1:-1], strict=True):
        last = sounds[-1]
        if symbol in STRESS:
            mark = symbol
            owners.append(len(sounds))
        elif symbol == " " and last.symbol != PAUSE:
            owners.append(len(sounds))
        elif symbol in _MARKS or symbol == " ":
            if last.symbol != PAUSE:
                sounds.append(_Sound(PAUSE, start, end))
            sounds[-1].end = start = end
            owners.append(len(sounds) - 1)
        elif symbol == _LONG and last.symbol != PAUSE:
            last.symbol += _LONG
            last.end = start = end
            owners.append(len(sounds) - 1)
        else:
            owners.append(len(sounds))
            sounds.append(_Sound(mark + _IPA.get(symbol, symbol), start, end))
            mark, start = "", end
    end = round(float(steps.sum()) * STEP_S / _FRAME_S)
    if sounds[-1].symbol != PAUSE:
        sounds.append(_Sound(PAUSE, start, end))
    sounds[-1].end = end
    return sounds, [min(i, len(sounds) - 1) for i in owners]


def _bands(sound: Float, rate: int) -> np.ndarray:
    """Levels in dB [frames, 5] of five bands from 100 Hz to 10 kHz, every 5 ms."""
    hop = round(rate * _FRAME_S)
    width = 4 * hop
    padded = np.pad(sound, width // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)[::hop] * np.hanning(width)
    power = np.abs(np.fft.rfft(windows, axis=1)) ** 2
    edges = np.searchsorted(np.fft.rfftfreq(width, 1 / rate), (100, 600, 1500, 3000, 5500, 10_000))
    sums = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1)
    floor = max(float(sums.max()) * 1e-6, 1e-9)
    return 10 * np.log10(sums + floor)


def _change(bands: np.ndarray) -> np.ndarray:
    """How much the spectrum differs before and after each frame's start [frames + 1], in dB."""
    n, wide = len(bands), 4
    total = np.concatenate([np.zeros((1, bands.shape[1])), np.cumsum(bands, axis=0)])
    at = np.arange(n + 1)
    before, after = np.maximum(at - wide, 0), np.minimum(at + wide, n)
    left = (total[at] - total[before]) / np.maximum(at - before, 1)[:, None]
    right = (total[after] - total[at]) / np.maximum(after - at, 1)[:, None]
    change = np.abs(right - left).mean(1)
    change[[0, -1]] = 0
    return change


def _snap(sounds: list[_Sound], change: np.ndarray) -> None:
    """Move boundaries to strong changes nearby, all together by dynamic programming, in place.

    A place is worth the change there, less the square of how far it is from where the grid has it;
    no sound gets shorter than a step.
    """
    nominal = np.array([s.end for s in sounds[:-1]])
    places = np.clip(nominal[:, None] + np.arange(-_REACH, _REACH + 1), 0, len(change) - 1)
    worth = change[places] - _STIFF * (np.arange(-_REACH, _REACH + 1) / _REACH) ** 2
    best, origin = worth[0], []
    for here, last, value in zip(places[1:], places, worth[1:], strict=False):
        room = here[None] - last[:, None] >= _SHORTEST
        paths = np.where(room, best[:, None], best[:, None] - _NO_ROOM)
        origin.append(paths.argmax(0))
        best = paths.max(0) + value
    k = int(best.argmax())
    chosen = [k]
    for back in reversed(origin):
        k = int(back[k])
        chosen.append(k)
    for before, after, row, k in zip(sounds, sounds[1:], places, reversed(chosen), strict=False):
        before.end = after.start = int(row[k])


def _is_silent(sound: Float, rate: int, frames: int) -> np.ndarray:
    """Whether each frame [frames] is `_SILENT_DB` below the loudest one."""
    hop = round(rate * _FRAME_S)
    padded = np.pad(sound, (0, max(0, frames * hop - len(sound))))[: frames * hop]
    power = (padded.reshape(frames, hop) ** 2).mean(1)
    return power <= power.max() * 10 ** (-_SILENT_DB / 10)


def _with_pauses(sounds: list[_Sound], silent: np.ndarray) -> list[_Sound]:
    """Pauses where there is silence, the rest as it is; a stop behind one takes its closure."""
    kept: list[_Sound] = []
    for i, sound in enumerate(sounds):
        if sound.symbol == PAUSE:
            before = sounds[i - 1] if i > 0 else None
            after = sounds[i + 1] if i + 1 < len(sounds) else None
            if not _fit_pause(sound, before, after, silent):
                continue
        kept.append(sound)
    return kept


def _fit_pause(
    pause: _Sound, before: _Sound | None, after: _Sound | None, silent: np.ndarray
) -> bool:
    """Fit a pause and its neighbours to the longest silence near it; False: there is none."""
    low = max(before.start + 2 * _SHORTEST, pause.start - _CLOSURE) if before else 0
    high = min(after.end - 2 * _SHORTEST, pause.end + _CLOSURE) if after else len(silent)
    start, end = _longest_run(silent, low, max(low, high))
    if before is None:
        start = 0
    elif after is None:
        end = pause.end
    elif end - start < _PAUSE:
        before.end = after.start = pause.start = pause.end
        return False
    if after and after.symbol.startswith(STOPS):
        end = max(end - _CLOSURE, start + (end - start) // 3)
    pause.start, pause.end = start, end
    if before:
        before.end = start
    if after:
        after.start = end
    return True


def _longest_run(silent: np.ndarray, low: int, high: int) -> tuple[int, int]:
    """First frame and the one after the last of the longest silence in [low, high)."""
    padded = np.concatenate([[False], silent[low:high], [False]])
    turns = np.flatnonzero(np.diff(padded.astype(np.int8)))
    if not len(turns):
        return low, low
    lengths = turns[1::2] - turns[::2]
    best = int(np.argmax(lengths))
    return low + int(turns[2 * best]), low + int(turns[2 * best + 1])


def _phones(sounds: list[_Sound], end_s: float) -> tuple[Phone, ...]:
    """Phones in seconds from 0 to `end_s`."""
    bounds = [0.0, *(min(s.start * _FRAME_S, end_s) for s in sounds[1:]), end_s]
    return tuple(
        Phone(sound.symbol, start, end)
        for sound, start, end in zip(sounds, bounds, bounds[1:], strict=False)
        if end > start
    )
