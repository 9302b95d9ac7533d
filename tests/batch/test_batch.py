"""Many clips from one list: what is checked, what is made, what is kept, what a kill costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import typer
from PIL import Image

from vivavoce import cli
from vivavoce.batch import plan as plans
from vivavoce.batch.plan import in_shard, plan
from vivavoce.batch.rows import Job, read_rows
from vivavoce.batch.run import Report, parse_shard, run_batch
from vivavoce.errors import NoFace, RequestError, SomeFailed
from vivavoce.look import look
from vivavoce.look.face import Seen
from vivavoce.media.read import read_picture

Run = Callable[..., Any]


@pytest.fixture
def home(tmp_path: Path, astronaut: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a portrait, a wall, and a fifth of a second of sound."""
    monkeypatch.chdir(tmp_path)
    Image.open(astronaut).save("me.png")
    Image.new("RGB", (200, 200), (90, 90, 90)).save("wall.png")
    soundfile.write("a.wav", 0.2 * np.sin(np.arange(3200) / 9), 16_000)
    soundfile.write("b.wav", 0.2 * np.sin(np.arange(3200) / 5), 16_000)
    return tmp_path


def listed(path: str, *rows: dict[str, Any]) -> Path:
    Path(path).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return Path(path)


def row(**more: Any) -> dict[str, Any]:
    return {"portrait": "me.png", "speech": "a.wav", "size": 64, **more}


def status(folder: str = "out", name: str = "status.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(folder, name).read_text("utf-8").splitlines()]


def contents(folder: str) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in Path(folder).iterdir() if p.suffix in (".mp4", ".json")}


# What can stand in a list.


@pytest.mark.parametrize("command", ["speak", "imagine"])
def test_columns_are_the_options_of_the_commands(command: str) -> None:
    group: Any = typer.main.get_command(cli.app)
    shown = {p.name for p in group.commands[command].params if not getattr(p, "hidden", False)}
    of_the_call = {"device", "force", "quiet", "as_json", "help"}
    assert {"set" if name == "own" else name for name in shown - of_the_call} <= set(
        Job.model_fields
    )


@pytest.mark.parametrize("apart", [",", ";", "\t"])
def test_a_table_is_read_as_programs_write_it(home: Path, apart: str) -> None:
    lines = [
        ["Portrait", "--text", "size", "voice-sample", "still", "set"],
        ["me.png", '"Hi, you; ""there"".\nYes."', "full", "", "yes", "\"a=1 b='x y'\""],
        ["", "", "", "", "", ""],
        ["me.png", "Hi", "128"],
    ]
    text = "\r\n".join(apart.join(cells) for cells in lines)
    Path("jobs.csv").write_bytes(text.encode("utf-8-sig"))
    first, second = read_rows(Path("jobs.csv"))
    assert first.job == Job(
        portrait=Path("me.png"), text='Hi, you; "there".\nYes.', size="full", still=True,
        set={"a": 1, "b": "x y"},
    )  # fmt: skip
    assert second.job == Job(portrait=Path("me.png"), text="Hi", size=128)


def test_a_table_of_another_encoding_is_read(home: Path) -> None:
    Path("jobs.csv").write_bytes(
        "portrait,text\nme.png,Grüße aus Köln über Gänse\n".encode("cp1252")
    )
    with pytest.warns(match="is not UTF-8"):
        (only,) = read_rows(Path("jobs.csv"))
    assert only.job is not None
    assert only.job.text == "Grüße aus Köln über Gänse"


