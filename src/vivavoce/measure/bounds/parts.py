"""From takes to figures: the rows of the benchmark that are measured on finished clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from vivavoce.measure.bounds.background import MARGIN
from vivavoce.measure.bounds.take import Take, measured
from vivavoce.measure.figures import Figure, atleast, bootstrap, info, pooled, upto, within
from vivavoce.measure.metrics import lag, lips, motion
from vivavoce.types import FPS

STILL = 0.006
"""Lips whose gap bends less than this from frame to frame rest: about twice the tracker's noise."""
ENCODING = 1.0
"""Grey levels of 255 that encoding may change a still background by, on average."""


def of_kind(takes: Sequence[Take], *kinds: str) -> list[Take]:
    """Those of the takes that are of one of these kinds."""
    return [t for t in takes if t.kind in kinds]


def finite(values: Sequence[float]) -> list[float]:
    """The finite values, in their order."""
    return [v for v in values if np.isfinite(v)]


def _share_closed(values: np.ndarray) -> float:
    return float((values < lips.CLOSED).mean()) if len(values) else float("nan")


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def lip_figures(takes: Sequence[Take]) -> list[Figure]:
    """Closures and openings, for spoken text and for recordings, real clips beside them."""
    real = _gaps(of_kind(takes, "real"))
    rows = []
    for kind, words, least in (("text", "spoken text", 0.9), ("recording", "recordings", 0.8)):
        rows += _lip_rows(_gaps(of_kind(takes, kind)), real, words, least)
    return rows


Gaps = tuple[list[np.ndarray], list[np.ndarray]]


def _gaps(takes: list[Take]) -> Gaps:
    """Gaps on closures and on open vowels, an array a clip."""
    known = [t for t in takes if t.phones]
    closed = [lips.closure_gaps(t.gap, t.phones) for t in known]
    return closed, [lips.vowel_gaps(t.gap, t.phones) for t in known]


def _lip_rows(ours: Gaps, real: Gaps, words: str, least: float) -> list[Figure]:
    closed, opened = pooled(ours[0]), pooled(ours[1])
    real_closed, real_opened = pooled(real[0]), pooled(real[1])
    known = len(real_closed) > 0 and len(real_opened) > 0
    ratio, real_ratio = _ratio(opened, closed), _ratio(real_opened, real_closed)
    share = f"least gap over the frames of each p b m ± half a frame, {words}; higher is better"
    wide = (
        f"largest gap over the frames of each open vowel (a ɑ ɒ æ aɪ aʊ, stressed ʌ), mean, {words}"
    )
    return [
        atleast(
            f"lips closed on p b m, {words}", _share_closed(closed), least, "", len(closed),
            f"share with a gap under {lips.CLOSED}: {share}",
            bootstrap(ours[0], _share_closed),
            _share_closed(real_closed) if known else None,
            _share_closed(real_closed) >= 0.5 if known else None,
        ),
        atleast(
            f"gap on open vowels, {words}", _mean(opened), 0.10, "", len(opened), wide,
            bootstrap(ours[1], _mean), _mean(real_opened) if known else None,
            _mean(real_opened) >= 0.08 if known else None,
        ),
        atleast(
            f"open vowels over p b m, {words}", ratio, 4, "times", len(opened),
            "mean gap on open vowels over mean gap on p b m, as above; higher is better",
            None, real_ratio if known else None, real_ratio >= 2 if known else None,
        ),
    ]  # fmt: skip


def _ratio(opened: np.ndarray, closed: np.ndarray) -> float:
    return _mean(opened) / max(_mean(closed), 1e-6) if len(closed) else float("nan")


