"""Opinion studies: mean opinion scores (MOS, 1 to 5) of clips by people, without a server.

    study = make_study("out/bench", "study", seed=1)   # send study/raters/ to the raters
    opinion = read_study("study")                      # when their files lie in study/answers/

    study/key.json      which clip is whose; raters do not get it
    study/raters/       study.html and clips/ under blinded names: opens in any browser, no network
    study/answers/      one JSON file a rater, as the page saves it

Names are blinded; the clips themselves stay as they are, provenance included, so a rater who opens
their metadata is not blind. Every rater sees all clips in an order of his or her own and rates each
on every question by the scale of ITU-T P.800 (1 bad, 5 excellent), after it was played to its end.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.errors import CannotWrite, OutputRefused, RequestError, UnknownName
from vivavoce.measure.figures import Interval
from vivavoce.media.files import PathLike, write_text, writing

QUESTIONS = (
    "How well do the lips fit the speech?",
    "How alive and expressive does the face move?",
    "How good is the picture?",
)
"""The questions that are asked of each clip by default."""
PAGE = Path(__file__).with_name("study.html")
PLACE = "STUDY_GOES_HERE"
KEY, RATERS, ANSWERS, CLIPS = "key.json", "raters", "answers", "clips"
BEST = 5


@dataclass(frozen=True)
class Study:
    """A study as `make_study` laid it into a folder."""

    folder: Path
    systems: tuple[str, ...]
    cases: tuple[str, ...]
    """The cases of which every system has a clip."""
    left_out: tuple[str, ...]
    """Cases that some system lacks: they would compare systems on unlike clips."""


@dataclass(frozen=True)
class Score:
    """The raters' mean score of one system on one question."""

    system: str
    question: str
    mean: float
    """1..5, higher is better: mean over raters of each rater's mean; NaN if nobody rated it."""
    interval: Interval | None
    """95 %, Student's t over raters' means; None of fewer than two raters."""
    raters: int
    ratings: int


@dataclass(frozen=True)
class Opinion:
    """The result of a study: scores, and who gave them."""

    scores: tuple[Score, ...]
    """Question by question, systems in the order of the key."""
    raters: tuple[str, ...]
    unfinished: dict[str, int]
    """Name of a rater → number of clips that he or she left without an answer."""


def make_study(
    clips: PathLike,
    output: PathLike,
    questions: Sequence[str] = QUESTIONS,
    seed: int = 0,
    systems: Sequence[str] = (),
) -> Study:
    """Lay a study into a new folder `output`.

    Args:
        clips: A folder with a folder of mp4 files for each system, clips of one case under one
            name; or `out/bench` of a bench (each system's first seed is taken).
        output: A folder that does not exist, or is empty.
        questions: What is asked of each clip, answered from 1 to 5.
        seed: Blinds the names and orders the clips.
        systems: Only these; all if none.

    Raises: RequestError: no clips, fewer than two systems, no case that all have, no question.
    UnknownName: no such system. OutputRefused: `output` is not empty. CannotWrite.
    """
    asked = _checked_questions(questions)
    found = _chosen(_clips_of(Path(clips)), systems)
    if len(found) < 2:
        raise RequestError(
            f"{clips} holds clips of {len(found)} system(s): give a folder with a folder of mp4 "
            "files for each of at least two."
        )
    every = sorted(set().union(*found.values()))
    shared = [case for case in every if all(case in files for files in found.values())]
    if not shared:
        raise RequestError(f"No clip of {clips} has the same name in all of {', '.join(found)}.")
    folder = _empty_folder(Path(output))
    try:
        _lay(folder, asked, list(found), _blinded(found, shared, seed))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    left_out = tuple(case for case in every if case not in shared)
    return Study(folder, tuple(found), tuple(shared), left_out)


def _checked_questions(questions: Sequence[str]) -> list[str]:
    asked = [q.strip() for q in questions]
    if not asked or not all(asked) or len(set(asked)) < len(asked):
        raise RequestError("Give one question or more, none empty and none twice.")
    return asked


def _clips_of(folder: Path) -> dict[str, dict[str, Path]]:
    """The clips of a folder: system → case → file."""
    if not folder.is_dir():
        raise RequestError(f"There is no folder {folder}. Give the folder of the systems' clips.")
    found = {}
    for system in sorted(p for p in folder.iterdir() if p.is_dir()):
        at = system / "0" if (system / "0").is_dir() else system
        files = {p.stem: p for p in sorted(at.glob("*.mp4"))}
        if files:
            found[system.name] = files
    return found


def _chosen(
    found: dict[str, dict[str, Path]], systems: Sequence[str]
) -> dict[str, dict[str, Path]]:
    for name in systems:
        if name not in found:
            raise UnknownName("system", name, found)
    return {name: files for name, files in found.items() if not systems or name in systems}


def _empty_folder(folder: Path) -> Path:
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputRefused(f"{folder} exists and is not empty. Give a new folder.")
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"The folder {folder} cannot be made: {error.strerror}.") from None
    return folder


def _blinded(
    found: dict[str, dict[str, Path]], cases: Sequence[str], seed: int
) -> dict[str, tuple[str, str, Path]]:
    """Blinded name → system, case, file."""
    rng = np.random.default_rng(seed)
    pairs = [(system, case) for system in found for case in cases]
    names = [f"{n:06x}" for n in rng.choice(16**6, len(pairs), replace=False)]
    return {k: (s, c, found[s][c]) for k, (s, c) in zip(names, pairs, strict=True)}


