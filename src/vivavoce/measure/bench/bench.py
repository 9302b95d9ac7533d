"""Systems side by side: the same portraits and speech, the same judges, the truth first.

    vivavoce bench portrait --suite corpus --out out    # out/bench.md, bench.json, bench.html

Rows are the baselines (truth, shuffled, still, loudness) and the systems; every row is coded as mp4
in the same way and measured from its files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import vivavoce
from vivavoce.errors import CannotWrite, RequestError
from vivavoce.measure.bench.baselines import BASELINES, film_baseline
from vivavoce.measure.bench.contender import Filmed, film_system
from vivavoce.measure.bench.fitness import fit_or_unfit
from vivavoce.measure.bench.result import Bench
from vivavoce.measure.bench.suite import Case, Suite, open_suite
from vivavoce.measure.bench.tables import Row, arranged
from vivavoce.measure.bounds import speed
from vivavoce.measure.metrics.measured import Measured, measure_seeds, measure_views
from vivavoce.measure.metrics.metric import OF_CLIPS, find_metric
from vivavoce.measure.metrics.view import View
from vivavoce.measure.report.bench_page import write_bench
from vivavoce.systems import located

Told = Callable[[str], None]


def run_bench(
    systems: Sequence[str],
    suite: str,
    out: Path,
    count: int = 12,
    seeds: int = 1,
    metrics: Sequence[str] | None = None,
    judges: Mapping[str, str] | None = None,
    told: Told = lambda line: None,
    device: str = "cpu",
) -> Bench:
    """Film, measure and report; `bench.md`, `bench.json`, `bench.html` and `bench/` come into
    `out`.

    Args:
        systems: Names or checkpoint folders, as `vivavoce.load` takes them; none: baselines alone.
        suite: "corpus", a folder of shards, or a folder of talking clips.
        count: How many cases at most.
        seeds: How many times systems make each case.
        metrics: Only these; all if None.
        judges: Kind → source of official judges.
        told: Called with a line about each step.
        device: Where the networks of systems and judges run: "cpu", "cuda", "cuda:1" or "auto".

    Raises: RequestError: nothing to run on. UnknownName: no such metric or system. CannotWrite.
    """
    for name in metrics or ():
        find_metric(name)
    for system in systems:
        located(system)
    _check(count, seeds)
    work = _folder(out)
    opened = open_suite(suite, work, count)
    told(f"suite {opened.name}: {len(opened.cases)} cases")
    failed: dict[str, Mapping[str, str]] = {}
    filmed: dict[str, Filmed] = {}
    for name in BASELINES:
        failed[name] = film_baseline(name, opened.cases, work / name / "0")
        told(f"filmed {name}")
    labels = [label(system) for system in systems]
    for system, name in zip(systems, labels, strict=True):
        filmed[name] = film_system(system, opened.cases, work / name, seeds, device=device)
        failed[name] = filmed[name].failed
        told(f"filmed {name}: {filmed[name].pace:.2f} s of work a second of video")
    rows = _measure(opened.cases, [*BASELINES, *labels], work, metrics, judges or {}, told, device)
    bench = _result(opened, rows, filmed, failed, judges or {}, work)
    write_bench(bench, out)
    return bench


def label(system: str) -> str:
    """A system's name in the tables: of a checkpoint folder, the folder's."""
    return Path(system).name


def _check(count: int, seeds: int) -> None:
    if count < 3:
        raise RequestError(f"--count is a number from 3, not {count}: fewer clips show nothing.")
    if seeds < 1:
        raise RequestError(f"--seeds is a number from 1, not {seeds}.")


def _folder(out: Path) -> Path:
    try:
        (out / "bench").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"The folder {out} cannot be made: {error.strerror}.") from None
    return out / "bench"


def _measure(
    cases: Sequence[Case], names: Sequence[str], work: Path,
    metrics: Sequence[str] | None, judges: Mapping[str, str], told: Told, device: str,
) -> list[Row]:  # fmt: skip
    """Every row, every seed, against the truth's clips."""
    true = {
        c.key: View(c.key, work / "truth" / "0" / f"{c.key}.mp4", about=known(c),
                    judges=dict(judges), device=device)
        for c in cases
    }  # fmt: skip
    rows = []
    for name in names:
        seeds, views = [], []
        for folder in sorted((work / name).iterdir(), key=lambda p: p.name):
            if folder.is_dir():
                clips = {
                    k: replace(v, path=folder / f"{k}.mp4")
                    for k, v in true.items() if (folder / f"{k}.mp4").is_file()
                }  # fmt: skip
                views.append(true if name == "truth" else clips)
                seeds.append(measure_views(views[-1], true, metrics))
        for measured in seeds:
            measured.set_values |= measure_seeds(views, metrics)
        rows.append(Row(name, tuple(seeds)))
        told(f"measured {name}")
    return rows


def known(case: Case) -> dict[str, object]:
    """What the metrics may know of a case."""
    told = {"text": case.text} if case.text else {}
    return (case.about or {}) | told


def _result(
    suite: Suite, rows: Sequence[Row], filmed: Mapping[str, Filmed],
    failed: Mapping[str, Mapping[str, str]], judges: Mapping[str, str], work: Path,
) -> Bench:  # fmt: skip
    unfit: dict[str, str] = {}
    named: dict[str, str] = {}
    every: list[Measured] = [m for row in rows for m in row.seeds]
    for metric in OF_CLIPS:
        means = {row.name: row.mean(metric.name) for row in rows}
        if metric.over == "seeds" or all(v != v for v in means.values()):
            continue  # the truth has one seed
        wrong = fit_or_unfit(metric, means)
        if wrong is not None:
            unfit[metric.name] = wrong
    for measured in every:
        named |= measured.judges
    about = {
        "version": vivavoce.__version__,
        "suite": f"{suite.about}; {len(suite.cases)} clips",
        "machine": str(speed.this_machine()),
        "seeds": "systems: " + (str(max((len(r.seeds) for r in rows), default=1))),
        "intervals": "95 %, bootstrap over clips, 1,000 rounds, seed 0",
    }
    wordless = sum(case.text is None for case in suite.cases)
    if wordless:
        about["words"] = (
            f"unknown for {wordless} clips: a system that speaks itself says corpus sentences there"
        )
    tables = arranged(rows, judges)
    return Bench(suite, tuple(rows), tuple(tables), unfit, filmed, failed, named, work, about)
