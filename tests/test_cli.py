"""The command line from outside: what it makes, and what it says about every bad request."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from vivavoce.media.provenance import read_provenance

Run = Callable[..., Any]
"""The fixture `run`."""


def made(path: Path) -> tuple[int, float]:
    """Frames of the video, and how many seconds the sound is longer than the picture."""
    with av.open(str(path)) as file:
        frames = sum(1 for _ in file.decode(video=0))
    with av.open(str(path)) as file:
        sound = file.streams.audio[0]
        return frames, float(sound.duration * sound.time_base) - frames / 25


def test_speak_text(run: Run, astronaut: Path) -> None:
    ran = run("speak", astronaut, "--text", "Good morning.", "--size", 128, "--json")
    assert ran.code == 0, ran.err
    summary = json.loads(ran.out)
    frames, longer = made(Path("out.mp4"))
    assert frames == summary["frames"] >= 15
    assert abs(longer) <= 0.04
    assert (summary["width"], summary["height"]) == (128, 128)
    tags = read_provenance("out.mp4")
    assert tags["synthetic-media"] == "yes"
    assert tags["vivavoce-seed"] == "0"
    assert [p.name for p in Path().iterdir()] == ["out.mp4"]


def test_speak_a_real_recording_with_a_real_portrait(run: Run, real: Path) -> None:
    portrait = real / "portrait" / "dreamtalk_woman_frontal_cut_img.png"
    speech = real / "audio" / "librispeech_1183-124566-0000.flac"
    ran = run("speak", portrait, "--speech", speech, "--size", 128, "-o", "it.mp4", "-q")
    assert ran == (0, "", "")
    frames, longer = made(Path("it.mp4"))
    info = soundfile.info(speech)
    assert abs(frames / 25 - info.frames / info.samplerate) <= 0.04
    assert abs(longer) <= 0.04


def test_a_recording_is_heard_as_it_is(run: Run, astronaut: Path) -> None:
    """Stereo at 44.1 kHz stays so; --sound speech makes it mono."""
    rng = np.random.default_rng(0)
    soundfile.write("me.wav", rng.normal(0, 0.1, (30_000, 2)), 44_100)
    for sound, rate, channels in (("recording", 44_100, 2), ("speech", 48_000, 1)):
        ran = run("speak", astronaut, "--speech", "me.wav", "--size", 64, "--sound", sound,
                  "--json", "--force")  # fmt: skip
        assert ran.code == 0, ran.err
        assert json.loads(ran.out)["sound"].startswith(f"aac, {rate} Hz, {channels} channel")
        with av.open("out.mp4") as file:
            track = file.streams.audio[0].codec_context
            assert (track.rate, track.channels) == (rate, channels)
        assert abs(made(Path("out.mp4"))[1]) <= 0.04


def test_speak_full_size_with_a_video_as_speech(run: Run, real: Path, astronaut: Path) -> None:
    clip = real / "grid_s1" / "bbaf2n.mpg"
    clip = clip if clip.exists() else next((real / "video").glob("grid_s1_*.mp4"))
    ran = run("speak", astronaut, "--speech", clip, "--size", "full", "-q")
    assert ran.code == 0, ran.err
    with av.open("out.mp4") as file:
        assert (file.streams.video[0].width, file.streams.video[0].height) == (512, 512)


def test_sheet_and_look_and_motion(run: Run, astronaut: Path) -> None:
    assert run("speak", astronaut, "--text", "Hi there.", "--size", 96).code == 0
    assert run("sheet", "out.mp4", "-o", "sheet.png").code == 0
    assert Image.open("sheet.png").width > 300
    ran = run("look", astronaut, "-o", "marked.png", "--json")
    assert ran.code == 0
    assert np.shape(json.loads(ran.out)["faces"][0]["landmarks"]) == (478, 3)
    assert Image.open("marked.png").size == (512, 512)
    for suffix in ("csv", "npz", "glb"):
        ran = run("motion", "--text", "Hello you.", "-o", f"m.{suffix}")
        assert ran.code == 0, ran.err
        assert Path(f"m.{suffix}").stat().st_size > 1000


def test_voices(run: Run) -> None:
    listed = json.loads(run("voices", "--json").out)
    assert len({voice["language"] for voice in listed}) > 60
    assert run("voices", "xx").code == 2


def test_version_and_help(run: Run) -> None:
    assert run("--version").out.startswith("vivavoce 0.")
    assert "speak" in run("--help").out


# What a person can get wrong, and what must be said. {} are files that `bad` below makes.
BAD = [
    ("speak none.png --text hi", "There is no picture none.png"),
    ("speak {wall} --text hi", "No face was found in"),
    ("speak {small} --text hi", "too small"),
    ("speak {dot} --text hi", "10"),
    ("speak {huge} --text hi", "pixels"),
    ("speak {broken} --text hi", "broken.png"),
    ("speak {cut} --text hi", "cut.png"),
    ("speak {empty} --text hi", "empty (0 bytes)"),
    ("speak {folder} --text hi", "is a folder"),
    ("speak {me} --face 7 --text hi", "--face 7 was asked for"),
    ("speak {me}", "Give either a text"),
    ("speak {me} --text hi --speech {tone}", "Give either a text"),
    ("speak {me} --text hi --text-file {words}", "not both"),
    ("speak {me} --text-file none.txt", "none.txt"),
    ("speak {me} --text-file {me}", "me.png"),
    ("speak {me} --text=", "othing to say"),
    ("speak {me} --text=...!?", "othing to say"),
    ("speak {me} --text hi --voice en-uss", "Did you mean 'en-us'"),
    ("speak {me} --text hi --voice none.onnx", "none.onnx"),
    ("speak {me} --text hi --emotion hapy", "Did you mean 'happy'"),
    ("speak {me} --text hi --emotion happy:2", "from 0 to 1"),
    ("speak {me} --text hi --size 8", "64 to 2160"),
    ("speak {me} --text hi --lively 3", "--lively is 0 to 2, not 3; 1 is usual"),
    ("speak {me} --text hi --size big", "a number of pixels or full"),
    ("speak {me} --text hi --system portrai", "Did you mean 'portrait'"),
    ("speak {me} --text hi --system {folder}", "no config.json"),
    ("speak {me} --speech none.wav", "none.wav"),
    ("speak {me} --speech {empty}", "empty (0 bytes)"),
    ("speak {me} --speech {broken}", "broken.png"),
    ("speak {me} --speech {short}", "0.1"),
    ("speak {me} --speech {mute}", "has no sound track. Give a file with sound, or use --text."),
    ("speak {me} --text hi -o none/out.mp4", "There is no folder"),
    ("speak {me} --text hi -o out.avi", "must end with .mp4"),
    ("speak {me} --text hi -o {there}", "Use --force to replace it"),
    ("speak {me} --speech {tone} --sound loud", "There is no sound 'loud'"),
    ("motion --text hi -o curves.fbx", "must end with .csv"),
    ("motion --text hi -o curves.csv --to udp://127.0.0.1", "-o or --to, not both"),
    ("motion --text hi --to tcp://127.0.0.1:11111", "Give udp://127.0.0.1:11111 for Live Link"),
    ("motion --text hi --to udp://no.such.host.invalid", "Nothing can be sent to"),
    ("speak {me} --text hi --system sdm --fps 30", "cannot use another frame rate than 25"),
    ("speak {me} --text hi -o - --json", "give -o a file"),
    ("speak {me} --text hi -o frames.png", "needs a number in its name, e.g. frames%04d.png"),
    ("speak {me} --text hi -o fast.gif --fps 60", "at most 50 frames a second"),
    ("speak {me} --text hi --fps 23", "--fps is 24, 25, 30, 50 or 60, not 23"),
    ("motion --text hi --fps 29", "--fps is 24, 25, 30, 50 or 60, not 29"),
    ("look none.png", "There is no picture"),
    ("sheet none.mp4", "none.mp4"),
]


@pytest.fixture(scope="session")
def bad(tmp_path_factory: pytest.TempPathFactory, astronaut: Path) -> dict[str, Path]:
    """Files that are wrong in every way we know, and a few right ones."""
    home = tmp_path_factory.mktemp("bad")
    me = Image.open(astronaut)
    files = {
        name: home / f"{name}.{kind}"
        for kind, names in {
            "png": "me wall small dot broken cut empty",
            "wav": "tone short",
            "mp4": "mute there",
            "txt": "words",
            "ppm": "huge",
        }.items()
        for name in names.split()
    }
    me.save(files["me"])
    Image.new("RGB", (300, 300), (90, 90, 90)).save(files["wall"])
    me.resize((100, 100)).save(files["small"])
    me.resize((10, 10)).save(files["dot"])
    files["broken"].write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8)
    files["cut"].write_bytes(astronaut.read_bytes()[:9000])
    files["empty"].write_bytes(b"")
    files["huge"].write_bytes(b"P6 20000 20000 255\n" + bytes(3000))
    soundfile.write(files["tone"], 0.1 * np.sin(np.arange(16000) / 9), 16000)
    soundfile.write(files["short"], np.zeros(800), 16000)
    files["words"].write_text("Hello.")
    files["there"].write_bytes(b"mine")
    files["folder"] = home
    with av.open(str(files["mute"]), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(10):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
            file.mux(stream.encode(picture))
        file.mux(stream.encode())
    return files


@pytest.mark.parametrize(("line", "words"), BAD)
def test_a_wrong_request_is_told_in_one_sentence(
    run: Run, bad: dict[str, Path], line: str, words: str
) -> None:
    ran = run(*(word.format(**bad) for word in line.split()))
    assert ran.code == 2, ran
    assert words in ran.err
    assert ran.err.startswith("vivavoce: ")
    assert ran.err.count("\n") <= 2
    assert not list(Path().iterdir()), "something was left behind"
    assert bad["there"].read_bytes() == b"mine"


@pytest.mark.parametrize(
    "text", ["Hello 👋🏽 world 🎉", "Hello, 世界, привет, مرحبا!", "Dr. Smith paid $3.50 on 5/6."]
)
def test_any_words_are_spoken(run: Run, bad: dict[str, Path], text: str) -> None:
    assert run("speak", bad["me"], "--text", text, "--size", 64, "-q").code == 0
    assert made(Path("out.mp4"))[0] > 20


def test_emoji_alone_says_something_or_why_not(run: Run, bad: dict[str, Path]) -> None:
    ran = run("speak", bad["me"], "--text", "🎉", "--size", 64, "-q")
    assert ran.code == 0 or (ran.code == 2 and "othing to say" in ran.err)


def test_silent_sound_gives_a_calm_face(run: Run, bad: dict[str, Path]) -> None:
    soundfile.write("silence.wav", np.zeros(32000), 16000)
    ran = run("speak", bad["me"], "--speech", "silence.wav", "--size", 64, "-q")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("vivavoce: silence.wav is silent")
    assert made(Path("out.mp4"))[0] == 50


def test_lively_reaches_the_motion(run: Run) -> None:
    turns = {}
    for lively in ("0", "1", "2"):
        name = f"{lively}.npz"
        assert run("motion", "--text", "Hello you.", "--lively", lively, "-o", name).code == 0
        turns[lively] = np.abs(np.load(name)["pose"][:, :3]).max()
    assert 0 == turns["0"] < turns["1"] < turns["2"]


@pytest.mark.parametrize("command", ["speak", "motion"])
def test_a_damaged_recording_is_told_once_and_strict_refuses_it(
    run: Run, bad: dict[str, Path], command: str
) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32)
    samples[20_000] = np.nan
    soundfile.write("whole.wav", samples, 16_000, subtype="FLOAT")
    Path("cut.wav").write_bytes(Path("whole.wav").read_bytes()[:-64_000])
    words = [command, *([bad["me"], "--size", 64] if command == "speak" else [])]
    name = "out.mp4" if command == "speak" else "motion.csv"
    ran = run(*words, "--speech", "cut.wav")
    assert ran.code == 0
    assert ran.err.splitlines() == [
        "vivavoce: cut.wav is damaged or cut short: it states 3.00 s, but its sound ends after "
        "2.00 s (1.00 s are lost).",
        "vivavoce: cut.wav has 1 sample that is no sound (at 1.250 s): taken as silence.",
    ]
    if command == "motion":
        assert "nan" not in Path(name).read_text()
    Path(name).unlink()
    ran = run(*words, "--speech", "cut.wav", "--strict")
    assert (ran.code, ran.out) == (2, "")
    assert "cut.wav is damaged or cut short" in ran.err
    assert not Path(name).exists()
    soundfile.write("fine.wav", samples[:16_000], 16_000)
    assert run(*words, "--speech", "fine.wav", "--strict").code == 0


@pytest.mark.parametrize("mode", ["L", "P", "I;16", "RGBA", "CMYK", "1-exif"])
def test_pictures_of_every_kind_just_work(run: Run, bad: dict[str, Path], mode: str) -> None:
    me = Image.open(bad["me"]).convert("RGB")
    if mode == "1-exif":
        exif = Image.Exif()
        exif[0x0112] = 6
        me.rotate(90, expand=True).save("it.jpg", exif=exif)
    elif mode == "I;16":
        Image.fromarray(np.asarray(me.convert("L"), np.uint16) * 257).save("it.png")
    else:
        me.convert(mode).save("it.tif")
    picture = next(Path().glob("it.*"))
    assert run("speak", picture, "--text", "Hi.", "--size", 64, "-q").code == 0


def test_existing_output_is_replaced_by_force(run: Run, bad: dict[str, Path]) -> None:
    shutil.copy(bad["there"], "out.mp4")
    assert run("speak", bad["me"], "--text", "Hi.", "--size", 64, "-q").code == 2
    assert run("speak", bad["me"], "--text", "Hi.", "--size", 64, "-q", "--force").code == 0
    assert made(Path("out.mp4"))[0] > 5


def test_a_full_disk_is_told_and_leaves_nothing(
    run: Run, bad: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    from vivavoce.media import film

    real_open = av.open

    def full(path: str, *args: object, **kw: object) -> object:
        return real_open("/dev/full", *args, **{"format": "mp4"} | kw)

    monkeypatch.setattr(film.av, "open", full)
    ran = run("speak", bad["me"], "--text", "Hi.", "--size", 64, "-q")
    assert ran.code == 1
    assert "space" in ran.err
    assert not list(Path().iterdir())


def test_no_permission(bad: dict[str, Path], tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("the super-user may write everywhere")
    tmp_path.chmod(0o500)
    line = [sys.executable, "-m", "vivavoce.cli", "speak", str(bad["me"]), "--text", "hi"]
    ran = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "cannot be written" in ran.stderr


def test_a_killed_run_leaves_no_broken_video(bad: dict[str, Path], tmp_path: Path) -> None:
    line = [sys.executable, "-m", "vivavoce.cli", "speak", str(bad["me"]), "--size", "64"]
    text = ["--text", "One two three four five six seven eight nine ten. " * 40]
    child = subprocess.Popen([*line, *text], cwd=tmp_path, stderr=subprocess.DEVNULL)
    for _ in range(600):
        if list(tmp_path.glob(".*.part")) or child.poll() is not None:
            break
        import time

        time.sleep(0.05)
    assert child.poll() is None, "it was faster than this test"
    child.kill()
    child.wait()
    assert not (tmp_path / "out.mp4").exists()


def test_a_very_long_text_begins_at_once(bad: dict[str, Path]) -> None:
    import vivavoce

    clip = vivavoce.load("portrait")(bad["me"], text="All work and no play. " * 47_000, size=64)
    assert len(next(iter(clip)).frames) >= 1