def lag_figures(takes: Sequence[Take]) -> list[Figure]:
    """Lag of picture against sound, the worst clip of each kind; and equal length of the tracks."""
    rows = []
    real = finite(measured(of_kind(takes, "real"), "lag"))
    typical = float(np.median(real)) if real else None
    for kind, words in (("text", "spoken text"), ("recording", "English recordings"),
                        ("other language", "other languages")):  # fmt: skip
        found = measured(of_kind(takes, kind), "lag")
        clear = finite(found)
        worst = max(clear, key=abs) if clear else float("nan")
        what = "the sounds' loudness" if kind == "other language" else "the phones' openings"
        rows.append(
            Figure(
                f"lag of the picture, {words}", worst, "ms", "within 40 ms on every clip",
                bool(abs(worst) <= 40) if clear else None, len(clear),
                f"largest of all clips; positive: late; median {np.median(clear or [np.nan]):.0f}, "
                f"by cross-correlation of the tracked gap with {what}; "
                f"{len(found) - len(clear)} clips under r = {lag.LEAST_LIKENESS} or "
                f"{lag.LEAST_SECONDS:.0f} s left out; "
                "real: median of real clips",
                real=typical,
            )
        )  # fmt: skip
    ours = [t for t in takes if t.kind != "real"]
    longest = max((abs(t.apart_s) for t in ours), default=float("nan"))
    rows.append(
        upto("tracks' length, picture against sound", longest * FPS, 1, "frames", len(ours),
             "largest difference of the two tracks of a written file")
    )  # fmt: skip
    return rows


def silence_figures(takes: Sequence[Take]) -> list[Figure]:
    """How soon the lips rest in pauses inside speech, and how still they are there."""
    ours, real = of_kind(takes, "text", "recording"), of_kind(takes, "real")
    closing, still = _in_pauses(ours)
    real_closing, real_still = _in_pauses(real)
    late = _late(pooled_all(closing))
    real_late = _late(pooled_all(real_closing)) if real_closing else None
    return [
        atleast(
            "pauses with closed lips within 3 frames", 1 - late, 0.9, "", len(pooled_all(closing)),
            "share of pauses of 0.3 s and more between words in which the gap is under "
            f"{lips.CLOSED} 3 frames after the pause begins and stays so until 0.12 s before its "
            "end; the bound of 0.9 allows for the tracker; people do not always close",
            bootstrap(closing, lambda v: 1 - _late(v)),
            None if real_late is None else 1 - real_late,
        ),
        upto(
            "movement of the lips in pauses", _mean(pooled(still)), STILL, "",
            len(pooled(still)),
            "mean absolute second difference of the gap in those pauses, from the fourth frame on, "
            "tracker noise included; lower is better",
            bootstrap(still, _mean), _mean(pooled(real_still)) if real_still else None,
        ),
    ]  # fmt: skip


def pooled_all(clips: Sequence[np.ndarray]) -> np.ndarray:
    """All values of all clips, the infinite ones too."""
    return np.concatenate(clips) if clips else np.zeros(0)


def _late(frames: np.ndarray) -> float:
    return float((frames > 3).mean()) if len(frames) else float("nan")


