"""SDM's Table 1 and Fig. 3 in figures: the columns FID, SSIM, CSIM, LMD of the whole system, its
ablations, the whole chain, and rows that cost nothing, on people that nobody was trained on.

    python scripts/table_sdm.py CHECKPOINT [--suite corpus] [--clips 24] [--seeds 2] --out FOLDER

Prints two tables in Markdown: what each row came to, and each row less the whole system, clip by
clip, which tells rows apart that differ less than clips do. Intervals are 95 %: bootstraps over
clips, all seeds of a clip together; of FID, which is of all clips at once, a jackknife over them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.measure.bench.baselines import BASELINES, film_baseline
from vivavoce.measure.bench.bench import known
from vivavoce.measure.bench.contender import film_system
from vivavoce.measure.bench.fitness import fit_or_unfit
from vivavoce.measure.bench.suite import Case, Suite, open_suite
from vivavoce.measure.bench.tables import Row, head
from vivavoce.measure.figures import Interval, bootstrap
from vivavoce.measure.metrics.measured import measure_views, number
from vivavoce.measure.metrics.metric import Metric, find_metric
from vivavoce.measure.metrics.view import View

METRICS = ("FID", "SSIM", "SSIM aligned", "CSIM", "LMD", "LMD face", "sync score")
"""The paper's four, SSIM of faces that are aligned (open point O14), LMD of whole faces, and sync,
since LMD forgives lips that are late."""
WHOLE = "sdm (shallow)"
ROWS: dict[str, dict[str, Any]] = {
    WHOLE: {},
    "without pose": {"without": ["pose"]},
    "without rhythm": {"without": ["rhythm"]},
    "without diffusion": {"without": ["diffusion"]},
    "the whole chain": {"sampler": "full"},
}


@dataclass
class Watched(View):
    """A clip that remembers what its judges saw in it, so that its frames need not be kept."""

    answers: dict[tuple[str, str], Any] = field(default_factory=dict)

    def seen_by(self, kind: str, what: str) -> Any:
        """An answer of a judge of pictures, asked once."""
        if (kind, what) not in self.answers:
            self.answers[kind, what] = super().seen_by(kind, what)
        return self.answers[kind, what]


Views = Mapping[str, Watched]


@dataclass(frozen=True)
class Seen:
    """One row, measured."""

    row: Row
    seeds: tuple[Views, ...]

    def clips(self, metric: str) -> dict[str, float]:
        """Clip → mean over seeds."""
        held = [m.values.get(metric, {}) for m in self.row.seeds]
        return {
            k: float(np.mean([h[k] for h in held])) for k in held[0] if all(k in h for h in held)
        }

    def of_set(self, metric: Metric, true: Views, keys: Sequence[str]) -> float:
        """A metric over sets on these clips alone, mean over seeds."""
        real = [true[k] for k in keys]
        return float(np.mean([metric.function([v[k] for k in keys], real) for v in self.seeds]))


def seen(name: str, work: Path, true: Views, seeds: int) -> Seen:
    """Measure the clips that lie in `work/name`."""
    views: list[Views] = []
    for seed in range(seeds):
        paths = {k: work / name / str(seed) / f"{k}.mp4" for k in true}
        here = {k: p for k, p in paths.items() if p.is_file()}
        views.append({k: Watched(k, p, about=true[k].about) for k, p in here.items()})
    measured = [measure_views(v, true, METRICS) for v in views]
    for view in (v for held in views for v in held.values()):
        view.__dict__.pop("frames", None)
    return Seen(Row(name, tuple(measured)), tuple(views))


def jackknife(value: Callable[[Sequence[str]], float], keys: Sequence[str]) -> Interval:
    """95 % interval of a figure of all clips, from leaving each out in turn (Efron, "The jackknife,
    the bootstrap and other resampling plans", 1982)."""
    left = np.array([value([k for k in keys if k != out]) for out in keys])
    error = 1.96 * np.sqrt((len(keys) - 1) * left.var())
    middle = value(keys)
    return middle - error, middle + error


def cell(row: Seen, metric: Metric, true: Views) -> str:
    """A row's figure with its interval."""
    if metric.over == "set":
        keys = [k for k in true if all(k in v for v in row.seeds)]
        value = row.of_set(metric, true, keys)
        return shown(value, jackknife(lambda held: row.of_set(metric, true, held), keys))
    return shown(row.row.mean(metric.name), row.row.interval(metric.name))


def difference(row: Seen, whole: Seen, metric: Metric, true: Views) -> str:
    """A row less the whole system on the same clips; an asterisk where 0 lies outside."""
    if metric.over == "set":
        keys = [k for k in true if all(k in v for r in (row, whole) for v in r.seeds)]

        def apart(held: Sequence[str]) -> float:
            return row.of_set(metric, true, held) - whole.of_set(metric, true, held)

        value, interval = apart(keys), jackknife(apart, keys)
    else:
        a, b = row.clips(metric.name), whole.clips(metric.name)
        each = [np.array([a[k] - b[k]]) for k in a if k in b]
        value = float(np.mean(each))
        interval = bootstrap(each, lambda v: float(np.mean(v))) or (np.nan, np.nan)
    sure = interval[0] > 0 or interval[1] < 0
    return shown(value, interval) + ("*" if sure else "")


def shown(value: float, interval: Interval | None) -> str:
    """A figure in words."""
    if interval is None:
        return number(value)
    return f"{number(value)} ({number(interval[0])} to {number(interval[1])})"


def film(checkpoint: str, suite: Suite, work: Path, seeds: int) -> dict[str, int]:
    """Film every row; row → its number of seeds."""
    cases: Sequence[Case] = suite.cases
    for name in BASELINES:
        film_baseline(name, cases, work / name / "0")
    for name, options in ROWS.items():
        film_system(checkpoint, cases, work / name, seeds, options)
    return dict.fromkeys(BASELINES, 1) | dict.fromkeys(ROWS, seeds)


def line(cells: Sequence[str]) -> str:
    """A line of a table."""
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("checkpoint")
    parser.add_argument("--suite", default="corpus")
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    suite = open_suite(asked.suite, asked.out, asked.clips)
    names = film(asked.checkpoint, suite, asked.out, asked.seeds)
    true = {c.key: Watched(c.key, c.truth, about=known(c)) for c in suite.cases}
    rows = [seen(name, asked.out, true, seeds) for name, seeds in names.items()]
    metrics = [find_metric(name) for name in METRICS]
    unfit = {}
    for metric in metrics:
        wrong = fit_or_unfit(metric, {r.row.name: r.row.mean(metric.name) for r in rows})
        if wrong is not None:
            unfit[metric.name] = wrong
    print(f"{suite.about}; {len(suite.cases)} clips of {len({c.person for c in suite.cases})} "
          f"people; {asked.seeds} seeds; judges: {rows[0].row.seeds[0].judges}\n")  # fmt: skip
    print(line(["", *(head(m, unfit) for m in metrics)]) + "\n|" + "---|" * (len(metrics) + 1))
    for row in rows:
        print(line([row.row.name, *(cell(row, m, true) for m in metrics)]), flush=True)
    whole = next(r for r in rows if r.row.name == WHOLE)
    print("\n" + line([f"less {WHOLE}", *METRICS]) + "\n|" + "---|" * (len(metrics) + 1))
    for row in rows:
        if row is not whole and row.row.name != "truth":
            print(line([row.row.name, *(difference(row, whole, m, true) for m in metrics)]))
    for name, why in unfit.items():
        print(f"\nUnfit here: {name}: {why}")


if __name__ == "__main__":
    main()
