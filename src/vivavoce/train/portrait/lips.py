"""Train the lips: articulatory teacher on synthetic voices, and real clips.

    vivavoce train portrait --stage lips --real FOLDER

Content is given both as exact phones and as the content model hears it, so that the lips work with
either. Deterministic in its seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vivavoce.data.corpus.articulation import TARGETS, articulate
from vivavoce.listen.content import ContentModel, ContentStream
from vivavoce.listen.prosody import prosody as prosody_of
from vivavoce.listen.sounds import CLASSES, OPEN, SILENCE, content_from_phones
from vivavoce.look.face478 import load as load_face478
from vivavoce.move.lips import (
    AHEAD,
    CONTROL_INDEX,
    CONTROLS,
    PAST,
    PROSODY,
    LipNet,
    certain,
    compose,
    control_matrix,
    quiet_cues,
)
from vivavoce.nn.devices import cpu_copy
from vivavoce.systems.stage import Files, Optimiser, Run, Sample, Stage, Trainable, Turn
from vivavoce.train.portrait.tracks import HELD_OUT, TrackedClip, load_phones, load_tracks, tracked
from vivavoce.train.read.phrases import spoken_sentences
from vivavoce.types import (
    ARKIT_INDEX,
    FPS,
    MELS_PER_FRAME,
    MIDDLE_LIP_PAIRS,
    SAMPLES_PER_FRAME,
    Float,
    Phone,
)

UTTERANCES = 700
"""Number of synthetic utterances that are made."""
OPEN_GAP = 0.14
"""Mean gap above rest on open vowels that the gain is set for (outer-eye distances)."""
_REAL = 0.35  # of the windows come from real people
_MISSED = 2.5  # a missed closure is seen more easily than a false one
_ALL_SILENCE = np.eye(len(CLASSES))[SILENCE]


@dataclass(frozen=True)
class Lesson:
    """One utterance as the network sees it, T frames."""

    cues: tuple[Float, ...]
    """Ways to hear it [T, C + 3]: exact phones, the content model."""
    free: Float
    """Controls of the lips [T, 14] that the network should give."""
    closed: Float
    """Whether the lips are closed [T] in {0, 1}."""
    rest: Float
    """How much the mouth is at rest [T] in [0, 1]."""
    gap: Float
    """Lip gap above the relaxed face's [T], outer-eye distances."""
    known: Float
    """Whether it is known what was said [T] in {0, 1}; other frames teach nothing."""
    trust: float
    """Weight of its controls in the loss; tracked ones are noisy."""
    person: str = "teacher"
    """Who does it: the articulatory teacher, or the person of a clip."""


def gap_basis() -> Float:
    """Lip gap [52] that each full ARKit coefficient adds in `face478`."""
    lips = load_face478().expression[:, :, 1]
    upper, lower = zip(*MIDDLE_LIP_PAIRS, strict=True)
    return (lips[:, upper] - lips[:, lower]).mean(1).astype(np.float32)


def hear_content(samples: Float, model: ContentModel) -> Float:
    """`Cues.content` [T, C] as the content model hears it."""
    stream = ContentStream(model)
    rows = np.concatenate([stream.push(samples), stream.finish()])
    frames = len(samples) // SAMPLES_PER_FRAME
    rows = np.pad(rows, ((0, max(0, frames * MELS_PER_FRAME - len(rows))), (0, 0)), mode="edge")
    return rows[: frames * MELS_PER_FRAME].reshape(frames, MELS_PER_FRAME, -1).mean(1)


def teacher_lesson(phones: tuple[Phone, ...], samples: Float, model: ContentModel) -> Lesson:
    """Lesson from the articulatory teacher, which moves the lips by rules for spoken phones."""
    frames = len(samples) // SAMPLES_PER_FRAME
    samples = samples[: frames * SAMPLES_PER_FRAME]
    prosody = prosody_of(samples)[:frames]
    contents = [content_from_phones(phones, frames), hear_content(samples, model)]
    aim = articulate(phones, frames, prosody[:, 0])
    return Lesson(
        cues=tuple(np.concatenate([c, prosody], 1) for c in contents),
        free=aim.free,
        closed=aim.closed,
        rest=aim.rest,
        gap=_gap_of(aim.free, aim.closed, aim.rest),
        known=np.ones(frames, np.float32),
        trust=1.0,
    )