WRONG = [
    ({"potrait": "me.png"}, "no column 'potrait'. Did you mean 'portrait'"),
    ({"portrait": "none.png"}, "There is no picture"),
    ({"speech": "none.wav"}, "There is no recording"),
    ({"speech": "me.png"}, "me.png"),
    ({"portrait": "wall.png"}, "No face was found in"),
    ({"face": 3}, "--face 3 was asked for"),
    ({"speech": None}, "Give either a text"),
    ({"text": "Hi"}, "Give either a text"),
    ({"speech": None, "text": "..."}, "nothing to say"),
    ({"speech": None, "text": "Hi", "text_file": "a.txt"}, "not both"),
    ({"speech": None, "text": "Hi", "voice": "en-uss"}, "Did you mean 'en-us'"),
    ({"speech": None, "text": "Hi", "rate": 9}, "The rate must be"),
    ({"speech": None, "text": "Привет", "voice": "hibari"}, "hibari"),
    ({"emotion": "hapy"}, "Did you mean 'happy'"),
    ({"emotion": "happy:2"}, "from 0 to 1"),
    ({"size": 8}, "64 to 2160"),
    ({"size": "big"}, "The column size cannot be 'big'"),
    ({"fps": 23}, "24, 25, 30, 50 or 60"),
    ({"lively": 3}, "--lively is 0 to 2"),
    ({"sound": "loud"}, "no sound 'loud'"),
    ({"system": "portrai"}, "Did you mean 'portrait'"),
    ({"system": "sdm", "set": "sampler=fast"}, "sampler of sdm"),
    ({"set": "steps=3"}, "no options of its own"),
    ({"set": "steps"}, "--set takes name=value"),
    ({"command": "sing"}, "The column command cannot be 'sing'"),
    ({"prompt": "a beard"}, "The command speak has no prompt"),
    ({"command": "imagine", "portrait": "me.png"}, "The command imagine has no portrait"),
    ({"output": "../x.mp4"}, "not below the folder"),
    ({"output": "/tmp/x.mp4"}, "not below the folder"),
    ({"output": "x.avi"}, "must end with .mp4"),
    ({"output": "x.png"}, "needs a number in its name"),
    ({"output": "x.gif", "fps": 60}, "at most 50"),
    ({"output": "0001.mp4"}, "Row 1 writes 0001.mp4, too"),
]


def test_every_wrong_row_is_told_in_a_sentence_and_nothing_is_made(run: Run, home: Path) -> None:
    listed("jobs.jsonl", row(), *({**row(), **more} for more, _ in WRONG))
    with Path("jobs.jsonl").open("a") as file:
        file.write('{"portrait"\n[1]\n')
    works = plan(read_rows(Path("jobs.jsonl")), home, home / "out")
    told = [str(work.flaw) for work in works if work.flaw is not None]
    assert works[0].flaw is None
    for (more, words), flaw in zip(WRONG, told, strict=False):
        assert words in flaw, more
    assert ["It is no JSON" in told[-2], "It is no object" in told[-1]] == [True, True]
    ran = run("batch", "jobs.jsonl", "-o", "out")
    assert ran.code == 2
    assert f"{len(told)} rows are wrong of {len(told) + 1}, so nothing was made" in ran.err
    assert "row 2: There is no column 'potrait'" in ran.err
    assert f"and {len(told) - 20} more" in ran.err
    assert not Path("out").exists()


LISTS = [
    ("none.csv", None, "There is no text file none.csv"),
    ("jobs.txt", "x", "ends with .csv, .tsv, .jsonl"),
    ("jobs.csv", "portrait,text\n", "holds no rows"),
    ("jobs.csv", "text,text\na,b\n", "two columns 'text'"),
    ("jobs.csv", "text,size\na,64,3\n", "3 cells, but there are 2 columns"),
]


@pytest.mark.parametrize(("name", "text", "words"), LISTS)
def test_a_wrong_list_is_told(run: Run, tmp_path: Path, name: str, text: str, words: str) -> None:
    if text is not None:
        Path(name).write_text(text)
    ran = run("batch", name, "-o", "out")
    assert (ran.code, Path("out").exists()) == (2, False)
    assert words in ran.err


@pytest.mark.parametrize("words", ["0/2", "3/2", "2", "1/", "a/b"])
def test_a_wrong_shard_is_told(words: str) -> None:
    with pytest.raises(RequestError, match="--shard is written i/n"):
        parse_shard(words)