def _study_name(questions: list[str], entries: dict[str, tuple[str, str, Path]]) -> str:
    """Tells answers of this study from those of others."""
    told = json.dumps([questions, [(k, s, c) for k, (s, c, _) in sorted(entries.items())]])
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def _lay(
    folder: Path, asked: list[str], systems: list[str], entries: dict[str, tuple[str, str, Path]]
) -> None:
    """Write the blinded clips, the raters' page and the key into `folder`."""
    name = _study_name(asked, entries)
    clips = folder / RATERS / CLIPS
    with writing(folder):
        clips.mkdir(parents=True)
        (folder / ANSWERS).mkdir()
        for blinded, (_, _, file) in entries.items():
            shutil.copyfile(file, clips / f"{blinded}.mp4")  # without the file's times: they tell
    told = {"study": name, "questions": asked, "clips": sorted(entries), "folder": CLIPS}
    data = json.dumps(told, ensure_ascii=False).replace("<", "\\u003c")  # no tag ends the script
    page = PAGE.read_text("utf-8").replace(PLACE, data)
    key = {
        "study": name, "questions": asked, "systems": systems,
        "clips": {k: {"system": s, "case": c} for k, (s, c, _) in entries.items()},
    }  # fmt: skip
    write_text(folder / RATERS / "study.html", page)
    write_text(folder / KEY, json.dumps(key, indent=1, ensure_ascii=False) + "\n")


def read_study(study: PathLike, answers: PathLike | None = None) -> Opinion:
    """Means and intervals of a study.

    A rater's ratings are alike, so raters, not ratings, are what is counted: each rater's mean of a
    system is one observation. Who has not rated all clips counts with what there is.

    Args:
        study: What `make_study` made.
        answers: The raters' JSON files; those in `study/answers` if None.

    Raises: RequestError: no study, no answers, a file that is broken, of another study, or of a
        rater who has another file.
    """
    key = _read_key(Path(study) / KEY)
    folder = Path(study) / ANSWERS if answers is None else Path(answers)
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not files:
        raise RequestError(f"{folder} holds no answers: put the raters' JSON files there.")
    raters: dict[str, dict[str, list[int]]] = {}
    whose: dict[str, Path] = {}
    for file in files:
        name, given = _read_answers(file, key)
        if name.lower() in whose:
            raise RequestError(
                f"{file.name} and {whose[name.lower()].name} are both of rater {name!r}: keep one."
            )
        whose[name.lower()], raters[name] = file, given
    scores = [
        _score(system, question, i, key, raters)
        for i, question in enumerate(key["questions"])
        for system in key["systems"]
    ]
    lacks = {name: len(key["clips"]) - len(given) for name, given in raters.items()}
    return Opinion(tuple(scores), tuple(raters), {k: v for k, v in lacks.items() if v})


def _read_key(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise RequestError(f"There is no {file}. Give a folder that `vivavoce study make` made.")
    key = _read_json(file)
    if not {"study", "questions", "systems", "clips"} <= set(key):
        raise RequestError(f"{file} is not the key of a study. Make the study again.")
    return key


def _read_json(file: Path) -> dict[str, Any]:
    try:
        held = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RequestError(f"{file} is not a whole JSON file ({error}).") from None
    if not isinstance(held, dict):
        raise RequestError(f"{file} does not hold what the study's page saves.")
    return held


def _read_answers(file: Path, key: dict[str, Any]) -> tuple[str, dict[str, list[int]]]:
    """A rater's name, and the ratings of each clip that is rated."""
    held = _read_json(file)
    if held.get("study") != key["study"]:
        raise RequestError(f"{file} is not of this study. Take it out of the folder.")
    name, given = held.get("rater"), held.get("answers")
    if not isinstance(name, str) or not re.search(r"\w", name) or not isinstance(given, dict):
        raise RequestError(f"{file} lacks the rater's name or the answers.")
    for clip, ratings in given.items():
        if clip not in key["clips"]:
            raise RequestError(f"{file} rates a clip {clip!r} that this study does not have.")
        if not _valid(ratings, len(key["questions"])):
            raise RequestError(
                f"{file} rates clip {clip} with {ratings}: {len(key['questions'])} whole numbers "
                f"from 1 to {BEST} belong there."
            )
    if not given:
        raise RequestError(f"{file} holds no ratings. Take it out of the folder.")
    return name.strip(), given


def _valid(ratings: object, count: int) -> bool:
    if not isinstance(ratings, list) or len(ratings) != count:
        return False
    return all(type(x) is int and 1 <= x <= BEST for x in ratings)


def _score(
    system: str, question: str, index: int, key: dict[str, Any],
    raters: dict[str, dict[str, list[int]]],
) -> Score:  # fmt: skip
    means, count = [], 0
    for given in raters.values():
        own = [r[index] for clip, r in given.items() if key["clips"][clip]["system"] == system]
        count += len(own)
        if own:
            means.append(float(np.mean(own)))
    mean = float(np.mean(means)) if means else float("nan")
    return Score(system, question, mean, t_interval(means), len(means), count)


def t_interval(values: Sequence[float]) -> Interval | None:
    """95 % interval of the mean of independent values by Student's t; None of fewer than two."""
    from scipy.stats import t

    if len(values) < 2:
        return None
    half = t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    mean = np.mean(values)
    return float(mean - half), float(mean + half)


def as_dict(found: Opinion) -> dict[str, Any]:
    """The opinion as plain values for JSON."""
    return {
        "raters": list(found.raters),
        "unfinished": found.unfinished,
        "scores": [vars(s) | {"mean": None if np.isnan(s.mean) else s.mean} for s in found.scores],
    }
