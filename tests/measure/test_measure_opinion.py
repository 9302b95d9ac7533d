"""Opinion studies: blinded clips out, means with intervals back."""

from __future__ import annotations

import json
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from vivavoce.cli import app
from vivavoce.errors import OutputRefused, RequestError, UnknownName
from vivavoce.measure.bench import opinion
from vivavoce.measure.bench.opinion import make_study, read_study


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Three systems with three cases, one of which a system lacks; one as a bench keeps them."""
    folder = tmp_path / "clips"
    for system in ("truth", "portrait", "sdm"):
        inner = folder / system / ("0" if system == "sdm" else "")
        inner.mkdir(parents=True)
        for case in ("anna", "ben", "cleo"):
            (inner / f"{case}.mp4").write_bytes(f"{system} {case}".encode())
    (folder / "sdm" / "0" / "cleo.mp4").unlink()
    (folder / "corpus-6").mkdir()  # no clips: not a system
    return folder


def key_of(study: Path) -> dict[str, Any]:
    return json.loads((study / "key.json").read_text("utf-8"))


def answer(
    study: Path, rater: str, scores: dict[str, Any], change: dict[str, Any] | None = None
) -> Path:
    """A rater's file; `scores` gives each system's ratings, or a function of the case."""
    key = key_of(study)
    given = {
        token: scores[about["system"]](about["case"])
        if callable(scores[about["system"]])
        else scores[about["system"]]
        for token, about in key["clips"].items()
        if about["system"] in scores
    }
    file = study / "answers" / f"{rater}.json"
    held = {"study": key["study"], "rater": rater, "answers": given} | (change or {})
    file.write_text(json.dumps(held), "utf-8")
    return file


@pytest.fixture
def study(clips: Path, tmp_path: Path) -> Path:
    made = make_study(clips, tmp_path / "study", ("Lips?", "Life?"), seed=3)
    assert made.systems == ("portrait", "sdm", "truth")
    return made.folder


def test_only_cases_of_all_systems_are_asked(clips: Path, tmp_path: Path) -> None:
    made = make_study(clips, tmp_path / "study")
    assert made.cases == ("anna", "ben")
    assert made.left_out == ("cleo",)


def test_raters_cannot_tell_systems_but_the_key_can(study: Path) -> None:
    key = key_of(study)
    assert len(key["clips"]) == 6
    for token, about in key["clips"].items():
        held = (study / "raters" / "clips" / f"{token}.mp4").read_text("utf-8")
        assert held == f"{about['system']} {about['case']}"
    files = [p for p in (study / "raters").rglob("*") if p.is_file()]
    assert len(files) == 7
    told = " ".join(p.name for p in files) + (study / "raters" / "study.html").read_text("utf-8")
    for secret in ("truth", "sdm", "portrait", "anna"):
        assert secret not in told
    names = [p.stem for p in sorted((study / "raters" / "clips").iterdir())]
    assert [key["clips"][n]["system"] for n in names] != sorted(key["clips"][n]["system"]
                                                               for n in names)  # fmt: skip


def test_the_same_seed_makes_the_same_study(clips: Path, tmp_path: Path) -> None:
    keys = [key_of(make_study(clips, tmp_path / name, seed=seed).folder)
            for name, seed in (("a", 1), ("b", 1), ("c", 2))]  # fmt: skip
    assert keys[0] == keys[1]
    assert keys[0]["study"] != keys[2]["study"]


class _Tags(HTMLParser):
    """Checks that tags close in order; collects addresses and the page's data."""

    VOID = ("meta", "input", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.data = self.script = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "action")]
        self.ids += [told["id"] or ""] if "id" in told else []
        if tag not in self.VOID:
            self.open.append(tag if told.get("id") != "study" else "study")

    def handle_endtag(self, tag: str) -> None:
        was = self.open.pop()
        assert tag == ("script" if was == "study" else was)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "study":
            self.data += data
        if self.open and self.open[-1] == "script":
            self.script += data


def page_of(study: Path) -> tuple[_Tags, str]:
    text = (study / "raters" / "study.html").read_text("utf-8")
    tags = _Tags()
    tags.feed(text)
    return tags, text


def test_the_page_is_whole_and_asks_nobody(clips: Path, tmp_path: Path) -> None:
    nasty = 'Is </script> "quoted" & good?'
    tags, text = page_of(make_study(clips, tmp_path / "s", (nasty, "Lips?")).folder)
    assert tags.open == []
    assert tags.addresses == []
    assert "http" not in text
    assert json.loads(tags.data)["questions"] == [nasty, "Lips?"]
    assert len(set(tags.ids)) == len(tags.ids)
    asked = {part.split('"')[0] for part in text.split('get("')[1:]}
    assert asked <= set(tags.ids)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not here to run the script")
def test_each_rater_has_an_order_of_the_same_clips(study: Path) -> None:
    tags, _ = page_of(study)
    shuffled = tags.script[tags.script.index("function shuffled") :].split("\nconst place")[0]
    code = shuffled + (
        "const c=[...Array(30).keys()];const s=(w)=>shuffled(c,w);"
        "console.log(JSON.stringify([s('ann'),s('ann'),s('ben')]));"
        "let first=0;for(let i=0;i<3000;i++)first+=s('rater'+i)[0];console.log(first/3000);"
    )
    ran = subprocess.run(["node", "-e", code], capture_output=True, text=True, check=True)
    orders, mean = map(json.loads, ran.stdout.split())
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[2]) == list(range(30)) != orders[2]
    assert mean == pytest.approx(14.5, abs=5 * 8.66 / np.sqrt(3000))  # uniform