def _in_pauses(takes: list[Take]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    closing, still = [], []
    for t in takes:
        pauses = lips.inner_pauses(t.phones)
        if pauses:
            closing.append(np.array([lips.closing_frames(t.gap, p) for p in pauses]))
            still.append(np.array([lips.stillness(t.gap, p) for p in pauses]))
    return closing, still


def motion_figures(takes: Sequence[Take]) -> list[Figure]:
    """Blinks, head turn, the effect of seed and `still`, shake."""
    ours, real = of_kind(takes, "text", "recording", "other language"), of_kind(takes, "real")
    turns = np.array(finite(measured(ours, "head motion")))
    real_turns = np.array(finite(measured(real, "head motion")))
    rows = [_blink_figure(ours, real)]
    rows.append(
        within("head turn, standard deviation", _median(turns), (0.7, 5), "degrees",
               len(turns), "yaw and pitch pooled, means over half a second; median of the clips",
               bootstrap(list(turns[:, None]), _median),
               _median(real_turns) if len(real_turns) else None)
    )  # fmt: skip
    rows += _still_and_seed(takes)
    shakes = finite(measured(ours, "jitter"))
    real_shakes = finite(measured(real, "jitter"))
    natural = float(np.median(real_shakes)) if real_shakes else None
    rows.append(
        upto("shake", _mean(np.array(shakes)), round(natural or 0.009, 4), "", len(shakes),
             "mean second difference of 12 rigid points over the outer-eye distance, mean of the "
             "clips; bound: the real clips' median", bootstrap([np.array([s]) for s in shakes],
                                                               _mean), natural)
    )  # fmt: skip
    return rows


def _blink_figure(ours: list[Take], real: list[Take]) -> Figure:
    rates, real_rates = measured(ours, "blinks"), measured(real, "blinks")
    seconds = sum(t.seconds for t in ours)
    return within(
        "blinks", _rate(rates, ours), (8, 30), "a minute", len(finite(rates)),
        f"lids under 0.6 of their usual distance for at most 0.6 s; {seconds:.0f} s of video",
        bootstrap([np.array([r]) for r in rates], _mean),
        _rate(real_rates, real) if real else None,
    )  # fmt: skip


def _rate(rates: Sequence[float], takes: Sequence[Take]) -> float:
    """The rate over all clips together: each counts as long as it is."""
    known = [(r, t.seconds) for r, t in zip(rates, takes, strict=True) if np.isfinite(r)]
    total = sum(seconds for _, seconds in known)
    return sum(r * seconds for r, seconds in known) / total if total else float("nan")


def _still_and_seed(takes: Sequence[Take]) -> list[Figure]:
    still = finite(measured(of_kind(takes, "still"), "head motion"))
    firsts = {(t.name, t.samples.size): t for t in of_kind(takes, "seed a")}
    pairs = [
        (firsts[t.name, t.samples.size], t)
        for t in of_kind(takes, "seed b")
        if (t.name, t.samples.size) in firsts
    ]
    differ = [
        motion.apart(motion.head_pose(a.landmarks), motion.head_pose(b.landmarks)) for a, b in pairs
    ]
    rows = []
    if still:
        rows.append(
            upto("head turn with --still", _median(np.array(still)), 0.3, "degrees", len(still),
                 f"as above; the largest is {max(still):.2f}; all of it is the tracker's noise "
                 "where the head's pose does not change at all")
        )  # fmt: skip
    if differ:
        rows.append(
            atleast("head motion of two seeds apart", min(differ), 0.3, "degrees", len(differ),
                    "root mean square difference of yaw and pitch for the same portrait and words "
                    "with two seeds; the least of the pairs")
        )  # fmt: skip
    return rows


def image_figures(takes: Sequence[Take]) -> list[Figure]:
    """What the background does, before and after encoding."""
    ours = [t for t in takes if t.kind != "real" and np.isfinite(t.change)]
    real = [t.change for t in of_kind(takes, "real") if np.isfinite(t.change)]
    raw = [t.raw_change for t in ours if np.isfinite(t.raw_change)]
    worst = max(ours, key=lambda t: t.change, default=None)
    named = f"; worst: {worst.name}" if worst else ""
    return [
        upto("background change, before encoding", max(raw, default=float("nan")), 1, "of 255",
             len(raw), "largest change of any pixel outside the person's margin "
             f"({MARGIN} outer-eye distances around the matte), any frame against the first, any "
             "clip; 1 is rounding; clips with under 1 % of background left out"),
        upto("background change, in the mp4", worst.change if worst else float("nan"), ENCODING,
             "of 255", len(ours), f"mean absolute change of those pixels, the worst clip{named}",
             real=float(np.median(real)) if real else None),
    ]  # fmt: skip


def work_figures(takes: Sequence[Take]) -> list[Figure]:
    """Seconds of work per second of video, and what they are spent on."""
    ours = [t for t in takes if t.kind != "real" and np.isfinite(t.work_s)]
    seconds = sum(t.seconds for t in ours) or float("nan")
    rows = [
        upto("work per second of 512x512 video", sum(t.work_s for t in ours) / seconds,
             0.5, "s", len(ours), "everything after load: reading and measuring the picture, "
             f"speaking or decoding, listening, moving, rendering, encoding; over {seconds:.0f} s "
             "of video in clips of 5 to 8 s", _work_interval(ours))
    ]  # fmt: skip
    for stage in sorted({s for t in ours for s in t.stages}):
        spent = sum(t.stages.get(stage, 0.0) for t in ours)
        rows.append(info(f"  of which {stage}", spent / seconds, "s", len(ours), "by the clock"))
    return rows


def _work_interval(takes: list[Take]) -> tuple[float, float] | None:
    each = [np.array([t.work_s / t.seconds]) for t in takes]
    return bootstrap(each, _mean)


Part = Callable[[Sequence[Take]], list[Figure]]
PARTS: tuple[Part, ...] = (
    work_figures, lag_figures, lip_figures, silence_figures, motion_figures, image_figures,
)  # fmt: skip
"""In the order in which the report shows them."""
