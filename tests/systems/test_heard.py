"""What was said, as the motion's formats for mouths tell it: of a text exactly, of a recording as
it was heard."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import vivavoce
from vivavoce.media.live import Address, send_motion
from vivavoce.media.read import read_speech
from vivavoce.systems.heard import Heard
from vivavoce.types import FPS, RATE, Speech

Run = Callable[..., Any]


def test_phones_of_a_text_are_those_of_its_voice() -> None:
    """To the sample, over two sentences, whatever the frames are."""
    from vivavoce.speak.voices import find_voice

    text = "My mum bakes bread. Five foxes!"
    samples: list[np.ndarray] = []
    heard = Heard(samples.append)
    frames = sum(len(m) for m in vivavoce.load("portrait").motion(text, voice="en-us", heard=heard))
    pieces = list(find_voice("en-us").speak(text, vivavoce.types.Emotion()))
    assert len(pieces) == 2
    sound = np.concatenate(samples)
    assert np.array_equal(sound, np.concatenate([p.samples for p in pieces]))
    late = len(pieces[0].samples) / RATE
    said = [(p.symbol, p.start_s, p.end_s) for p in pieces[0].phones or ()]
    said += [(p.symbol, late + p.start_s, late + p.end_s) for p in pieces[1].phones or ()]
    assert [(p.symbol, p.start_s, p.end_s) for p in heard.phones()] == said
    assert heard.visemes()[-1].end_s == pytest.approx(len(sound) / RATE, abs=1e-6)
    assert -(-len(sound) * FPS // RATE) == frames
    symbols = [v.symbol for v in heard.visemes()]
    assert symbols.count("PP") >= 4
    assert symbols.count("FF") == 2


def test_a_recording_is_told_as_it_was_heard() -> None:
    """The sounds of a spoken text, heard again without its phones: most of the time the same
    viseme, and every moment has one."""
    from vivavoce.speak.voices import find_voice

    text = "My mum bakes bread for the whole family."
    pieces = list(find_voice("en-us").speak(text, vivavoce.types.Emotion()))
    told, guessed = Heard(), Heard()
    portrait = vivavoce.load("portrait")
    for heard, speech in (
        (told, pieces),
        (guessed, [Speech(p.samples) for p in pieces]),
    ):
        for _ in portrait.motion(speech=speech, heard=heard):
            pass
    assert guessed.visemes()[0].start_s == 0
    at = np.arange(0.02, told.visemes()[-1].end_s, 0.04)
    alike = np.mean([now(told, t) == now(guessed, t) for t in at])
    assert 0.6 < alike < 1


def now(heard: Heard, second: float) -> str:
    return next(
        v.symbol.replace("nn", "DD") for v in heard.visemes() if v.start_s <= second < v.end_s
    )


@pytest.mark.parametrize("suffix", ["tsv", "visemes.json", "bvh", "a2f.json"])
def test_the_command_writes_motion_for_others(run: Run, suffix: str) -> None:
    ran = run(
        "motion", "--text", "Hello you.", "-o", f"m.{suffix}", "--wav", "m.wav", "--fps", 60, "-q"
    )
    assert ran == (0, "", "")
    seconds = soundfile.info("m.wav").duration
    text = Path(f"m.{suffix}").read_text()
    if suffix == "tsv":
        assert text.splitlines()[-1] == f"{seconds:.2f}\tX"
    elif suffix == "visemes.json":
        told = json.loads(text)
        assert told["vtimes"][-1] + told["vdurations"][-1] == pytest.approx(1000 * seconds, abs=1)
    elif suffix == "a2f.json":
        told = json.loads(text)
        assert told["exportFps"] == 60
        assert told["trackPath"] == "m.wav"
        assert told["numFrames"] == pytest.approx(60 * seconds, abs=3)
    else:
        assert f"Frame Time: {1 / 60:.8f}" in text


def test_the_command_sends_live(run: Run) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(5)
        port = listener.getsockname()[1]
        ran = run("motion", "--text", "Hi.", "--fps", 60, "--to", f"udp://127.0.0.1:{port}")
        assert ran.code == 0, ran.err
        frames = int(ran.out.split(" s, ")[1].split()[0])
        assert len({listener.recv(1000) for _ in range(frames)}) == frames
    assert list(Path().iterdir()) == []


def test_vmc_speaks_in_time_with_the_motion() -> None:
    """The packet that opens A is that of the frame in which the a is heard."""
    heard = Heard()
    motion = vivavoce.load("portrait").motion("Papa.", voice="en-us", fps=50, heard=heard)
    clock = [0.0]
    taken: list[tuple[float, dict[str, float]]] = []

    class Spy(Heard):
        def vrm(self, at: np.ndarray) -> dict[str, np.ndarray]:
            weights = heard.vrm(at)
            for i, t in enumerate(at):
                taken.append((t, {n: float(w[i]) for n, w in weights.items()}))
            return weights

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        send_motion(motion, Address("vmc", *free.getsockname()), Spy(), lambda: clock[0], sleep)
    open_s = [v for v in heard.visemes() if v.symbol == "aa"]
    closed = [v for v in heard.visemes() if v.symbol == "PP"]
    assert open_s
    assert len(closed) == 2
    for event in open_s:
        middle = (event.start_s + event.end_s) / 2
        assert min(taken, key=lambda row: abs(row[0] - middle))[1]["aa"] > 0.8
    for event in closed:
        middle = (event.start_s + event.end_s) / 2
        assert sum(min(taken, key=lambda row: abs(row[0] - middle))[1].values()) < 0.5


def test_a_real_recording(real: Path, run: Run) -> None:
    speech = real / "audio" / "librispeech_1183-124566-0000.flac"
    assert run("motion", "--speech", speech, "-o", "m.rhubarb.json", "-q").code == 0
    told = json.loads(Path("m.rhubarb.json").read_text())
    assert told["metadata"]["soundFile"] == str(speech)
    seconds = sum(p.seconds for p in read_speech(speech))
    assert told["metadata"]["duration"] == pytest.approx(seconds, abs=0.05)
    cues = told["mouthCues"]
    assert all(a["end"] == b["start"] for a, b in pairwise(cues))
    assert {cue["value"] for cue in cues} >= set("ABCDFX")