def test_means_and_intervals_by_hand(study: Path) -> None:
    answer(study, "ann", {"truth": [5, 4], "portrait": lambda c: [4 if c == "anna" else 2, 3],
                          "sdm": [1, 1]})  # fmt: skip
    answer(study, "ben", {"truth": [5, 5], "portrait": [4, 3], "sdm": [2, 1]})
    answer(study, "cem", {"truth": [5, 3], "portrait": [5, 3], "sdm": [3, 1]})
    found = read_study(study)
    table = {(s.system, s.question): s for s in found.scores}
    lips = table["portrait", "Lips?"]
    assert lips.mean == pytest.approx((3 + 4 + 5) / 3)
    half = 4.302653 * 1 / np.sqrt(3)  # t of 2 degrees of freedom at 97.5 %, standard deviation 1
    assert lips.interval == pytest.approx((4 - half, 4 + half))
    assert (lips.raters, lips.ratings) == (3, 6)
    assert table["truth", "Lips?"].interval == (5, 5)
    assert table["sdm", "Life?"].mean == 1
    assert found.unfinished == {}
    assert found.raters == ("ann", "ben", "cem")


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(1000):
        low, high = opinion.t_interval(list(rng.normal(3, 1, 6)))
        hits += low <= 3 <= high
    assert 930 <= hits <= 970


def test_one_rater_has_no_interval_and_may_be_unfinished(study: Path) -> None:
    answer(study, "ann", {"truth": [5, 4]})
    found = read_study(study)
    by = {(s.system, s.question): s for s in found.scores}
    assert by["truth", "Lips?"].interval is None
    assert np.isnan(by["sdm", "Lips?"].mean)
    assert found.unfinished == {"ann": 4}
    assert opinion.as_dict(found)["scores"][0]["mean"] is None


def test_two_files_of_a_rater_are_refused(study: Path) -> None:
    first = answer(study, "ann", {"truth": [5, 4]})
    shutil.copy(first, first.with_name("ann (1).json"))
    with pytest.raises(RequestError, match=r"ann \(1\).json and ann.json|ann.json and ann \(1\)"):
        read_study(study)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"study": "other"}, "not of this study"),
        ({"rater": ""}, "name"),
        ({"answers": {}}, "no ratings"),
        ({"answers": []}, "answers"),
        ({"answers": {"zzzzzz": [1, 2]}}, "zzzzzz"),
        ({"answers": "first: [6, 1]"}, "1 to 5"),
        ({"answers": "first: [0, 1]"}, "1 to 5"),
        ({"answers": "first: [3]"}, "2 whole numbers"),
        ({"answers": "first: [3, null]"}, "2 whole numbers"),
        ({"answers": "first: [3, true]"}, "2 whole numbers"),
    ],
)
def test_wrong_answers_are_refused(study: Path, change: dict[str, Any], says: str) -> None:
    given = change.get("answers")
    if isinstance(given, str):
        first = next(iter(key_of(study)["clips"]))
        change = {"answers": {first: json.loads(given.split(": ")[1])}}
    file = answer(study, "ann", {"truth": [5, 4]}, change)
    with pytest.raises(RequestError, match=says) as told:
        read_study(study)
    assert file.name in str(told.value)


def test_broken_and_missing_files_are_refused(study: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no answers"):
        read_study(study)
    file = answer(study, "ann", {"truth": [5, 4]})
    file.write_text(file.read_text("utf-8")[:-20], "utf-8")
    with pytest.raises(RequestError, match=r"ann.json is not a whole JSON"):
        read_study(study)
    file.write_bytes(b"\xff\xfe[")
    with pytest.raises(RequestError, match=r"ann.json"):
        read_study(study)
    with pytest.raises(RequestError, match="study make"):
        read_study(tmp_path)


def test_wrong_requests_leave_nothing(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UnknownName, match="portrait"):
        make_study(clips, out, systems=["portrai"])
    with pytest.raises(RequestError, match="two"):
        make_study(clips, out, systems=["portrait"])
    with pytest.raises(RequestError, match="question"):
        make_study(clips, out, ["Lips?", " "])
    with pytest.raises(RequestError, match="no folder"):
        make_study(tmp_path / "nowhere", out)
    shutil.move(clips / "sdm" / "0" / "anna.mp4", clips / "sdm" / "0" / "dora.mp4")
    (clips / "sdm" / "0" / "ben.mp4").unlink()
    with pytest.raises(RequestError, match="same name"):
        make_study(clips, out)
    assert not out.exists()


def test_a_folder_with_something_in_it_is_kept(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputRefused, match="not empty"):
        make_study(clips, tmp_path)
    assert (clips / "truth" / "anna.mp4").is_file()


def test_a_failure_on_the_way_leaves_nothing(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(opinion.shutil, "copyfile", full)
    with pytest.raises(Exception, match="disk is full"):
        make_study(clips, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_commands(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "study"
    args = ["study", "make", str(clips), "-o", str(out), "--question", "Lips?",
            "--system", "truth", "--system", "sdm"]  # fmt: skip
    ran = CliRunner().invoke(app, args)
    assert ran.exit_code == 0, ran.output
    assert "raters" in ran.output
    for rater, value in (("ann", 2), ("ben", 4)):
        answer(out, rater, {"truth": [5], "sdm": [value]})
    shown = CliRunner().invoke(app, ["study", "read", str(out)])
    assert "3.00" in shown.output
    assert "sdm" in shown.output
    held = json.loads(CliRunner().invoke(app, ["study", "read", str(out), "--json"]).output)
    assert {s["system"]: s["mean"] for s in held["scores"]} == {"sdm": 3, "truth": 5}
