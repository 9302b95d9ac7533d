"""Train the sampler of head and brows, and measure how real eyes blink and look.

    vivavoce train portrait --stage head --real FOLDER

Deterministic in its seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.listen.prosody import prosody as prosody_of
from vivavoce.move.eyes import PEAK, SINCE_S, VESTIBULO_OCULAR, EyeHabits, since_bin
from vivavoce.move.head import (
    CUES,
    DIMS,
    LOUDNESS_KNOTS,
    PROSODY_KNOTS,
    SLOW_KNOTS,
    STEP,
    TAIL,
    Head,
    HeadNet,
    context,
    knot_cues,
)
from vivavoce.nn.devices import cpu_copy
from vivavoce.systems.stage import Files, Optimiser, Run, Sample, Stage, Trainable, Turn
from vivavoce.train.portrait.tracks import HELD_OUT, TrackedClip, load_tracks, tracked
from vivavoce.types import ARKIT_INDEX, FPS, Float

STYLE_RAD = 0.044
"""Root mean square angle (2.5 degrees an axis) that every clip is brought to, as far as
`MOST_SCALE` allows; so people differ in how they move, not in how much."""
MOST_SCALE = 2.5
TURN_DEG = 4.05
"""Standard deviation of yaw and pitch, pooled, while speaking, that the gain is set for; of it the
tracker sees about 0.6 on a portrait."""
BLINKS_A_MINUTE = 18.0
"""Rate of blinks that the eyes' habits are set to."""
BROW_GAIN = 1.3
"""The tracker sees less of the brows' way than they go."""
_SIGMA = 1e-3
_MOST_OF_ONE = 40  # clips of one person
_MIRRORED = np.array([-1, 1, -1, -1, 1, 1], np.float32)  # yaw, roll and x change sign
_BLINK_DEPTH = 0.55


@dataclass(frozen=True)
class Knots:
    """One clip as the sampler sees it, K knots."""

    motion: Float
    """Motion [K, 6] at the knots, with the columns of `move.head.DIMS`."""
    cues: Float
    """Prosody before each knot [K, 14]; zeros where the clip has no sound."""
    person: str
    """Name of the person whom the clip shows."""


def head_curves(clip: TrackedClip) -> Float:
    """[T, 6] of a clip: pose without depth, which the tracker guesses, and the height of the brows.

    On many faces the fit calls the brows' rest "down"; so raised brows are down brows let go, and
    one signed number tells both.
    """
    e = clip.expression
    up = [e[:, ARKIT_INDEX[f"brow{n}"]] for n in ("InnerUp", "OuterUpLeft", "OuterUpRight")]
    down = [e[:, ARKIT_INDEX[f"brow{n}"]] for n in ("DownLeft", "DownRight")]
    brow = BROW_GAIN * (np.mean(up, 0) - np.mean(down, 0))[:, None]
    curves = np.concatenate([clip.pose[:, :5], brow - np.median(brow)], 1)
    size = float(np.sqrt(np.mean(curves[:, :3] ** 2)))
    curves[:, :5] *= np.clip(STYLE_RAD / size, 0.2, MOST_SCALE)
    curves[:, 3:5] *= 0.5  # people shift in their seats; a portrait's neck stays where it is
    return curves.astype(np.float32)


def spline_knots(curves: Float, offset: int) -> Float:
    """Control points [K, 6] of the cubic B-spline that is nearest to `curves` [T, 6], a knot at
    frames offset, offset + 4, ..."""
    t = (np.arange(len(curves)) - offset) / STEP
    first, last = int(np.floor(t[0])) - 1, int(np.floor(t[-1])) + 2
    basis = np.zeros((len(t), last - first + 1))
    for row, value in enumerate(t):
        j = int(np.floor(value))
        u = value - j
        weights = [(1 - u) ** 3, 3 * u**3 - 6 * u**2 + 4, -3 * u**3 + 3 * u**2 + 3 * u + 1, u**3]
        basis[row, j - 1 - first : j + 3 - first] = np.array(weights) / 6
    bend = np.diff(np.eye(basis.shape[1]), 2, axis=0)
    fitted = np.linalg.solve(basis.T @ basis + 0.05 * bend.T @ bend, basis.T @ curves)
    inside = (np.arange(first, last + 1) >= 0) & (np.arange(first, last + 1) <= t[-1])
    return fitted[inside].astype(np.float32)