def _gap_of(free: Float, closed: Float, rest: Float) -> Float:
    made = compose(*(torch.from_numpy(x) for x in (free, closed, rest, control_matrix())))
    return made.numpy() @ gap_basis()


def clip_lesson(
    clip: TrackedClip, phones: tuple[Phone, ...], model: ContentModel, scale: float
) -> Lesson:
    """What a tracked person did, with closures and rests as the phones demand them.

    The jaw is what explains the measured gap beside the other controls, so that the controls and
    the gap agree; `scale` brings a mumbler to the common amplitude. Exact content is offered only
    where all words are known.
    """
    frames = len(clip.gap)
    prosody = prosody_of(clip.samples)[:frames]
    aim = articulate(phones, frames, prosody[:, 0])
    free = _tracked_controls(clip.expression)
    gap = np.maximum(clip.gap - clip.rest_gap, 0) * scale
    others = free @ control_matrix() @ gap_basis() - free[:, 0] * _JAW_GAP
    free[:, CONTROL_INDEX["jaw"]] = np.clip((gap - others) / _JAW_GAP, 0, 1)
    known = _known(phones, frames)
    contents = [content_from_phones(phones, frames)] if known.all() else []
    contents.append(hear_content(clip.samples, model))
    return Lesson(
        cues=tuple(np.concatenate([c, prosody], 1) for c in contents),
        free=free,
        closed=aim.closed,
        rest=aim.rest,
        gap=gap.astype(np.float32),
        known=known,
        trust=0.3,
        person=clip.person,
    )


def _known(phones: tuple[Phone, ...], frames: int) -> Float:
    known = np.ones(frames, np.float32)
    for phone in phones:
        if phone.symbol == "?":
            known[int(phone.start_s * FPS) : int(phone.end_s * FPS) + 1] = 0
    return known


_JAW_GAP = float(gap_basis()[ARKIT_INDEX["jawOpen"]])


def _tracked_controls(expression: Float) -> Float:
    """Controls [T, 14] from tracked coefficients: the mean of both sides, within [0, 1]."""
    matrix = control_matrix()
    return np.clip(expression @ matrix.T / matrix.sum(1), 0, 1).astype(np.float32)


def amplitude(clips: list[TrackedClip]) -> float:
    """Factor that brings one person's 90th percentile of the gap while speaking to 0.150."""
    gap = np.concatenate([c.gap - c.rest_gap for c in clips])
    speaking = gap[gap > 0.02]
    if len(speaking) < 50:
        return 1.0
    return float(np.clip(0.150 / np.quantile(speaking, 0.9), 0.75, 1.4))


def find_lag(lesson: Lesson, most: int = 6) -> tuple[int, float]:
    """Frames by which a clip's pictures come late, and how well they fit the sound there.

    The measured gap is correlated with what the sounds that are heard usually open.
    """
    heard = lesson.cues[-1][:, : len(CLASSES)] @ _CLASS_GAP
    heard = np.convolve(heard, np.ones(3) / 3, mode="same")
    best = (0, -1.0)
    for lag in range(-most, most + 1):
        seen = lesson.gap[max(lag, 0) : len(heard) + min(lag, 0)]
        then = heard[max(-lag, 0) : len(heard) - max(lag, 0)]
        if seen.std() > 1e-4 and then.std() > 1e-4:
            fit = float(np.corrcoef(seen, then)[0, 1])
            best = max(best, (lag, fit), key=lambda pair: pair[1])
    return best


def _class_gaps() -> Float:
    """The gap [C] of each class's targets."""
    rows = np.zeros((len(CLASSES), len(CONTROLS)), np.float32)
    for i, name in enumerate(CLASSES):
        for control, value in TARGETS[name].items():
            rows[i, CONTROL_INDEX[control]] = value
    return rows @ control_matrix() @ gap_basis()


