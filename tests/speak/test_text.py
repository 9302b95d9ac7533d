from __future__ import annotations

import time
import warnings
from pathlib import Path

import pytest

from vivavoce.errors import RequestError, VoiceWarning
from vivavoce.speak.text import MAX_CHARS, MAX_PIECE, clean_text, read_text_file, split_text
from vivavoce.speak.voices import find_voice
from vivavoce.types import Emotion


def pieces(text: str) -> list[str]:
    return [p.text for p in split_text(clean_text(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Smith met Mrs. Jones at 3.5 m. They left.",
         ["Dr. Smith met Mrs. Jones at 3.5 m. They left."]),
        ("He said “Go.” Then he left.", ["He said “Go.”", "Then he left."]),
        ("Wait... what? Yes.", ["Wait... what?", "Yes."]),
        ("你好。今天好吗？很好！", ["你好。", "今天好吗？", "很好！"]),
        ("नमस्ते। आप कैसे हैं?", ["नमस्ते।", "आप कैसे हैं?"]),
        ("A title\nThe body", ["A title", "The body"]),
        ("A line that an editor has wrapped at seventy\ncharacters goes on.",
         ["A line that an editor has wrapped at seventy characters goes on."]),
        ("First paragraph\n\nSecond", ["First paragraph", "Second"]),
        ("... !!! Hello", ["Hello"]),
        ("a\x00b\x07c", ["a b c"]),
    ],
)  # fmt: skip
def test_sentences(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


def test_no_word_is_lost_and_no_piece_is_long() -> None:
    text = "the quick brown fox jumps over the lazy dog, " * 100 + "x" * 900
    parts = pieces(text)
    assert max(map(len, parts)) <= MAX_PIECE
    assert "".join(parts).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("text", ["", "   \n", "...!?", "😀😀", "\x00\x01", "—"])
def test_nothing_to_say(text: str) -> None:
    with pytest.raises(RequestError, match="nothing to say: the text has no letter or digit"):
        clean_text(text)


def test_limit_is_stated() -> None:
    with pytest.raises(RequestError, match=r"at most 2,000,000 can be spoken"):
        clean_text("a" * (MAX_CHARS + 1))


def test_a_megabyte_starts_at_once() -> None:
    text = "The ship was late, and nobody knew why. " * 25_000
    start = time.process_time()
    first = next(iter(find_voice("en-us").speak(text, Emotion())))
    assert time.process_time() - start < 2
    assert first.text == "The ship was late, and nobody knew why."


def test_mixed_scripts_and_emoji_are_spoken() -> None:
    text = "Hello 😀 мир, 你好 naïve مرحبا 🏳️‍🌈 \ud800 end."
    with pytest.warns(VoiceWarning, match="Emoji"):
        speech = list(find_voice("auto").speak(text, Emotion()))
    assert len(speech) == 6
    assert sum(s.seconds for s in speech) > 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_text_files(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes("Grüße, café!".encode(encoding))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VoiceWarning)
        assert read_text_file(path) == "Grüße, café!"


def test_files_that_are_no_text(tmp_path: Path) -> None:
    binary = tmp_path / "picture.png"
    binary.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(RequestError, match=r"picture\.png is not a text file"):
        read_text_file(binary)
    with pytest.raises(RequestError, match="There is no text file"):
        read_text_file(tmp_path / "absent.txt")