def clip_knots(clip: TrackedClip, offset: int) -> Knots:
    """A clip's knots with the prosody that each of them hears."""
    motion = spline_knots(head_curves(clip), offset)
    silent = float(np.abs(clip.samples).max()) < 0.01
    if silent:
        return Knots(motion, np.zeros((len(motion), CUES), np.float32), clip.person)
    reach = PROSODY_KNOTS * STEP
    prosody = np.pad(prosody_of(clip.samples), ((reach + STEP, 0), (0, 0)))
    cues, loudness = [], 0.0
    for k in range(len(motion)):
        heard = prosody[offset + k * STEP : offset + k * STEP + reach]
        loudness += (float(heard[-STEP:, 0].mean()) - loudness) / LOUDNESS_KNOTS
        cues.append(knot_cues(heard, loudness))
    return Knots(motion, np.array(cues, np.float32), clip.person)


def capped(clips: list[TrackedClip]) -> list[TrackedClip]:
    """At most `_MOST_OF_ONE` clips of each person, chosen at random but always the same."""
    rng = np.random.default_rng(0)
    kept: list[TrackedClip] = []
    for person in sorted({c.person for c in clips}):
        own = [c for c in clips if c.person == person]
        kept += [own[i] for i in rng.permutation(len(own))[:_MOST_OF_ONE]]
    return kept


def gather(clips: list[TrackedClip]) -> list[Knots]:
    """Knots of all clips at all four offsets, and mirrored."""
    plain = [clip_knots(clip, offset) for clip in clips for offset in range(STEP)]
    return plain + [replace(k, motion=k.motion * _MIRRORED) for k in plain]


def examples(clips: list[Knots], spread: Float) -> tuple[Float, Float, Float]:
    """Contexts [N, 92], steps to the next knot [N, 6] in standard deviations, weights [N]."""
    given, steps, weights = [], [], []
    for clip in clips:
        motion = clip.motion / spread
        # Before its first frame a clip is taken to have stood still.
        motion = np.concatenate([np.repeat(motion[:1], TAIL, 0), motion])
        slow = motion[0].copy()
        for k in range(1, len(clip.motion)):
            tail = motion[k : k + TAIL]
            slow += (tail[-1] - slow) / SLOW_KNOTS
            given.append(context(tail, slow, clip.cues[k]))
            steps.append(motion[k + TAIL] - tail[-1])
            weights.append(0.25 if clip.person == "grid_s1" else 1.0)
    return tuple(np.array(x, np.float32) for x in (given, steps, weights))  # type: ignore[return-value]


def flow_loss(
    net: HeadNet, given: Tensor, goal: Tensor, start: Tensor, t: Tensor, weight: Tensor
) -> Tensor:
    """Conditional flow matching with optimal-transport paths (Lipman et al. 2023, eq. 23).

    Args:
        net: The velocity field.
        given: Contexts [N, 92].
        goal: Steps to the next knot [N, 6].
        start: Standard normal noise [N, 6].
        t: Times [N, 1] in [0, 1).
        weight: Of each example [N].
    """
    x = (1 - (1 - _SIGMA) * t) * start + t * goal
    wanted = goal - (1 - _SIGMA) * start
    return (((net(x, t, given) - wanted) ** 2).mean(1) * weight).sum() / weight.sum()


def _shaken(given: Float, rng: np.random.Generator) -> Float:
    """A context [92] with a little noise on the motion, so that a drawn past is as good as a real
    one; a tenth of them without prosody."""
    motion = len(DIMS) * (TAIL + 1)
    noisy = given.copy()
    noisy[:motion] += 0.05 * rng.standard_normal(motion, np.float32)
    if rng.random() < 0.1:
        noisy[motion:] = 0
    return noisy


def set_gain(head: Head, prosody: Float) -> Head:
    """The sampler with the gain that gives `TURN_DEG` of yaw and pitch over `prosody` [T, 3]."""
    gain = 1.0
    for _ in range(3):
        motion = (
            Head(head.net, head.spread, head.step_spread, gain)
            .stream(np.random.default_rng(5))
            .push(prosody)
        )
        turn = np.degrees(np.sqrt(motion[250:, :2].var(0).mean()))
        gain *= TURN_DEG / float(turn)
    return Head(head.net, head.spread, head.step_spread, float(np.clip(gain, 0.3, 3)))


