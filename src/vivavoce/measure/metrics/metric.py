"""Every metric in one table: what it is called, which way is better, who judges, who invented it.

A metric over clips is one number a clip; one over a set compares all clips of a row with all
references; one over seeds compares clips that a system made of one case with different seeds; those
over texts and vectors compare no clips but the files of files.py. Functions of clips take `View`s
(view.py) and leave the arithmetic to the other files of this folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from vivavoce.errors import RequestError, UnknownName
from vivavoce.measure.judges import JudgeKind
from vivavoce.measure.metrics import face, lag, lips, lipsync, matching, motion, picture, words
from vivavoce.measure.metrics.files import Vectors
from vivavoce.measure.metrics.view import NotMeasured, View, paired
from vivavoce.types import EMOTIONS, FPS, SAMPLES_PER_FRAME, Float, lip_gap

Better = Literal["higher", "lower", "truth"]
Over = Literal["clip", "set", "seeds", "texts", "vectors"]


@dataclass(frozen=True)
class Metric:
    """One metric: its name, scale and source, and the function that computes it."""

    name: str
    """The name by which it is asked for (-m) and printed."""
    unit: str
    """The unit of its values; "" for numbers without one."""
    better: Better
    """The good direction: "higher", "lower", or "truth", as near to the reference's as can be."""
    range: str
    """The range of its values, e.g. "0..1"; "0.." has no upper end."""
    paper: str
    """The paper, or the words, that say what it is."""
    function: Callable[..., float]
    """The computation: of (clip, reference) over clips, of (clips, references) over a set, of
    (clips of one case,) over seeds, of (made, true) over texts and vectors."""
    reference: bool = True
    """True if it compares with the truth; False if it needs none."""
    judge: JudgeKind | None = None
    """The kind of judge that it asks; None: no judge."""
    over: Over = "clip"
    """What one number of it is about."""
    hears: bool = False
    """True if it is fit only where it tells right sound from another clip's."""


def _made(clip: View, true: View) -> tuple[Any, Any]:
    return paired(clip.frames, true.frames)


def _aligned(clip: View, true: View) -> float:
    made, wanted = _made(clip, true)
    scale = wanted.shape[1] / clip.frames.shape[1]
    count = min(len(made), len(clip.landmarks), len(true.landmarks))
    rigid = (x[:count, motion.RIGID, :2] for x in (clip.landmarks * scale, true.landmarks))
    return picture.ssim(picture.laid_over(made[:count], *rigid), wanted[:count])


def _maps(clip: View, true: View) -> float:
    return picture.perceptual(clip.seen_by("picture", "maps"), true.seen_by("picture", "maps"))


def _lmd(clip: View, true: View, mouth: bool) -> float:
    side = true.frames.shape[1]
    made = clip.landmarks * (side / clip.frames.shape[1])
    return face.lmd(made, true.landmarks, side, mouth)


def _shape(clip: View, true: View) -> float:
    return face.cosine(clip.fitted.identity, true.fitted.identity)


def _age(clip: View, true: View) -> float:
    ages = [face.age_profile(v.seen_by("looks", "attributes")["age"]) for v in (clip, true)]
    return face.cosine(*ages)


def _gender(clip: View, true: View) -> float:
    chances = [float(v.seen_by("looks", "attributes")["female"].mean()) for v in (clip, true)]
    a, b = (np.array([p, 1 - p], np.float32) for p in chances)
    return face.cosine(a, b)


def _feelings(view: View) -> Float:
    return np.asarray(view.seen_by("looks", "emotions"))


def _emotion(clip: View, true: View) -> float:
    wanted = EMOTIONS.index(true.told("emotion"))
    return float(_feelings(clip).argmax() == wanted)


def _feeling_cosine(clip: View, true: View) -> float:
    return face.cosine(_feelings(clip), _feelings(true))


def _feeling_distance(clip: View, true: View) -> float:
    return float(np.linalg.norm(_feelings(clip) - _feelings(true)))


def _still(clip: View, true: View | None) -> float:
    found = face.silent_lips(clip.landmarks, clip.samples)
    if np.isnan(found):
        raise NotMeasured("silence of 0.2 s")
    return found


def _wer(clip: View, true: View) -> float:
    return words.wer(true.told("text"), clip.heard_words)


def _opinion(clip: View, kind: str) -> float:
    try:
        judge = clip.judge(kind)
    except RequestError as lack:  # the packages of these judges come with no extra
        raise NotMeasured(str(lack)) from None
    return float(judge.opinion(clip.samples))


