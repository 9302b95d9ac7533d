"""Characters that are not written to be spoken: compatibility forms, other digits, emoji, signs."""

from __future__ import annotations

import re
import unicodedata
import warnings

from vivavoce.errors import VoiceWarning

_SILENT = "™®©℠‼⁉\u200b\u2060\ufe0e\ufe0f\u00ad"
_DASHES = str.maketrans({"‐": "-", "‑": "-", "‒": "-", "−": "-", "⁃": "-"})
_SUPERSCRIPTS = {"²": "^2", "³": "^3"}
_KEYCAP = re.compile("([0-9#*])\ufe0f?\u20e3")
_EMOJI = re.compile(
    "["
    "\U0001f000-\U0001faff"  # pictographs, faces, flags, skin tones
    "\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u2500-\u27bf\u2900-\u297f\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299"
    "][\ufe0e\ufe0f\u200d]*"  # and what joins them to others
)


def plain(text: str) -> str:
    """`text` in plain characters: compatibility forms by NFKC, every script's digits as 0 to 9.

    Exponents become "^2"; signs of trade marks and invisible characters go. Joiners stay: Persian
    and the scripts of India spell with them.
    """
    if text.isascii():
        return text
    for sign, written in _SUPERSCRIPTS.items():
        text = text.replace(sign, written)
    text = re.sub(r"(\d)([¼½¾⅐-⅞])", r"\1 \2", text)
    text = "".join(" " if c in "\u00a0\u202f\u2009" else c for c in text if c not in _SILENT)
    text = "".join(_composed(c) for c in text)
    text = unicodedata.normalize("NFC", text)
    return text.translate(_DASHES)


def _composed(c: str) -> str:
    """One character by NFKC; quotation marks, ellipses and sounds of other scripts as they are."""
    if c.isascii() or c in "…‥ºª№，。、！？；：（）「」『』":
        return c
    if c.isdecimal():
        return str(unicodedata.decimal(c))
    wide = unicodedata.normalize("NFKC", c)
    if c in "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳":
        return f" {wide} "
    return wide.replace("\u2044", "/")


def without_emoji(text: str) -> str:
    """`text` without emoji, which nobody reads out; the first time that some are left out is told.

    A text of nothing else stays as it is.
    """
    text = _KEYCAP.sub(r"\1", text)
    left = _EMOJI.sub(" ", text)
    if left == text or not any(c.isalnum() for c in left):
        return text
    count = len(_EMOJI.findall(text))
    warnings.warn(
        f"Emoji and drawn signs are not spoken: {count} in the text.", VoiceWarning, stacklevel=2
    )
    return re.sub(r"[ \t]{2,}", " ", left)