_CLASS_GAP = _class_gaps()
_EVEN = torch.tensor(
    [0.3 / (max(goals.get(name, 0.0) for goals in TARGETS.values()) or 0.6) for name in CONTROLS]
)  # so that a control of small values counts as much as one of large ones


class Windows:
    """Random windows of lessons, padded with silence at the ends."""

    def __init__(self, lessons: list[Lesson]) -> None:
        self.lessons = lessons
        size = np.array([len(x.gap) for x in lessons], float)
        by_person = {
            p: sum(s for s, x in zip(size, lessons, strict=True) if x.person == p)
            for p in {x.person for x in lessons}
        }
        # People share a part of the windows by the root of their frames; the teacher has the rest.
        people = sum(n**0.5 for p, n in by_person.items() if p != "teacher") or 1.0
        share = {
            p: 1 - _REAL if p == "teacher" else _REAL * n**0.5 / people
            for p, n in by_person.items()
        }
        chance = np.array(
            [s / by_person[x.person] * share[x.person] for s, x in zip(size, lessons, strict=True)]
        )
        self.chance = chance / chance.sum()

    def draw(self, frames: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """`cues` [11 + T + 5, C + 3], then `free`, `closed`, `rest`, `gap`, `known` of T =
        `frames`, and `trust`."""
        lesson = self.lessons[rng.choice(len(self.lessons), p=self.chance)]
        cues = _misheard(lesson.cues[rng.integers(len(lesson.cues))], rng)
        pad = max(0, frames - len(cues))
        quiet = quiet_cues(PAST, len(CLASSES)), quiet_cues(AHEAD + pad, len(CLASSES))
        cues = np.concatenate([quiet[0], cues, quiet[1]])
        start = rng.integers(0, len(lesson.gap) + pad - frames + 1)
        part = slice(start, start + frames)
        aims = {
            name: np.pad(x, [(0, pad)] + [(0, 0)] * (x.ndim - 1))[part]
            for name in ("free", "closed", "rest", "gap", "known")
            for x in (getattr(lesson, name),)
        }
        cues = cues[start : start + PAST + frames + AHEAD]
        return {"cues": cues, **aims, "trust": np.array(lesson.trust)}


def _misheard(cues: Float, rng: np.random.Generator) -> Float:
    """Cues as a worse ear might give them: less sure, or mostly silence, with rough prosody."""
    cues, fate = cues.copy(), rng.random()
    if fate < 0.4:
        other = rng.dirichlet(np.full(len(CLASSES), 0.3)) if fate > 0.15 else _ALL_SILENCE
        part = rng.uniform(0, 0.3) if fate > 0.15 else rng.uniform(0.3, 0.85)
        cues[:, : len(CLASSES)] = (1 - part) * cues[:, : len(CLASSES)] + part * other
    cues[:, len(CLASSES) :] += rng.normal(0, 0.04, (len(cues), PROSODY))
    return cues


def losses_of(
    net: LipNet, batch: dict[str, Tensor], gaps: Tensor, to_arkit: Tensor
) -> dict[str, Tensor]:
    """Controls, gap (closures count fourfold), their velocities, closure, rest.

    The controls' loss is L1 and L2: L1 alone forgets the controls that few sounds use."""
    free, closed, rest, gap, known, trust = (
        batch[name] for name in ("free", "closed", "rest", "gap", "known", "trust")
    )
    got_free, got_closed, got_rest = net(batch["cues"])
    active = ((1 - closed) * (1 - rest)).unsqueeze(-1) * trust[:, None, None]
    apart = (got_free - free) * _EVEN.to(free.device)
    controls = ((apart.abs() + 5 * apart**2) * (0.05 + active)).mean(-1)
    made = compose(got_free, certain(got_closed), certain(got_rest), to_arkit) @ gaps
    both = known[:, 1:] * known[:, :-1]
    velocity = (made.diff(dim=1) - gap.diff(dim=1)).abs() * both
    slow = (got_free.diff(dim=1) - free.diff(dim=1)).abs().mean(-1) * trust[:, None] * both
    return {
        "controls": (controls * known).mean(),
        "gap": ((made - gap).abs() * (1 + 3 * closed) * known).mean(),
        "velocity": (velocity + 0.1 * slow).mean(),
        "closed": (_cross_entropy(got_closed, closed) * (1 + _MISSED * closed) * known).mean(),
        "rest": (_cross_entropy(got_rest, rest) * known).mean(),
    }


def _cross_entropy(logits: Tensor, goal: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, goal, reduction="none")


def predicted(net: LipNet, cues: Float, gain: float = 1.0) -> tuple[Float, Float]:
    """Gap above rest [T] and coefficients [T, 52] for a whole utterance."""
    from vivavoce.move.lips import Lips

    stream = Lips(net, gain).stream()
    first, _ = stream.push(cues)
    last, _ = stream.finish()
    coefficients = np.concatenate([first, last])
    return coefficients @ gap_basis(), coefficients


def open_gap(net: LipNet, lessons: list[Lesson], gain: float, way: int = 0) -> float:
    """Mean predicted gap on frames that an open vowel fills."""
    values = []
    for lesson in lessons:
        cues = lesson.cues[min(way, len(lesson.cues) - 1)]
        gap, _ = predicted(net, cues, gain)
        values.append(gap[lesson.cues[0][:, OPEN].sum(1) > 0.9])
    return float(np.concatenate(values).mean())


def set_gain(net: LipNet, lessons: list[Lesson]) -> float:
    """The factor on free controls with which open vowels open by `OPEN_GAP`."""
    gain = 1.0
    for _ in range(4):
        gain *= OPEN_GAP / max(open_gap(net, lessons, gain), 0.01)
    return float(np.clip(gain, 0.7, 1.6))


def closed_share(net: LipNet, lessons: list[Lesson], gain: float, way: int) -> tuple[float, float]:
    """Share of p, b, m events with a sealed frame, and of their frames that are sealed."""
    frames: list[bool] = []
    events: list[bool] = []
    for lesson in lessons:
        gap, _ = predicted(net, lesson.cues[min(way, len(lesson.cues) - 1)], gain)
        for first, last in _runs(lesson.closed > 0):
            events.append(gap[first:last].min() < 0.005)
            frames.extend(gap[first:last] < 0.005)
    return float(np.mean(events)), float(np.mean(frames))


def _runs(mask: np.ndarray) -> Iterator[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    yield from zip(edges[::2], edges[1::2], strict=True)


def real_lessons(tracks: Path, model: ContentModel) -> list[Lesson]:
    """Tracked clips whose lips follow their sound, shifted to where they fit best.

    Args:
        tracks: The .npz of `train.portrait.tracks`; its phones lie beside it.
        model: Hears the content.
    """
    phones = load_phones(tracks.with_name(tracks.stem + "_phones.json"))
    clips = [c for c in load_tracks(tracks) if c.name in phones]
    scales = {p: amplitude([c for c in clips if c.person == p]) for p in {c.person for c in clips}}
    lessons = [clip_lesson(c, phones[c.name], model, scales[c.person]) for c in clips]
    lags = [find_lag(lesson) for lesson in lessons]
    kept = []
    for lesson, (lag, fit) in zip(lessons, lags, strict=True):
        own = [n for x, (n, _) in zip(lessons, lags, strict=True) if x.person == lesson.person]
        if len(own) >= 10:  # one camera: the clips agree better than each can tell
            lag = round(float(np.median(own)))
        if fit > 0.2 + 1.7 * len(lesson.gap) ** -0.5 and abs(lag) < 6:
            kept.append(_demanded(lesson, lag))
    return kept


def _demanded(lesson: Lesson, lag: int) -> Lesson:
    """The lesson with its pictures `lag` frames earlier, and no gap where there must be none."""
    free, gap = np.roll(lesson.free, -lag, 0), np.roll(lesson.gap, -lag, 0)
    sealed = np.minimum(1, lesson.closed + lesson.rest)
    return replace(lesson, free=free, gap=gap * (1 - sealed))


def figures(net: LipNet, gain: float, held: list[Lesson]) -> dict[str, float]:
    """How the network does on held-out lessons, with exact phones and with what is heard."""
    found: dict[str, float] = {}
    for way, name in enumerate(("phones", "heard")):
        events, frames = closed_share(net, held, gain, way)
        found |= {f"{name}: closures with a sealed frame": events, f"{name}: sealed frames": frames}
        found[f"{name}: gap on open vowels"] = open_gap(net, held, gain, way)
    real = [x for x in held if x.person != "teacher"]
    made = [predicted(net, x.cues[-1], gain)[0] for x in real]
    fits = [np.corrcoef(m, x.gap)[0, 1] for m, x in zip(made, real, strict=True)]
    wrong = [np.abs(m - x.gap).mean() for m, x in zip(made, real, strict=True)]
    found["real: correlation of the gap"] = float(np.median(fits)) if fits else float("nan")
    found["real: mean error of the gap"] = float(np.median(wrong)) if wrong else float("nan")
    return found


LIPS = Stage(
    "lips",
    losses={"controls": 1.0, "gap": 12.0, "velocity": 6.0, "closed": 0.35, "rest": 0.25},
    steps=5000,
    batch=32,
    optimisers={
        "lips": Optimiser(
            trains=("lips",), lr=3e-3, weight_decay=1e-3, schedule="one-cycle", warmup=0.3, clip=1.0
        )
    },
    window=50,
)


class LipsTraining(Trainable):
    """The lips, taught on what the content network hears."""

    system = "portrait"
    stages = (LIPS,)

    def __init__(self, content: ContentModel) -> None:
        self.content, self.gain = content, 1.0
        self.net = LipNet(len(CLASSES))
        self.network = nn.ModuleDict({"lips": self.net})
        self._gaps = torch.from_numpy(gap_basis())
        self._to_arkit = torch.from_numpy(control_matrix())

    def begin(self, stage: Stage, run: Run) -> None:
        """Lessons from synthetic voices, of which every twentieth only validates, and from tracked
        clips, of which the people of `HELD_OUT` do. Without a content network of this run, the one
        that ships listens."""
        if "content-3" not in run.done:
            self.content.load_state_dict(ContentModel.load().state_dict())
        model = cpu_copy(self.content)
        spoken = spoken_sentences(UTTERANCES, run.seed)
        taught = [teacher_lesson(phones, samples, model) for phones, samples in spoken]
        real = real_lessons(tracked(run) / "train.npz", model)
        self.synthetic_held = taught[::20]
        self.held = self.synthetic_held + [x for x in real if x.person in HELD_OUT]
        use = [x for i, x in enumerate(taught) if i % 20]
        self.windows = Windows(use + [x for x in real if x.person not in HELD_OUT])

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A window of a lesson, see `Windows.draw`."""
        drawn = self.windows.draw(stage.window, rng)
        return {name: torch.from_numpy(x.astype(np.float32)) for name, x in drawn.items()}

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """Losses of the batch, the five of `losses_of`."""
        gaps, to_arkit = (x.to(batch["cues"].device) for x in (self._gaps, self._to_arkit))
        return losses_of(self.net, batch, gaps, to_arkit)

    def settle(self, stage: Stage) -> None:
        """Set the gain, which the stage's file says."""
        self.gain = set_gain(cpu_copy(self.net), self.synthetic_held)

    def figures(self, stage: Stage) -> dict[str, float]:
        """Figures on what was held out."""
        return figures(cpu_copy(self.net), self.gain, self.held)

    def files(self, stage: Stage) -> Files:
        """The file lips.safetensors, which `move.lips.Lips.load` reads."""
        width = self.net.into.out_channels
        note = {"part": "lips", "classes": str(self.net.classes), "width": str(width)}
        return {"lips.safetensors": (self.net.state_dict(), note | {"gain": f"{self.gain:.4f}"})}