def blink_starts(clip: TrackedClip) -> list[int]:
    """The frames at which the eyes of a clip are shut most, one for each blink."""
    low = np.concatenate([[False], clip.openness < _BLINK_DEPTH, [False]]).astype(int)
    edges = np.flatnonzero(np.diff(low))
    return [
        int(a + np.argmin(clip.openness[a:b]))
        for a, b in zip(edges[::2], edges[1::2], strict=True)
        if b - a <= 0.5 * FPS
    ]


def blink_shape(clips: list[TrackedClip]) -> Float:
    """Mean course of a blink [12], 1 at column `PEAK`, 0 at both ends."""
    courses = []
    for clip in clips:
        for at in blink_starts(clip):
            part = clip.openness[max(at - PEAK, 0) : at + 8]
            if len(part) == 12 and part.min() < 0.35:
                courses.append(1 - part)
    mean = np.mean(courses, axis=0)
    ends = np.interp(np.arange(12), [0, 11], [mean[0], mean[-1]])
    shape = np.clip((mean - ends) / (mean - ends)[PEAK], 0, 1)
    shape[shape < 0.03] = 0
    return shape.astype(np.float32)


def blink_hazard(clips: list[TrackedClip], prosodies: list[Float]) -> Float:
    """Log-odds of a blink [7, 2] by time since the last and by whether it is in a pause.

    Counts are drawn toward the common rate by ten seconds' worth of it, for some cells are rare.
    """
    count, time = np.zeros((len(SINCE_S) + 1, 2)), np.zeros((len(SINCE_S) + 1, 2))
    for clip, prosody in zip(clips, prosodies, strict=True):
        starts = {max(at - PEAK, 0) for at in blink_starts(clip)}
        since, quiet = None, 1.0
        for frame, row in enumerate(prosody[: len(clip.gap)]):
            quiet = 0.0 if row[0] > 0.3 else quiet + 1 / FPS
            if since is not None:
                cell = since_bin(since), int(quiet > 0.1)
                time[cell] += 1
                count[cell] += frame in starts
                since += 1 / FPS
            if frame in starts:
                since = 0.0
    rate = count.sum() / time.sum()
    shrunk = (count + 250 * rate) / (time + 250)
    return np.log(shrunk / (1 - shrunk)).astype(np.float32)


def at_rate(habits: EyeHabits, prosody: Float) -> EyeHabits:
    """Habits whose hazard is shifted so that `prosody` [T, 3] sees `BLINKS_A_MINUTE`."""
    from vivavoce.move.eyes import BlinkStream

    shift = 0.0
    for _ in range(12):
        moved = replace(habits, hazard=(habits.hazard + shift).astype(np.float32))
        closure = BlinkStream(moved, np.random.default_rng(3)).push(prosody)
        rate = (closure >= 1).sum() / len(prosody) * FPS * 60
        shift += float(np.log(BLINKS_A_MINUTE / max(rate, 1.0)))
    return moved


def fixations(clips: list[TrackedClip]) -> tuple[Float, Float]:
    """Targets [N, 2] in radians and stays [N] in seconds, between jumps of the gaze in space."""
    targets, stays = [], []
    for clip in clips:
        space = clip.gaze + VESTIBULO_OCULAR * clip.pose[:, :2]
        space = np.stack(
            [np.convolve(np.pad(c, 1, mode="edge"), [0.25, 0.5, 0.25], "valid") for c in space.T], 1
        )
        speed = np.linalg.norm(np.diff(space, axis=0), axis=1)
        jumps = np.flatnonzero((speed > 0.035) | (clip.openness[1:] < 0.6))
        bounds = np.concatenate([[0], jumps + 1, [len(space)]])
        for a, b in pairwise(bounds):
            if b - a >= 6:
                targets.append(np.median(space[a:b], 0))
                stays.append((b - a) / FPS)
    return np.array(targets, np.float32), np.array(stays, np.float32)


def eye_habits(clips: list[TrackedClip], prosodies: list[Float]) -> EyeHabits:
    """Everything that is measured on the eyes; fixations as 64 quantile-like samples."""
    moving = [c for c in clips if c.person != "grid_s1"]
    targets, stays = fixations(moving)
    size = np.linalg.norm(targets, axis=1)
    away = targets[(size > 0.04) & (size < 0.14)]  # 2.3 to 8 degrees; more is a wrong track
    order = np.argsort(np.arctan2(away[:, 1], away[:, 0]))
    away = away[order[np.linspace(0, len(order) - 1, 64).astype(int)]]
    lengths = np.clip(np.quantile(stays, np.linspace(0.05, 0.95, 64)), 0.3, 3.5)
    return EyeHabits(
        blink_hazard(clips, prosodies),
        blink_shape(clips),
        away.astype(np.float32),
        lengths.astype(np.float32),
    )


