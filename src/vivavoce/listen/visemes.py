"""What a mouth looks like while it speaks: visemes of Oculus, shapes of Rhubarb, vowels of VRM."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from vivavoce.listen.sounds import parts_of
from vivavoce.types import Float, Phone

VISEMES = (
    "sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U",
)  # fmt: skip
"""The 15 visemes of Oculus's lip sync, which avatars have as the targets `viseme_sil` ...
`viseme_U`."""

_OCULUS: dict[str, str] = {
    "sil": "_|‖",
    "PP": "pbmɓʘʙ",
    "FF": "fvɱʋⱱ",
    "TH": "θðΘ",
    "DD": "tdʈɖǀǃ",
    "kk": "kɡgŋxɣqɢɴχʁʀɠʛɧNXhɦħʕʔʢʡ?ʜ",
    "CH": "ʃʒɕʑʂʐʧʤʨʥSZjçʝɟcʄǂ",
    "SS": "szʦʣ",
    "nn": "nlɳɲɫɭʎɬɮɺɽɾʇǁ",
    "RR": "ɹɻɚ˞rɝɜ",
    "aa": "aɑɶAᴀæʌɐ",
    "E": "ɛεɞEeəɤɘ",
    "I": "iɨɯɪI",
    "O": "ɔɒOo",
    "U": "uʊʉUɷwʍɥɵyʏøœβɸɰ",
}
_RHUBARB: dict[str, str] = {
    "X": "_|‖",
    "A": "pbmɓʘʙ",
    "B": "tdʈɖǀǃkɡgŋxɣqɢɴχʁʀɠʛɧNXʃʒɕʑʂʐʧʤʨʥSZjçʝɟcʄǂszʦʣnɳɲiɨɯɪIhɦħʕʔʢʡ?ʜθðΘ",
    "C": "ɛεɞEeəɤɘæʌɐ",
    "D": "aɑɶAᴀ",
    "E": "ɔɒOɜɝɹɻɚ˞r",
    "F": "uʊʉUɷwʍɥɵyʏøœβɸɰo",
    "G": "fvɱʋⱱ",
    "H": "lɫɭʎɬɮɺɽɾʇǁ",
}
VRM_OF = {
    "aa": {"aa": 1.0}, "E": {"ee": 1.0}, "I": {"ih": 1.0}, "O": {"oh": 1.0}, "U": {"ou": 1.0},
    "RR": {"ou": 0.4}, "CH": {"ou": 0.5}, "SS": {"ih": 0.3}, "DD": {"ih": 0.3}, "nn": {"ih": 0.3},
    "kk": {"ee": 0.3}, "TH": {"ih": 0.3}, "FF": {"ou": 0.2},
}  # fmt: skip
"""How far each viseme opens the mouth of a VRM avatar, by the names of VRM 1.0; "sil" and "PP",
which are not here, close it."""
BLEND_S = 0.07
"""Time in which one viseme turns into the next, in seconds."""

_OCULUS_LETTERS = {letter: name for name, letters in _OCULUS.items() for letter in letters}
_RHUBARB_LETTERS = {letter: name for name, letters in _RHUBARB.items() for letter in letters}


def visemes(phones: Iterable[Phone]) -> list[Phone]:
    """The viseme of each part of each phone, one of `VISEMES` as its symbol; equal neighbours are
    one, and a diphthong is two."""
    return _told(phones, _OCULUS_LETTERS, "sil", "E")


def mouth_shapes(phones: Iterable[Phone]) -> list[Phone]:
    """Rhubarb's nine mouth shapes, A to H and X, as the symbols; equal neighbours are one."""
    return _told(phones, _RHUBARB_LETTERS, "X", "C")


def vrm_weights(events: Sequence[Phone], at: np.ndarray) -> dict[str, Float]:
    """Weights [T] in [0, 1] of VRM's aa, ih, ou, ee and oh at the times `at` [T] in seconds.

    Visemes turn into each other in `BLEND_S`, half of it before their border; `events` come from
    `visemes` and must reach that far beyond the last time, or silence follows.
    """
    found: dict[str, Float] = {}
    starts, ends = (np.array([getattr(e, n) for e in events]) for n in ("start_s", "end_s"))
    for name in ("aa", "ih", "ou", "ee", "oh"):
        opens = np.array([VRM_OF.get(e.symbol, {}).get(name, 0.0) for e in events])
        found[name] = _smooth(starts, ends, opens, np.asarray(at)).astype(np.float32)
    return found


def _smooth(starts: np.ndarray, ends: np.ndarray, value: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Mean of a step function over `BLEND_S` around each time."""
    left, right = at[:, None] - BLEND_S / 2, at[:, None] + BLEND_S / 2
    shared = np.minimum(right, ends[None]) - np.maximum(left, starts[None])
    return np.maximum(shared, 0) @ value / BLEND_S


def _told(
    phones: Iterable[Phone], letters: Mapping[str, str], silent: str, unknown: str
) -> list[Phone]:
    found: list[Phone] = []
    for phone in phones:
        at = phone.start_s
        for name, share in parts_of(phone.symbol, letters, silent, unknown):
            end = at + share * (phone.end_s - phone.start_s)
            if found and found[-1].symbol == name and at - found[-1].end_s < 1e-6:
                found[-1] = Phone(name, found[-1].start_s, end)
            else:
                found.append(Phone(name, at, end))
            at = end
    return found