def test_500_rows_with_20_bad_ones_are_checked_at_once(home: Path) -> None:
    """Bad rows of five kinds, told each; the one picture of all others is looked at once."""
    bad = [
        {"portrait": "wall.png"},
        {"speech": "none.wav"},
        {"size": 1},
        {"emotion": "x"},
        {"x": 1},
    ]
    rows = [row(**(bad[n // 25 % 5] if n % 25 == 7 else {})) for n in range(500)]
    looked: list[str] = []
    started = time.process_time()
    works = plan(
        read_rows(listed("jobs.jsonl", *rows)), home, home / "out",
        on_check=lambda done, of, line: looked.append(line),
    )  # fmt: skip
    assert [w.number - 1 for w in works if w.flaw is not None] == list(range(7, 500, 25))
    assert sorted(looked) == ["looking at me.png", "looking at wall.png"]
    assert time.process_time() - started < 15


# What is made, and when it is kept.


def test_a_second_call_makes_only_what_is_missing(run: Run, home: Path) -> None:
    jobs = listed("jobs.jsonl", row(), row(seed=1), row(output="deep/er/x.webm"), row(seed=2))
    assert run("batch", jobs, "-o", "out", "-q") == (0, "", "")
    made = {p: p.stat().st_mtime_ns for p in Path("out").rglob("*") if p.is_file()}
    assert [line["status"] for line in status()] == ["made"] * 4
    assert not list(Path("out").glob(".*"))

    Path("out/0001.mp4").write_bytes(b"damaged")  # a clip that is not what was made
    Path("out/0002.mp4").unlink()  # one that is missing
    listed("jobs.jsonl", row(), row(seed=1), row(output="deep/er/x.webm"), row(seed=3))
    ran = run("batch", jobs, "-o", "out", "--json")
    assert json.loads(ran.out)["made"] == 3  # 4: other options
    assert {line["row"]: line["status"] for line in status()}[3] == "kept"
    kept = Path("out/deep/er/x.webm")
    assert kept.stat().st_mtime_ns == made[kept]

    soundfile.write("a.wav", 0.2 * np.sin(np.arange(3200) / 7), 16_000)  # another content
    assert run_batch(jobs, Path("out")).made == 4
    assert run_batch(jobs, Path("out")).kept == 4
    assert run_batch(jobs, Path("out"), force=True).made == 4


def test_another_version_or_checkpoint_makes_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = listed("jobs.jsonl", row())
    assert run_batch(jobs, Path("out")).made == 1
    monkeypatch.setattr("vivavoce.__version__", "9")
    assert [w.done for w in plan(read_rows(jobs), home, home / "out")] == [False]
    monkeypatch.undo()
    monkeypatch.chdir(home)
    assert [w.done for w in plan(read_rows(jobs), home, home / "out")] == [True]
    monkeypatch.setattr(plans, "checkpoint_digest", lambda folder: "other")
    assert [w.done for w in plan(read_rows(jobs), home, home / "out")] == [False]


def test_files_of_others_are_kept(run: Run, home: Path) -> None:
    Path("out").mkdir()
    Path("out/0001.mp4").write_bytes(b"mine")
    jobs = listed("jobs.jsonl", row(), row())
    ran = run("batch", jobs, "-o", "out")
    assert ran.code == 2
    assert "was made by no batch. Use --force" in ran.err
    assert Path("out/0001.mp4").read_bytes() == b"mine"
    assert run("batch", jobs, "-o", "out", "--force").code == 0
    assert Path("out/0001.mp4").stat().st_size > 1000


def test_right_rows_are_made_although_others_fail(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vivavoce.systems.portrait.talker import Portrait

    make = Portrait.make

    def fails(self: Portrait, request: Any, *more: Any) -> Any:
        if request.seed == 5:
            raise RuntimeError("a tap dripped")
        return make(self, request, *more)

    monkeypatch.setattr(Portrait, "make", fails)
    jobs = listed("jobs.jsonl", row(), row(portrait="wall.png"), row(seed=5), row(sed=1))
    ran = run("batch", jobs, "-o", "out", "--keep-going")
    assert ran.code == 3
    assert "3 of 4 rows failed, see out/status.jsonl." in ran.err
    found = {line["row"]: line for line in status()}
    assert found[1]["status"] == "made"
    assert [found[n]["error"] for n in (2, 3, 4)] == ["NoFace", "RuntimeError", "UnknownName"]
    assert "a tap dripped" in found[3]["message"]
    assert SomeFailed.exit_code == 3
    assert sorted(contents("out")) == ["0001.mp4", "0001.mp4.json", "0003.mp4.json"]


def test_shards_make_every_row_once(home: Path) -> None:
    jobs = listed("jobs.jsonl", *(row(seed=n) for n in range(5)))
    reports = [run_batch(jobs, Path("out"), shard=f"{i}/2") for i in (1, 2)]
    assert [(r.rows, r.made) for r in reports] == [(3, 3), (2, 2)]
    assert [line["row"] for line in status(name="status-2-of-2.jsonl")] == [2, 4]
    assert run_batch(jobs, Path("out")) == Report(5, 0, 5, 0, "out/status.jsonl")
    assert [n for n in range(1, 8) if in_shard(n, (3, 3))] == [3, 6]


def test_one_worker_and_three_give_equal_bytes(home: Path) -> None:
    says = {"speech": None, "text": "Hi, Bob.", "emotion": "happy"}
    rows = [row(seed=1), row(**says), row(speech="b.wav", output="z.webm"), row(**says, voice="en")]
    jobs = listed("jobs.jsonl", *rows)
    assert run_batch(jobs, Path("one")).made == 4
    assert run_batch(jobs, Path("three"), workers=3).made == 4
    assert contents("one") == contents("three")
    assert len(contents("one")) == 7
    assert Path("one/z.webm").read_bytes() == Path("three/z.webm").read_bytes()


def test_a_kill_costs_at_most_the_clip_in_hand(home: Path) -> None:
    jobs = listed("jobs.jsonl", *(row(seed=n) for n in range(60)))
    line = [sys.executable, "-m", "vivavoce.cli", "batch", str(jobs), "-o", "out", "-q"]
    child = subprocess.Popen(line, cwd=home)
    log = Path("out/status.jsonl")
    for _ in range(1200):
        if log.is_file() and len(log.read_text().splitlines()) >= 3:
            break
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    before = [line["row"] for line in status()]
    assert 3 <= len(before) < 60
    stamps = {n: os.stat(f"out/{n:04d}.mp4").st_mtime_ns for n in before}
    listed("jobs.jsonl", *(row(seed=n) for n in range(len(before) + 2)))
    report = run_batch(jobs, Path("out"))
    assert report.kept in (len(before), len(before) + 1)  # its line may not have been written yet
    assert report.made == len(before) + 2 - report.kept
    assert all(os.stat(f"out/{n:04d}.mp4").st_mtime_ns == stamps[n] for n in before)
    assert not list(Path("out").glob(".*.part"))


def test_strict_and_notes(home: Path) -> None:
    soundfile.write("silent.wav", np.zeros(3200), 16_000)
    jobs = listed("jobs.jsonl", row(speech="silent.wav", strict=True))
    (work,) = plan(read_rows(jobs), home, home / "out")
    assert "silent.wav is silent" in str(work.flaw)
    run_batch(listed("jobs.jsonl", row(speech="silent.wav")), Path("out"))
    assert "silent.wav is silent" in status()[0]["notes"][0]


@pytest.mark.slow(reason="480 clips are made, and Ray starts")
def test_500_rows_over_ray_with_20_bad_ones(home: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'vivavoce[cluster]'")
    rows = [row(seed=n, **({"portrait": "wall.png"} if n % 25 == 7 else {})) for n in range(500)]
    report = run_batch(listed("jobs.jsonl", *rows), Path("out"), workers="ray", keep_going=True)
    assert (report.made, report.failed) == (480, 20)
    assert {line["error"] for line in status() if line["status"] == "failed"} == {"NoFace"}
    assert run_batch(Path("jobs.jsonl"), Path("out"), keep_going=True).kept == 480


# A picture that was looked at.


def test_a_face_comes_back_bit_for_bit_without_its_picture(astronaut: Path) -> None:
    picture = read_picture(astronaut)
    for scale in (1, 7):  # 7: a face that is larger than a video can show
        large = np.asarray(Image.fromarray(picture).resize((512 * scale,) * 2))[: 300 * scale]
        face = look(large)
        again = Seen.of(face).again(large)
        for name in ("picture", "landmarks", "matte", "pose", "expression", "identity"):
            assert np.array_equal(getattr(face, name), getattr(again, name)), name
        assert face.box == again.box
    with pytest.raises(NoFace):
        look(np.full((100, 100, 3), 90, np.uint8))


def test_people_are_imagined_beside_those_who_speak(home: Path) -> None:
    said = {"command": "imagine", "text": "Good morning, how are you today?", "size": 64}
    rows = [
        row(),
        {**said, "output": "face.png", "keep": "people/anna"},
        {**said, "voice": "george", "output": "george.mp4"},
    ]
    jobs = listed("jobs.jsonl", *rows)
    assert run_batch(jobs, Path("out")).made == 3
    assert Image.open("out/face.png").size == (64, 64)
    assert Path("out/people/anna/person.json").is_file()
    assert run_batch(jobs, Path("out")).kept == 3
    Path("out/people/anna/face.png").unlink()
    assert run_batch(jobs, Path("out")).made == 1


def test_a_background_beside_the_list_counts_with_its_content(home: Path) -> None:
    Image.new("RGB", (80, 80), (0, 0, 200)).save("blue.png")
    jobs = listed("jobs.jsonl", row(background="blue.png"), row(background="none"))
    works = plan(read_rows(jobs), home, home / "out")
    assert works[0].recipe is not None
    assert "background" in works[0].recipe["inputs"]
    assert "no transparency" in str(works[1].flaw)