def _cer(clip: View, true: View) -> float:
    return words.cer(true.told("text"), clip.heard_words)


def _mcd(clip: View, true: View) -> float:
    from vivavoce.measure.metrics.sound import mcd

    return mcd(true.samples, clip.samples)


def _f0(clip: View, true: View) -> float:
    from vivavoce.measure.metrics.sound import f0_rmse

    return f0_rmse(true.samples, clip.samples)


def _stoi(clip: View, true: View) -> float:
    from vivavoce.measure.metrics.sound import stoi

    return stoi(true.samples, clip.samples)


def _speaker(clip: View, true: View) -> float:
    return face.cosine(clip.voice_embedding, true.voice_embedding)


def _frechet(a: Sequence[Float], b: Sequence[Float]) -> float:
    from vivavoce.measure.metrics.sound import frechet

    one, two = (np.concatenate([x for x in found if len(x)]) for found in (a, b))
    if min(len(one), len(two)) < 2 * one.shape[1] ** 0.5:
        raise NotMeasured(f"more clips: {len(one)} rows for {one.shape[1]} features")
    return frechet(one, two)


def _faces(views: Sequence[View]) -> list[Float]:
    return [v.seen_by("picture", "features") for v in views]


def _kid(clips: Sequence[View], true: Sequence[View]) -> float:
    from vivavoce.measure.metrics.sound import kid

    return kid(np.concatenate(_faces(clips)), np.concatenate(_faces(true)))


def _windows(views: Sequence[View]) -> list[Float]:
    found = []
    for v in views:
        count = min(len(v.frames), len(v.landmarks))
        found.append(v.judge("clip").features(v.frames[:count], v.landmarks[:count]))
    return found


def _moves(view: View) -> Float:
    speed, change = face.velocities(view.landmarks)
    return np.hstack([speed[: len(change)], change])


def _fvmd(clips: Sequence[View], true: Sequence[View]) -> float:
    """On principal directions of the true histograms, since sets here are small."""
    made, real = (np.concatenate([_moves(v) for v in views]) for views in (clips, true))
    mean = real.mean(0)
    _, _, axes = np.linalg.svd(real - mean, full_matrices=False)
    keep = axes[: min(16, len(axes))]
    return _frechet([(made - mean) @ keep.T], [(real - mean) @ keep.T])


def _voices(views: Sequence[View]) -> list[Float]:
    return [v.judge("sound").features(v.samples) for v in views]


def _vfs(clips: Sequence[View], true: Sequence[View]) -> float:
    return picture.inception_score(np.stack([v.seen_by("looks", "people").mean(0) for v in clips]))


def _styles(clips: Sequence[View]) -> float:
    """On what a clip's movement is like: mean and spread of expression and pose."""
    moves = [np.hstack([v.fitted.expression, v.fitted.pose[:, :3]]) for v in clips]
    return face.style_diversity(np.stack([np.r_[m.mean(0), m.std(0)] for m in moves]))


def _apart(clip: View, true: View) -> float:
    """Sound and pictures of unequal length, ms."""
    return 40 * abs(len(clip.frames) - len(clip.samples) / SAMPLES_PER_FRAME)


def _closures(clip: View, true: View | None) -> float:
    gaps = lips.closure_gaps(lip_gap(clip.landmarks), clip.phones)
    gaps = gaps[np.isfinite(gaps)]
    if not len(gaps):
        raise NotMeasured("a p, b or m")
    return float((gaps < lips.CLOSED).mean())


def _open_vowels(clip: View, true: View | None) -> float:
    gaps = lips.vowel_gaps(lip_gap(clip.landmarks), clip.phones)
    gaps = gaps[np.isfinite(gaps)]
    if not len(gaps):
        raise NotMeasured("an open vowel")
    return float(gaps.mean())


def _blinks(clip: View, true: View | None) -> float:
    return motion.blink_rate(clip.landmarks)


def _lag(clip: View, true: View | None) -> float:
    gap = lip_gap(clip.landmarks)
    known = clip.about.get("phones")
    found, likeness = lag.lag_ms(gap, lag.expected(clip.phones if known else (), clip.samples))
    if len(gap) / FPS < lag.LEAST_SECONDS or likeness < lag.LEAST_LIKENESS:
        raise NotMeasured("4 s or more in which lips and sounds rise and fall together")
    return found


