"""Text and recordings through standard input and named pipes."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

Run = Callable[..., Any]


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """A way to put bytes into standard input."""
    return lambda data: monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def wav(rate: int = 44_100, channels: int = 2) -> bytes:
    buffer = io.BytesIO()
    sound = 0.2 * np.sin(np.arange(rate // 2)[:, None] / np.arange(9, 9 + channels))
    soundfile.write(buffer, sound, rate, format="WAV")
    return buffer.getvalue()


@pytest.mark.parametrize("option", ["--text", "--text-file"])
def test_a_text_through_standard_input(run: Run, feed: Callable, option: str) -> None:
    feed("Grüß Gott, hallo.".encode())
    assert run("motion", option, "-", "-o", "a.visemes.json", "--voice", "de").code == 0
    feed("Grüß Gott, hallo. Schöne Grüße über alle Dächer.".encode("latin-1"))
    ran = run("motion", option, "-", "-o", "b.visemes.json", "--voice", "de")
    assert ran.code == 0
    assert "What came through standard input is not UTF-8" in ran.err
    feed(b"")
    ran = run("motion", option, "-", "-o", "c.csv")
    assert (ran.code, "othing to say" in ran.err) == (2, True)


def test_a_recording_through_standard_input_is_heard_as_it_is(
    run: Run, feed: Callable, astronaut: Path
) -> None:
    feed(wav())
    ran = run("speak", astronaut, "--speech", "-", "--size", 64, "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["sound"].startswith("aac, 44100 Hz, 2 channels")
    assert json.loads(ran.out)["seconds"] == pytest.approx(0.5, abs=0.04)


def test_a_named_pipe(run: Run, tmp_path: Path) -> None:
    os.mkfifo("sound")
    os.mkfifo("words")
    for name, data, option in (("sound", wav(), "--speech"), ("words", b"Hi.", "--text-file")):
        writer = threading.Thread(target=Path(name).write_bytes, args=(data,))
        writer.start()
        assert run("motion", option, name, "-o", f"{name}.csv").code == 0
        writer.join()


def test_what_cannot_be(run: Run, feed: Callable) -> None:
    feed(b"")
    ran = run("motion", "--speech", "-", "-o", "a.csv")
    assert (ran.code, "The recording from standard input is empty" in ran.err) == (2, True)
    feed(b"no sound at all")
    ran = run("motion", "--speech", "-", "-o", "a.csv")
    assert (ran.code, "The recording from standard input" in ran.err) == (2, True)
    ran = run("motion", "--speech", "-", "--text", "-", "-o", "a.csv")
    assert (ran.code, "cannot both come from standard input" in ran.err) == (2, True)
