"""`vivavoce measure`: metrics over clips, with or without their true clips beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vivavoce.errors import BadMedia, RequestError
from vivavoce.measure.figures import bootstrap
from vivavoce.measure.metrics.files import TEXTS, VECTORS, read_texts, read_vectors
from vivavoce.measure.metrics.lipsync import offset
from vivavoce.measure.metrics.metric import METRICS, OF_CLIPS, Metric, Over, find_metric
from vivavoce.measure.metrics.view import NotMeasured, View
from vivavoce.types import Float

NONE: Mapping[str, str] = {}
CLIPS: tuple[Over, ...] = ("clip", "set", "seeds")
VIDEOS = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v")


@dataclass
class Measured:
    """The values of all metrics that could be measured, and the reasons for the others."""

    values: dict[str, dict[str, float]] = field(default_factory=dict)
    """Metric → clip → value, of metrics over clips."""
    set_values: dict[str, float] = field(default_factory=dict)
    """Metric → value, of metrics over sets."""
    judges: dict[str, str] = field(default_factory=dict)
    """Metric → the name of its judge."""
    missing: dict[str, str] = field(default_factory=dict)
    """Metric → the thing that it lacks."""
    failed: dict[str, str] = field(default_factory=dict)
    """Clip → why it could not be read."""
    curves: dict[str, Float] = field(default_factory=dict)
    """Clip → distance of lips and sound at each offset [31], where sync was measured."""

    def mean(self, metric: str) -> float:
        """Mean over clips, or the set's value; NaN where it was not measured."""
        if metric in self.set_values:
            return self.set_values[metric]
        found = list(self.values.get(metric, {}).values())
        return float(np.mean(found)) if found else float("nan")

    def interval(self, metric: str) -> tuple[float, float] | None:
        """95 % bootstrap interval of the mean over clips; None for sets and few clips."""
        clips = [np.array([v]) for v in self.values.get(metric, {}).values()]
        return bootstrap(clips, lambda v: float(np.mean(v)))

    def offset(self) -> float:
        """Mean over clips of the offset in frames at which LSE was found; NaN where it was not."""
        found = [offset(curve) for curve in self.curves.values()]
        return float(np.mean(found)) if found else float("nan")

    def count(self, metric: str) -> int:
        """Number of clips that the metric was measured on; 0 for metrics over sets."""
        return len(self.values.get(metric, {}))


def measure_views(
    clips: Mapping[str, View],
    references: Mapping[str, View] | None = None,
    metrics: Sequence[str] | None = None,
) -> Measured:
    """Measure clips, each against the reference of the same key.

    Raises: UnknownName: a metric that does not exist.
    """
    chosen = [find_metric(name) for name in metrics] if metrics else list(OF_CLIPS)
    out = Measured()
    good = _readable(clips, out)
    true = {k: v for k, v in (references or {}).items() if k in good}
    for metric in chosen:
        if metric.reference and not true:
            out.missing[metric.name] = "true clips (--reference)"
            continue
        try:
            if metric.over in ("texts", "vectors"):
                raise NotMeasured(f"a file of {metric.over} in the place of clips")
            if metric.over == "seeds":
                raise NotMeasured("several seeds: `vivavoce bench SYSTEM --seeds 3`")
            (_over_set if metric.over == "set" else _over_clips)(metric, good, true, out)
        except NotMeasured as lack:
            out.missing[metric.name] = str(lack)
        if metric.judge == "sync":
            out.curves |= {
                k: v.sync for k, v in good.items() if k in out.values.get(metric.name, {})
            }
        if metric.judge and metric.name not in out.missing:
            out.judges[metric.name] = judge_name(next(iter(good.values())).judge(metric.judge))
    return out


def _readable(clips: Mapping[str, View], out: Measured) -> dict[str, View]:
    """The clips that can be opened; the others are counted with their reason."""
    good = {}
    for key, view in clips.items():
        try:
            if len(view.frames):
                good[key] = view
        except (BadMedia, ValueError) as error:
            out.failed[key] = str(error)
    return good


def _over_clips(
    metric: Metric, clips: Mapping[str, View], true: Mapping[str, View], out: Measured
) -> None:
    found, lacks = {}, []
    for key, view in clips.items():
        if metric.reference and key not in true:
            continue
        try:
            value = metric.function(view, true.get(key))
        except NotMeasured as lack:
            lacks.append(str(lack))
            continue
        if not np.isnan(value):
            found[key] = float(value)
    if not found:
        raise NotMeasured(lacks[0] if lacks else "a clip on which it is defined")
    out.values[metric.name] = found


def _over_set(
    metric: Metric, clips: Mapping[str, View], true: Mapping[str, View], out: Measured
) -> None:
    keys = [k for k in clips if not metric.reference or k in true]
    seen = [k for k in keys if _followed(clips[k]) and (k not in true or _followed(true[k]))]
    if not seen:
        raise NotMeasured("clips with a face")
    made, real = [clips[k] for k in seen], [true[k] for k in seen if k in true]
    out.set_values[metric.name] = float(metric.function(made, real))


def measure_seeds(
    seeds: Sequence[Mapping[str, View]], metrics: Sequence[str] | None = None
) -> dict[str, float]:
    """Metrics over seeds: of views of the same keys, one mapping a seed; mean over the cases."""
    chosen = [find_metric(name) for name in metrics] if metrics else list(OF_CLIPS)
    shared = sorted(set.intersection(*(set(s) for s in seeds)) if len(seeds) > 1 else ())
    cases = [[s[key] for s in seeds] for key in shared if all(_followed(s[key]) for s in seeds)]
    return {
        m.name: float(np.mean([m.function(case) for case in cases]))
        for m in chosen if m.over == "seeds" and cases
    }  # fmt: skip