def _recalled(rank: int) -> Callable[[Vectors, Vectors], float]:
    return lambda made, true: matching.retrieval(made.rows, true.rows)[f"R@{rank}"]


def _verified(held: str) -> Callable[[Vectors, Vectors], float]:
    return lambda made, true: matching.verification(
        made.rows, true.rows, true.gender, true.nationality, true.age
    )[held]


METRICS = (
    Metric("PSNR", "dB", "higher", "0..inf", "peak signal-to-noise ratio",
           lambda c, r: picture.psnr(*_made(c, r))),
    Metric("SSIM", "", "higher", "-1..1", "Wang et al. 2004",
           lambda c, r: picture.ssim(*_made(c, r))),
    Metric("SSIM aligned", "", "higher", "-1..1", "SSIM of faces that are laid on the true ones",
           _aligned),
    Metric("LPIPS", "", "lower", "0..", "Zhang et al. 2018, without learned weights", _maps,
           judge="picture"),
    Metric("FID", "", "lower", "0..", "Heusel et al. 2017",
           lambda c, r: _frechet(_faces(c), _faces(r)), judge="picture", over="set"),
    Metric("KID", "", "lower", "~0..", "Binkowski et al. 2018", _kid, judge="picture", over="set"),
    Metric("VFS", "", "higher", "1..", "S2TF sec. 4.3 (Salimans et al. 2016)", _vfs, judge="looks",
           over="set"),
    Metric("FVD", "", "lower", "0..", "Unterthiner et al. 2018",
           lambda c, r: _frechet(_windows(c), _windows(r)), judge="clip", over="set"),
    Metric("FVMD", "", "lower", "0..", "Liu et al. 2024, on 16 principal directions", _fvmd,
           over="set"),
    Metric("jitter", "eye distances", "truth", "0..", "second difference of rigid points",
           lambda c, r: motion.shake(c.landmarks), reference=False),
    Metric("LMD", "px of 256", "lower", "0..", "Chen et al. 2018, mouth",
           lambda c, r: _lmd(c, r, True)),
    Metric("LMD face", "px of 256", "lower", "0..", "Chen et al. 2018, 68 points",
           lambda c, r: _lmd(c, r, False)),
    Metric("CSIM", "", "higher", "-1..1", "cosine of identity (ArcFace's use)",
           lambda c, r: face.cosine(c.face_embedding, r.face_embedding), judge="face"),
    Metric("shape", "", "higher", "-1..1", "ImagineID sec. 4: shape cosine, by face478", _shape),
    Metric("age", "", "higher", "0..1", "ImagineID sec. 4: age cosine", _age, judge="looks"),
    Metric("gender", "", "higher", "0..1", "ImagineID sec. 4: gender cosine", _gender,
           judge="looks"),
    Metric("emotion", "", "higher", "0..1", "ImagineID sec. 4: emotion cosine", _feeling_cosine,
           judge="looks"),
    Metric("emotion accuracy", "share", "higher", "0..1", "the label's emotion is the likeliest",
           _emotion, judge="looks"),
    Metric("EACC", "", "lower", "0..", "ImagineID table 2: distance of emotion profiles",
           _feeling_distance, judge="looks"),
    Metric("EVE", "eye distances^2", "lower", "0..", "EmoTalk, Peng et al. 2023",
           lambda c, r: face.emotional_vertex_error(c.fitted.expression, r.fitted.expression)),
    Metric("head motion", "degrees", "truth", "0..", "THEval 2026: richness",
           lambda c, r: face.head_motion(c.pose_deg), reference=False, judge="head"),
    Metric("head diversity", "degrees", "truth", "0..", "SadTalker, Zhang et al. 2023",
           lambda c, r: face.head_diversity(np.concatenate([v.pose_deg for v in c])),
           reference=False, judge="head", over="set"),
    Metric("silent lips", "eye distances", "truth", "0..", "THEval 2026: silent-lip stability",
           _still, reference=False),
    Metric("lips closed on p b m", "share", "higher", "0..1",
           "ours: the inner lips' gap under 0.03 outer-eye distances; needs phones", _closures,
           reference=False),
    Metric("gap on open vowels", "eye distances", "truth", "0..",
           "ours: the widest gap of each; needs phones", _open_vowels, reference=False),
    Metric("blinks", "a minute", "truth", "0..", "lids under 0.6 of their usual distance", _blinks,
           reference=False),
    Metric("lag", "ms", "truth", "-300..300",
           "ours: the gap against the sounds' openings; positive: the picture is late", _lag,
           reference=False),
    Metric("LSE-D", "", "lower", "0..", "Prajwal et al. 2020", lambda c, r: lipsync.lse_d(c.sync),
           reference=False, judge="sync", hears=True),
    Metric("LSE-C", "", "higher", "0..", "Prajwal et al. 2020; S2TF's Sync_conf",
           lambda c, r: lipsync.lse_c(c.sync), reference=False, judge="sync", hears=True),
    Metric("offset", "frames", "truth", "-15..15", "Chung & Zisserman 2016: where LSE was found",
           lambda c, r: float(lipsync.offset(c.sync)), reference=False, judge="sync"),
    Metric("sync score", "", "higher", "", "ours: at offset 0, so a delay costs",
           lambda c, r: lipsync.sync_score(c.sync), reference=False, judge="sync", hears=True),
    Metric("WER", "%", "lower", "0..", "word error rate", _wer, judge="words"),
    Metric("CER", "%", "lower", "0..", "character error rate", _cer, judge="words"),
    Metric("DistillMOS", "", "higher", "1..5", "Stahl & Gamper 2025: naturalness of the voice",
           lambda c, r: _opinion(c, "naturalness"), reference=False, judge="naturalness"),
    Metric("DNSMOS", "", "higher", "1..5", "Reddy et al. 2022: overall quality of the sound",
           lambda c, r: _opinion(c, "noise"), reference=False, judge="noise"),
    Metric("MCD", "dB", "lower", "0..", "Kubichek 1993, aligned", _mcd),
    Metric("F0 RMSE", "Hz", "lower", "0..", "voiced frames, aligned", _f0),
    Metric("STOI", "", "higher", "0..1", "Taal et al. 2011, aligned", _stoi),
    Metric("C-SIM", "", "higher", "-1..1", "cosine of the speaker (x-vectors' use)", _speaker,
           judge="voice"),
    Metric("FAD", "", "lower", "0..", "Kilgour et al. 2019",
           lambda c, r: _frechet(_voices(c), _voices(r)), judge="sound", over="set"),
    Metric("style diversity", "", "higher", "0..", "AVI-Talking sec. 5.1, by face478's curves",
           _styles, reference=False, over="seeds"),
    Metric("sound and picture apart", "ms", "lower", "0..", "equal duration", _apart,
           reference=False),
    Metric("cosine", "", "higher", "-1..1", "S2TF table 4.1: mean over pairs",
           lambda a, b: matching.cosine_similarity(a.rows, b.rows), over="vectors"),
    Metric("L1", "", "lower", "0..", "S2TF table 4.1: summed over the vectors as they are",
           lambda a, b: matching.l1_distance(a.rows, b.rows), over="vectors"),
    *(Metric(f"R@{k}", "%", "higher", "0..100", "S2TF table 4.1: retrieval among 100", _recalled(k),
             over="vectors") for k in matching.RANKS),
    *(Metric(f"AUC {held}", "%", "higher", "0..100", "S2TF table 4.2: verification",
             _verified(held), over="vectors") for held in matching.HELD),
    Metric("BLEU-1", "", "higher", "0..100", "Papineni et al. 2002",
           lambda a, b: words.bleu(a, b, 1), over="texts"),
    Metric("BLEU-4", "", "higher", "0..100", "Papineni et al. 2002", words.bleu, over="texts"),
    Metric("METEOR, exact and stem", "", "higher", "0..100", "Banerjee & Lavie 2005",
           words.meteor_exact_stem, over="texts"),
    Metric("ROUGE-L", "", "higher", "0..100", "Lin 2004", words.rouge_l, over="texts"),
    Metric("CIDEr", "", "higher", "0..", "Vedantam et al. 2015", words.cider, over="texts"),
    Metric("SPICE by rule", "", "higher", "0..100",
           "Anderson et al. 2016, tuples of the corpus's own words", words.spice_by_rule,
           over="texts"),
)  # fmt: skip
"""All metrics, in the order of reports."""
OF_CLIPS = tuple(m for m in METRICS if m.over not in ("texts", "vectors"))
"""The metrics that look at clips: those of `vivavoce bench`."""


def find_metric(name: str) -> Metric:
    """The metric of this name (case does not matter).

    Raises: UnknownName: there is none; the nearest are suggested.
    """
    for metric in METRICS:
        if metric.name.lower() == name.lower().strip():
            return metric
    raise UnknownName("metric", name, [m.name for m in METRICS])
