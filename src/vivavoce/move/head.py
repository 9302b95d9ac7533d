"""Head and brows: a learned sampler that follows prosody, drawn knot by knot.

Motion is a uniform cubic B-spline with a knot every 0.16 s, so it is smooth by construction. Each
knot is drawn by conditional flow matching (Lipman et al., "Flow Matching for Generative Modeling",
2023, optimal-transport paths, eq. 20-23) from the last 1.9 s of motion and the prosody up to its
own time. Knots lie on the clip's own time grid and each takes one draw of noise, so that a seed
gives the same motion whatever the chunks are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vivavoce.errors import BadCheckpoint
from vivavoce.nn.weights import read_weights
from vivavoce.types import FPS, Float

STEP = 4
"""Frames from one knot to the next."""
TAIL = 12
"""Knots of motion that the next one depends on."""
DIMS = ("yaw", "pitch", "roll", "x", "y", "brow")
"""What one knot holds; angles in radians, x and y in outer-eye distances, brows as a coefficient:
raised above 0, lowered below."""
PROSODY_KNOTS = 4
"""Knots over which the prosody before a knot is summed up."""
CUES = 3 * PROSODY_KNOTS + 2
"""Numbers that tell a knot about prosody: the last four knots', the last seconds' loudness, and
whether prosody is known at all."""
EULER_STEPS = 8
"""Euler steps in which a knot is carried from noise to data; chosen, not measured. Each step costs
two passes of the network."""
GUIDANCE = 2.5
"""How far the flow with prosody is followed past the flow without (Ho & Salimans, "Classifier-free
diffusion guidance", 2022); 1 is what was learned, more makes prosody matter more."""
LIMITS = np.array([0.22, 0.15, 0.14, 0.10, 0.08, 0.7])
"""Largest size of each of `DIMS` (radians, outer-eye distances, coefficient), whatever is drawn."""
SLOW_KNOTS = 40
"""Knots (6.4 s) over which the mean that pulls the head back is taken."""
_SPLINE = np.array([[1, 4, 1, 0], [-3, 0, 3, 0], [3, -6, 3, 0], [-1, 3, -3, 1]]) / 6
CENTRE_KNOTS = 150
"""Knots (24 s) over which the motion is centred on the picture's own pose; so it cannot drift."""
LOUDNESS_KNOTS = 12
"""Knots (1.9 s) over which loudness is averaged."""
_SPEAKING = 0.3  # energy above which somebody speaks
USUAL = np.array([1.6, 1.4, 1.35, 1.0, 1.0, 1.0])
"""Factor on each of `DIMS` over what was learned: on a warped portrait the tracker sees 0.6 of a
turn, so it turns further to be seen turning as people do."""
CALM = 0.15
"""Part of its speed that the head keeps in silence."""
_BREATH_HZ, _BREATH_RAD = 0.24, 0.006
_FAR = 3.5  # standard deviations


class HeadNet(nn.Module):
    """The velocity of the flow for one knot: v(x_t, t | tail, prosody)."""

    def __init__(self, width: int = 192) -> None:
        super().__init__()
        dims = len(DIMS)
        self.past = nn.Linear(dims * (TAIL + 1) + CUES, width)
        self.now = nn.Linear(dims + 4, width, bias=False)
        self.layers = nn.Sequential(
            nn.GELU(),
            nn.Dropout(0.2),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Dropout(0.2),
            nn.Linear(width, dims),
        )

    def forward(self, x: Tensor, t: Tensor, past: Tensor) -> Tensor:
        """Velocity [B, 6] at x [B, 6], t [B, 1] in [0, 1]; past [B, 6 * 13 + 14]: `context`."""
        return self.velocity(x, times(t), self.past(past))

    def velocity(self, x: Tensor, time: Tensor, past: Tensor) -> Tensor:
        """Velocity [B, 6] at x [B, 6] from `times(t)` [B, 4] and from the first layer's answer
        about the past [B, width], which is made once for all steps of a knot."""
        return self.layers(self.now(torch.cat([x, time], 1)) + past)


def times(t: Tensor) -> Tensor:
    """Features [B, 4] of the flow's time t [B, 1]."""
    return torch.cat([t, t * t, torch.sin(torch.pi * t), torch.cos(torch.pi * t)], 1)


def context(tail: np.ndarray, slow: np.ndarray, cues: np.ndarray) -> np.ndarray:
    """What a knot depends on [6 * 13 + 14]: tail [12, 6] as differences to its last, the last, its
    distance to the slow mean; prosody [14]. All in standard deviations."""
    return np.concatenate([(tail[:-1] - tail[-1]).ravel(), tail[-1], tail[-1] - slow, cues])


def knot_cues(prosody: np.ndarray, slow_loudness: float) -> np.ndarray:
    """Prosody [16, 3] of the frames before a knot → [14]: its means over four knots."""
    means = prosody.reshape(PROSODY_KNOTS, STEP, 3).mean(1)
    return np.concatenate([means.ravel(), [slow_loudness, 1.0]])


class Head:
    """Trained head network, with the scales it is used with; draws knots of head and brow
    motion."""

    def __init__(self, net: HeadNet, spread: Float, step_spread: Float, gain: float) -> None:
        self.net = net.eval()
        self.spread = spread
        """Standard deviation of the training motion [6]."""
        self.step_spread = step_spread
        """Standard deviation of the training motion's steps from knot to knot [6], in units of
        `spread`."""
        self.gain = gain
        """Factor on the drawn motion, set after training so that heads move as much as real ones
        do."""
        self._times = [times(torch.full((2, 1), i / EULER_STEPS)) for i in range(EULER_STEPS)]

    @classmethod
    def load(cls, file: Path) -> Head:
        """Head with the weights in `file` (safetensors).

        Raises: BadCheckpoint: the file is missing, damaged, or of another part or version.
        """
        tensors, metadata = read_weights(file, "head")
        try:
            net = HeadNet(int(metadata["width"]))
            state = {k.removeprefix("net."): v for k, v in tensors.items() if k.startswith("net.")}
            net.load_state_dict(state)
            spreads = tensors["spread"].numpy(), tensors["step_spread"].numpy()
            return cls(net, *spreads, float(metadata["gain"]))
        except (KeyError, ValueError, RuntimeError) as error:
            raise BadCheckpoint(f"{file} does not fit this version ({error}).") from None

    @torch.inference_mode()
    def draw(self, past: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """The step to the next knot [6] in standard deviations, from noise [6]."""
        both = np.stack([past, past]).astype(np.float32)
        both[1, -CUES:] = 0
        given = self.net.past(torch.from_numpy(both))
        x = torch.from_numpy(noise.astype(np.float32))[None]
        for time in self._times:
            heard, deaf = self.net.velocity(x.expand(2, -1), time, given)
            x = x + (deaf + GUIDANCE * (heard - deaf)) / EULER_STEPS
        return x[0].numpy() * self.step_spread

    def stream(self, rng: np.random.Generator, lively: float = 1.0) -> HeadStream:
        """Stream of head and brow motion for a new clip; `rng` decides what is left to chance, and
        `lively` (0 to 2) scales what the head does, not the brows."""
        return HeadStream(self, rng, lively)


class HeadStream:
    """One clip's head and brows, piece by piece.

    Knot k stands at frame 4 k and hears the 16 frames before frame 4 (k - 1); the stretch of frames
    4 j ... 4 j + 3 is shaped by knots j - 1 ... j + 2. So a frame needs 3 frames of look-ahead.
    """

    def __init__(self, head: Head, rng: np.random.Generator, lively: float = 1.0) -> None:
        self._head, self._rng = head, rng
        self._lively = np.array([lively] * 5 + [1.0])
        self._tail = np.zeros((TAIL, len(DIMS)))  # as drawn, in standard deviations
        self._slow = np.zeros(len(DIMS))
        self._centre = np.zeros(len(DIMS))
        self._knots = np.zeros((4, len(DIMS)))  # as shown: the spline's last control points
        self._prosody = np.zeros(((PROSODY_KNOTS - 1) * STEP, 3))
        self._loudness = self._presence = 0.0
        self._breath = rng.uniform(0, 2 * np.pi)

    def push(self, prosody: Float) -> Float:
        """Take prosody [n, 3]; give the motion that can be decided [m, 6], see `DIMS`."""
        self._prosody = np.concatenate([self._prosody, prosody])
        out = [np.zeros((0, len(DIMS)), np.float32)]
        while len(self._prosody) >= PROSODY_KNOTS * STEP:
            self._draw(self._prosody[: PROSODY_KNOTS * STEP])
            self._prosody = self._prosody[STEP:]
            out.append(self._stretch())
        return np.concatenate(out)

    def finish(self, frames: int) -> Float:
        """Motion [frames, 6] of the last `frames` frames, as if silence followed."""
        return self.push(np.zeros((frames + STEP, 3), np.float32))[:frames]

    def _draw(self, heard: np.ndarray) -> None:
        """Draw one knot from prosody [16, 3] and add it to the spline."""
        speaking = float((heard[-STEP:, 0] > _SPEAKING).mean())
        self._loudness += (float(heard[-STEP:, 0].mean()) - self._loudness) / LOUDNESS_KNOTS
        self._presence = 0.7 * speaking + 0.3 * self._presence
        past = context(self._tail, self._slow, knot_cues(heard, self._loudness))
        step = self._head.draw(past, self._rng.standard_normal(len(DIMS)))
        step = step * (CALM + (1 - CALM) * self._presence)  # it stays where it is in pauses
        knot = np.clip(self._tail[-1] + step, -_FAR, _FAR)
        self._tail = np.concatenate([self._tail[1:], knot[None]])
        self._slow += (knot - self._slow) / SLOW_KNOTS
        self._centre += (knot - self._centre) / CENTRE_KNOTS
        shown = self._shown(knot - self._centre)
        self._knots = np.concatenate([self._knots[1:], shown[None]])

    def _shown(self, knot: np.ndarray) -> np.ndarray:
        """A drawn knot in its own units: breathing, as lively as asked for, bounded."""
        self._breath = (self._breath + 2 * np.pi * _BREATH_HZ * STEP / FPS) % (2 * np.pi)
        value = knot * self._head.spread * self._head.gain * USUAL
        value[1] += _BREATH_RAD * np.sin(self._breath)
        return LIMITS * np.tanh(self._lively * value / LIMITS)

    def _stretch(self) -> Float:
        """Four frames between the middle two of the spline's last four knots."""
        t = np.arange(STEP)[:, None] / STEP
        powers = np.concatenate([np.ones_like(t), t, t**2, t**3], 1)
        return (powers @ _SPLINE @ self._knots).astype(np.float32)
