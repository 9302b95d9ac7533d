"""Train the lips: articulatory teacher on synthetic voices, and real clips.

    python -m vivavoce.train.lips runs/tracks src/vivavoce/weights/portrait-tiny/lips.safetensors

Content is given both as exact phones and as the content model hears it, so that the lips work with
either. Deterministic in its seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from vivavoce.data.corpus.articulation import TARGETS, articulate
from vivavoce.listen.content import WEIGHTS, ContentModel, ContentStream
from vivavoce.listen.prosody import ProsodyStream
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
from vivavoce.train.sentences import spoken_sentences
from vivavoce.train.tracks import TrackedClip, load_phones, load_tracks
from vivavoce.types import (
    ARKIT_INDEX,
    FPS,
    MELS_PER_FRAME,
    MIDDLE_LIP_PAIRS,
    SAMPLES_PER_FRAME,
    Float,
    Phone,
)

WINDOW = 50
"""Frames of one training window."""
HELD_OUT = ("aoc", "vrt4", "g10")
"""People of the trainable clips that only validate."""
OPEN_GAP = 0.14
"""Mean gap above rest on open vowels that the gain is set for (outer-eye distances)."""
_REAL = 0.35  # of the windows come from real people
_MISSED = 2.5  # a missed closure is seen more easily than a false one
_ALL_SILENCE = np.eye(len(CLASSES))[SILENCE]
_WEIGHTS = {"controls": 1.0, "gap": 12.0, "velocity": 6.0, "closed": 0.35, "rest": 0.25}


@dataclass(frozen=True)
class Lesson:
    """One utterance as the network sees it, T frames."""

    cues: tuple[Float, ...]
    """Ways to hear it [T, C + 3]: exact phones, the content model."""
    free: Float
    """Target controls [T, 14]."""
    closed: Float
    """[T] in {0, 1}."""
    rest: Float
    """[T] in [0, 1]."""
    gap: Float
    """Lip gap above the relaxed face's [T], outer-eye distances."""
    known: Float
    """Whether it is known what was said [T] in {0, 1}; other frames teach nothing."""
    trust: float
    """Weight of its controls in the loss; tracked ones are noisy."""
    person: str = "teacher"


def gap_basis() -> Float:
    """Lip gap [52] that each full ARKit coefficient adds in `face478`."""
    lips = load_face478().expression[:, :, 1]
    upper, lower = zip(*MIDDLE_LIP_PAIRS, strict=True)
    return (lips[:, upper] - lips[:, lower]).mean(1).astype(np.float32)


def hear_prosody(samples: Float) -> Float:
    """`Cues.prosody` [T, 3] of whole frames of sound."""
    stream = ProsodyStream()
    return np.concatenate([stream.push(samples), stream.finish()])


def hear_content(samples: Float, model: ContentModel) -> Float:
    """`Cues.content` [T, C] as the content model hears it."""
    stream = ContentStream(model)
    rows = np.concatenate([stream.push(samples), stream.finish()])
    frames = len(samples) // SAMPLES_PER_FRAME
    rows = np.pad(rows, ((0, max(0, frames * MELS_PER_FRAME - len(rows))), (0, 0)), mode="edge")
    return rows[: frames * MELS_PER_FRAME].reshape(frames, MELS_PER_FRAME, -1).mean(1)


def teacher_lesson(phones: tuple[Phone, ...], samples: Float, model: ContentModel) -> Lesson:
    """What the articulatory teacher does with spoken phones."""
    frames = len(samples) // SAMPLES_PER_FRAME
    samples = samples[: frames * SAMPLES_PER_FRAME]
    prosody = hear_prosody(samples)[:frames]
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
    prosody = hear_prosody(clip.samples)[:frames]
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
    """Factor that brings one person's 90th percentile of the gap while speaking to 0.157."""
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


class Batches:
    """Random windows of lessons, padded with silence at the ends."""

    def __init__(self, lessons: list[Lesson], seed: int) -> None:
        self.lessons = lessons
        self.rng = np.random.default_rng(seed)
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

    def draw(self, count: int) -> tuple[Tensor, ...]:
        """Cues [B, 11 + T + 5, C + 3], then free, closed, rest, gap, known, trust."""
        picks = self.rng.choice(len(self.lessons), count, p=self.chance)
        columns = zip(*(self._window(self.lessons[i]) for i in picks), strict=True)
        return tuple(torch.from_numpy(np.stack(c).astype(np.float32)) for c in columns)

    def _window(self, lesson: Lesson) -> tuple[np.ndarray, ...]:
        cues = self._misheard(lesson.cues[self.rng.integers(len(lesson.cues))])
        pad = max(0, WINDOW - len(cues))
        quiet = quiet_cues(PAST, len(CLASSES)), quiet_cues(AHEAD + pad, len(CLASSES))
        cues = np.concatenate([quiet[0], cues, quiet[1]])
        start = self.rng.integers(0, len(lesson.gap) + pad - WINDOW + 1)
        part = slice(start, start + WINDOW)
        aims = [
            np.pad(x, [(0, pad)] + [(0, 0)] * (x.ndim - 1))[part]
            for x in (lesson.free, lesson.closed, lesson.rest, lesson.gap, lesson.known)
        ]
        return cues[start : start + PAST + WINDOW + AHEAD], *aims, np.array(lesson.trust)

    def _misheard(self, cues: Float) -> Float:
        """Cues as a worse ear might give them: less sure, or mostly silence, with rough prosody."""
        cues, fate = cues.copy(), self.rng.random()
        if fate < 0.4:
            other = self.rng.dirichlet(np.full(len(CLASSES), 0.3)) if fate > 0.15 else _ALL_SILENCE
            part = self.rng.uniform(0, 0.3) if fate > 0.15 else self.rng.uniform(0.3, 0.85)
            cues[:, : len(CLASSES)] = (1 - part) * cues[:, : len(CLASSES)] + part * other
        cues[:, len(CLASSES) :] += self.rng.normal(0, 0.04, (len(cues), PROSODY))
        return cues