HEAD = Stage(
    "head",
    losses={"flow": 1.0},
    steps=2500,
    batch=256,
    optimisers={"head": Optimiser(trains=("head",), lr=1e-3, weight_decay=0.05)},
    ema=0.998,
)


class HeadTraining(Trainable):
    """The sampler of head and brows; and how real eyes blink and look, which is measured."""

    system = "portrait"
    stages = (HEAD,)

    def __init__(self) -> None:
        self.net = HeadNet()
        self.network = nn.ModuleDict({"head": self.net})

    def begin(self, stage: Stage, run: Run) -> None:
        """Knots of the tracked clips; people of `HELD_OUT` only validate."""
        self.clips = capped(load_tracks(tracked(run) / "train.npz"))
        knots = gather(self.clips)
        self.spread = np.concatenate([k.motion for k in knots]).std(0)
        given, steps, weights = examples(
            [k for k in knots if k.person not in HELD_OUT], self.spread
        )
        self.step_spread = steps.std(0)
        self.given, self.goal = given, steps / self.step_spread
        self.ends = np.cumsum(weights.astype(float))
        given, steps, weights = examples([k for k in knots if k.person in HELD_OUT], self.spread)
        self.held = [torch.from_numpy(x) for x in (given, steps / self.step_spread, weights)]

    def draw(self, stage: Stage, rng: np.random.Generator) -> Sample:
        """A context and the step that followed it, in standard deviations."""
        row = np.searchsorted(self.ends, rng.random() * self.ends[-1], "right")
        given = _shaken(self.given[row], rng)
        return {"given": torch.from_numpy(given), "goal": torch.from_numpy(self.goal[row])}

    def losses(self, stage: Stage, batch: Sample, turn: Turn) -> dict[str, Tensor]:
        """Flow-matching loss of the batch, see `flow_loss`."""
        goal = batch["goal"]
        start, t = turn.normal(goal.shape[1]), turn.uniform(1)
        even = torch.ones(len(goal), device=goal.device)
        return {"flow": flow_loss(self.net, batch["given"], goal, start, t, even)}

    def settle(self, stage: Stage) -> None:
        """Set the head's gain and measure the eyes' habits, which the stage's file says."""
        net = cpu_copy(self.net)
        heard = [c for c in self.clips if np.abs(c.samples).max() > 0.01]
        prosodies = [prosody_of(c.samples) for c in heard]
        talk = np.concatenate([p for p in prosodies if len(p) > 150])
        self.head = set_gain(Head(net, self.spread, self.step_spread, 1.0), talk)
        self.habits = at_rate(eye_habits(heard, prosodies), np.tile(talk, (4, 1)))

    def figures(self, stage: Stage) -> dict[str, float]:
        """The loss on held-out people, and what the eyes of all of them do."""
        given, goal, weight = (x.to(self.device) for x in self.held)
        noise = torch.Generator().manual_seed(1)
        start = torch.randn(goal.shape, generator=noise).to(goal)
        t = torch.rand(len(goal), 1, generator=noise).to(goal)
        heard = [c for c in self.clips if np.abs(c.samples).max() > 0.01]
        minutes = sum(len(c.gap) for c in heard) / FPS / 60
        return {
            "loss on held-out people": float(flow_loss(self.net, given, goal, start, t, weight)),
            "minutes of people": minutes,
            "blinks a minute of people": sum(len(blink_starts(c)) for c in heard) / minutes,
            "gain": self.head.gain,
        }

    def files(self, stage: Stage) -> Files:
        """head.safetensors, that `Head.load` and `EyeHabits.load` read."""
        tensors = {f"net.{name}": tensor for name, tensor in self.net.state_dict().items()}
        tensors |= {
            "spread": torch.tensor(self.spread),
            "step_spread": torch.tensor(self.step_spread),
        }
        tensors |= {
            f"eyes.{name}": torch.tensor(getattr(self.habits, name))
            for name in EyeHabits.__dataclass_fields__
        }
        width = self.net.past.out_features
        note = {"part": "head", "width": str(width), "gain": f"{self.head.gain:.4f}"}
        return {"head.safetensors": (tensors, note)}