def _followed(view: View) -> bool:
    try:
        return len(view.landmarks) > 0
    except NotMeasured:
        return False


def judge_name(judge: Any) -> str:
    """Its name, with its crop rule where it has one."""
    crop = getattr(judge, "crop", None)
    return f"{judge.name} (crop: {crop})" if crop and "crop" not in judge.name else str(judge.name)


def views_of(path: Path, judges: Mapping[str, str] = NONE, device: str = "cpu") -> dict[str, View]:
    """The clips at `path`: a video file, a folder of them, or a set of shards.

    Raises: RequestError: there are none.
    """
    if (path / "set.json").is_file():
        from vivavoce.data.shards import open_set

        members = ("wav", "frames", "tracks")
        return {s.key: View(s.key, sample=s, about=s.about, judges=dict(judges), device=device)
                for s in open_set(path).samples("all", members)}  # fmt: skip
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in VIDEOS)
        if not files:
            raise RequestError(f"{path} holds no video and no set of shards.")
        keys = [p.relative_to(path).with_suffix("").as_posix() for p in files]
        return {
            k: View(k, p, judges=dict(judges), device=device)
            for k, p in zip(keys, files, strict=True)
        }
    if not path.is_file():
        raise RequestError(f"There is no {path}. Give a video, a folder of videos, or shards.")
    return {path.stem: View(path.stem, path, judges=dict(judges), device=device)}


def measure_paths(
    path: Path,
    reference: Path | None = None,
    metrics: Sequence[str] | None = None,
    judges: Mapping[str, str] = NONE,
    device: str = "cpu",
) -> Measured:
    """Measure what lies at `path`; with `reference` against the clips of the same names there. A
    set of shards without a reference is measured against itself: the ground-truth row. Files of
    texts and of vectors (see files.py) are compared with another such file.

    Raises: RequestError: nothing there, or no names in common. UnknownName: no such metric.
    """
    for name in metrics or ():
        find_metric(name)
    if path.suffix.lower() in TEXTS + VECTORS:
        return measure_files(path, reference, metrics)
    clips = views_of(path, judges, device)
    if reference is None:
        own = clips if (path / "set.json").is_file() else None
        return measure_views(clips, own, metrics)
    true = views_of(reference, judges, device)
    if len(clips) == len(true) == 1:
        true = {next(iter(clips)): next(iter(true.values()))}
    if not set(clips) & set(true):
        raise RequestError(f"No clip of {path} has the name of one in {reference}.")
    for key in set(clips) & set(true):
        clips[key].about = clips[key].about or true[key].about
    return measure_views(clips, true, metrics)


def measure_files(
    path: Path, reference: Path | None, metrics: Sequence[str] | None = None
) -> Measured:
    """Measure a file of texts, or of vectors, against the file of the truth.

    Raises: RequestError: there is no reference of the same kind, or a file does not fit (see
    files.py). UnknownName: no such metric.
    """
    kind: Over = "texts" if path.suffix.lower() in TEXTS else "vectors"
    suffixes = TEXTS if kind == "texts" else VECTORS
    if reference is None or reference.suffix.lower() not in suffixes:
        raise RequestError(
            f"{kind.capitalize()} are compared with the true ones: give --reference with a file "
            f"that ends in {' or '.join(suffixes)}."
        )
    chosen = [find_metric(name) for name in metrics or ()] or [m for m in METRICS if m.over == kind]
    read: Callable[[Path, Path], tuple[Any, Any]] = read_texts if kind == "texts" else read_vectors
    made, true = read(path, reference)
    out = Measured()
    for metric in chosen:
        value = float(metric.function(made, true)) if metric.over == kind else float("nan")
        if metric.over != kind:
            out.missing[metric.name] = (
                "clips" if metric.over in CLIPS else f"files of {metric.over}"
            )
        elif np.isnan(value):
            out.missing[metric.name] = 'people of whom "gender", "nationality", "age" are known'
        else:
            out.set_values[metric.name] = value
    return out


def as_dict(found: Measured) -> dict[str, Any]:
    """Plain values for JSON; infinity and NaN become null."""
    rows = {}
    for name in [*found.values, *found.set_values]:
        metric = find_metric(name)
        rows[name] = {
            "mean": plain(found.mean(name)), "interval": plain(found.interval(name)),
            "n": found.count(name), "unit": metric.unit, "better": metric.better,
            "judge": found.judges.get(name),
            "clips": {k: plain(v) for k, v in found.values.get(name, {}).items()},
        }  # fmt: skip
    return {"metrics": rows, "missing": found.missing, "failed": found.failed}


def plain(value: Any) -> Any:
    """A number that JSON can hold."""
    if isinstance(value, tuple):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value


def write_json(found: dict[str, Any], file: Path, force: bool = True) -> None:
    """Write figures whole or not at all; without `force` a file that is there stays."""
    from vivavoce.media.files import write_text

    write_text(file, json.dumps(found, indent=1) + "\n", force)


def number(value: float) -> str:
    """A figure for people: three digits that matter."""
    if not np.isfinite(value):
        return "-" if np.isnan(value) else "inf"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