def loss_of(net: LipNet, batch: tuple[Tensor, ...], gaps: Tensor, to_arkit: Tensor) -> Tensor:
    """Controls, gap (closures count fourfold), their velocities, closure, rest.

    The controls' loss is L1 and L2: L1 alone forgets the controls that few sounds use."""
    cues, free, closed, rest, gap, known, trust = batch
    got_free, got_closed, got_rest = net(cues)
    active = ((1 - closed) * (1 - rest)).unsqueeze(-1) * trust[:, None, None]
    apart = (got_free - free) * _EVEN
    controls = ((apart.abs() + 5 * apart**2) * (0.05 + active)).mean(-1)
    made = compose(got_free, certain(got_closed), certain(got_rest), to_arkit) @ gaps
    gap_loss = (made - gap).abs() * (1 + 3 * closed)
    both = known[:, 1:] * known[:, :-1]
    velocity = (made.diff(dim=1) - gap.diff(dim=1)).abs() * both
    slow = (got_free.diff(dim=1) - free.diff(dim=1)).abs().mean(-1) * trust[:, None] * both
    shut = _cross_entropy(got_closed, closed) * (1 + _MISSED * closed)
    calm = _cross_entropy(got_rest, rest)
    by_frame = (
        _WEIGHTS["controls"] * controls
        + _WEIGHTS["gap"] * gap_loss
        + _WEIGHTS["closed"] * shut
        + _WEIGHTS["rest"] * calm
    )
    return (by_frame * known).mean() + _WEIGHTS["velocity"] * (velocity + 0.1 * slow).mean()


def _cross_entropy(logits: Tensor, goal: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits, goal, reduction="none")


def train(lessons: list[Lesson], steps: int, seed: int = 0, width: int = 112) -> LipNet:
    """A network taught by `lessons`; prints its loss now and then."""
    torch.manual_seed(seed)
    net = LipNet(len(CLASSES), width)
    batches = Batches(lessons, seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
    gaps, to_arkit = torch.from_numpy(gap_basis()), torch.from_numpy(control_matrix())
    for step in range(steps):
        loss = loss_of(net, batches.draw(32), gaps, to_arkit)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 250 == 0 or step == steps - 1:
            print(f"step {step} loss {loss.item():.4f}", flush=True)
    return net.eval()


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
        gain *= OPEN_GAP / open_gap(net, lessons, gain)
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


def save(net: LipNet, gain: float, out: Path) -> None:
    """Write the checkpoint that `move.lips.Lips.load` reads."""
    out.parent.mkdir(parents=True, exist_ok=True)
    width = net.into.out_channels
    note = {"part": "lips", "classes": str(net.classes), "width": str(width), "gain": f"{gain:.4f}"}
    save_file(net.state_dict(), out, note)


def real_lessons(tracks: Path, model: ContentModel) -> list[Lesson]:
    """Tracked clips whose lips follow their sound, shifted to where they fit best.

    Args:
        tracks: The .npz of `train.tracks`; its phones lie beside it.
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


def train_lips(
    tracks: Path,
    out: Path,
    content: Path = WEIGHTS,
    steps: int = 5000,
    seed: int = 0,
    utterances: int = 700,
) -> dict[str, float]:
    """Train the lips and write lips.safetensors.

    Args:
        tracks: The folder that `train.tracks.prepare` wrote.
        out: The file to write.
        content: The content model whose hearing the lips get used to.
        steps: Of 32 windows of 2 s.
        seed: Draws sentences, windows and weights.
        utterances: Synthetic ones; every twentieth only validates, as do people of `HELD_OUT`.

    Returns:
        Figures on what was held out, by name.
    """
    model = ContentModel.load(content)
    spoken = list(spoken_sentences(utterances, seed))
    taught = [teacher_lesson(phones, samples, model) for phones, samples in spoken]
    real = real_lessons(tracks / "train.npz", model)
    held = taught[::20] + [x for x in real if x.person in HELD_OUT]
    use = [x for i, x in enumerate(taught) if i % 20]
    use += [x for x in real if x.person not in HELD_OUT]
    net = train(use, steps, seed)
    gain = set_gain(net, taught[::20])
    save(net, gain, out)
    return figures(net, gain, held)


def main() -> None:
    """Train and write the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tracks", type=Path, help="the folder that train.tracks wrote")
    parser.add_argument("out", type=Path, help="lips.safetensors")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--utterances", type=int, default=700)
    parser.add_argument("--content", type=Path, default=WEIGHTS, help="content.safetensors")
    args = parser.parse_args()
    found = train_lips(**vars(args))
    print("\n".join(f"{name} {value:.3f}" for name, value in found.items()))


if __name__ == "__main__":
    main()
