"""Emotions: what each adds to the face, by the muscles that FACS names for it.

Action units after Ekman & Friesen, "EMFACS-7: Emotional Facial Action Coding System" (1983) and
Matsumoto & Ekman, "Facial expression analysis" (Scholarpedia 3(5):4237, 2008, table 1):

    happy      6 + 12                    surprised  1 + 2 + 5B + 26
    sad        1 + 4 + 15 (+ 17)         disgusted  9 or 10, 15, 16
    angry      4 + 5 + 7 + 23            contempt   R12A + R14A, one side
    fearful    1 + 2 + 4 + 5 + 7 + 20 + 26

Action unit → ARKit: 1 browInnerUp, 2 browOuterUp, 4 browDown, 5 eyeWide, 6 cheekSquint, 7
eyeSquint, 9 noseSneer, 10 mouthUpperUp, 12 mouthSmile, 14 mouthDimple, 15 mouthFrown, 16
mouthLowerDown, 17 mouthShrugLower, 20 mouthStretch, 23 mouthPress, 26 jawOpen. The amounts are
ours: strong enough to be read at once, weak enough to leave room for speech. The open corpus shows
these amounts; a portrait shows those of `as_people.py`, which are measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from vivavoce.errors import UnknownName
from vivavoce.types import ARKIT, ARKIT_INDEX, EMOTIONS, FPS, Emotion, Float

LIP_GAP = {
    "jawOpen": 0.347,
    "mouthFunnel": 0.150,
    "mouthShrugUpper": 0.062,
    "mouthUpperUpLeft": 0.041,
    "mouthUpperUpRight": 0.041,
    "noseSneerLeft": 0.037,
    "noseSneerRight": 0.037,
    "mouthLowerDownLeft": 0.036,
    "mouthLowerDownRight": 0.036,
}
"""How much each full coefficient opens the lips in `face478`, in outer-eye distances."""
CLOSE_GAP = 0.424
"""How much a full mouthClose brings the lips together in `face478`, in outer-eye distances."""
_BLEND_S = 0.25


@dataclass(frozen=True)
class Look:
    """What an emotion at full intensity does to a face and its movement."""

    shape: dict[str, float]
    """Coefficients that are added; a name without Left or Right stands for both sides."""
    speech: float = 1.0
    """Factor on the movement of the lips; 1 leaves it as it is."""
    head: float = 1.0
    """Factor on the movement of the head; 1 leaves it as it is."""
    pose_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Degrees that are added to the head's yaw, pitch and roll."""
    gaze_deg: tuple[float, float] = field(default=(0.0, 0.0))
    """Degrees that are added to the yaw and pitch of the gaze."""


LOOKS: dict[str, Look] = {
    "neutral": Look({}),
    "happy": Look(
        {
            "mouthSmile": 0.60, "mouthDimple": 0.12, "cheekSquint": 0.50, "eyeSquint": 0.16,
            "browInnerUp": 0.10, "browOuterUp": 0.10, "mouthUpperUp": 0.10,
        },
        speech=1.05, head=1.2, pose_deg=(0, 1, 1),
    ),
    "sad": Look(
        {
            "browInnerUp": 0.62, "browDown": 0.14, "mouthFrown": 0.48, "mouthShrugLower": 0.22,
            "eyeSquint": 0.12,
        },
        speech=0.85, head=0.7, pose_deg=(0, -3, 2), gaze_deg=(0, -2),
    ),
    "angry": Look(
        {
            "browDown": 0.72, "eyeWide": 0.10, "eyeSquint": 0.34, "noseSneer": 0.22,
            "mouthPress": 0.25, "mouthFrown": 0.18, "mouthLowerDown": 0.12, "jawForward": 0.15,
        },
        speech=1.15, head=1.25, pose_deg=(0, -2, 0),
    ),
    "fearful": Look(
        {
            "browInnerUp": 0.72, "browOuterUp": 0.32, "browDown": 0.18, "eyeWide": 0.58,
            "eyeSquint": 0.06, "mouthStretch": 0.42, "jawOpen": 0.05,
        },
        speech=1.0, head=1.1, pose_deg=(0, 1, 0),
    ),
    "disgusted": Look(
        {
            "noseSneer": 0.55, "mouthUpperUp": 0.16, "mouthFrown": 0.28, "browDown": 0.34,
            "eyeSquint": 0.28, "cheekSquint": 0.20, "mouthLowerDown": 0.08,
        },
        speech=0.95, head=0.9, pose_deg=(2, 1, 0),
    ),
    "surprised": Look(
        {"browInnerUp": 0.70, "browOuterUp": 0.72, "eyeWide": 0.60, "jawOpen": 0.08},
        speech=1.15, head=1.1, pose_deg=(0, 2, 0),
    ),
    "contempt": Look(
        {
            "mouthSmileLeft": 0.42, "mouthDimpleLeft": 0.45, "mouthPressLeft": 0.18,
            "cheekSquintLeft": 0.12, "eyeSquint": 0.16, "browDownLeft": 0.12,
            "browOuterUpRight": 0.18,
        },
        speech=0.95, head=0.85, pose_deg=(-1.5, 2.5, 1.5),
    ),
}  # fmt: skip
"""Look of each of `EMOTIONS` at full intensity."""

_EXTRA = 7  # speech, head, yaw, pitch, roll, gaze yaw, gaze pitch
_GAPS = np.array([LIP_GAP.get(name, 0.0) for name in ARKIT], np.float32)
_PARTS = np.array([n in LIP_GAP and not n.startswith("nose") for n in ARKIT], np.float32)


def look_of(emotion: Emotion, looks: Mapping[str, Look] = LOOKS) -> Float:
    """Row [52 + 7] that describes an emotion at its intensity: ARKit coefficients to add, factors
    on speech and head movement, yaw, pitch and roll of the pose, yaw and pitch of the gaze (rad).

    Raises: UnknownName: the emotion is not one of `EMOTIONS`.
    """
    if emotion.name not in looks:
        raise UnknownName("emotion", emotion.name, EMOTIONS)
    look, much = looks[emotion.name], float(np.clip(emotion.intensity, 0, 1))
    row = np.zeros(len(ARKIT) + _EXTRA, np.float32)
    for name, value in look.shape.items():
        sides = [name] if name in ARKIT_INDEX else [name + "Left", name + "Right"]
        row[[ARKIT_INDEX[side] for side in sides]] = value * much
    extra = [1 + (look.speech - 1) * much, 1 + (look.head - 1) * much]
    angles = np.radians([*look.pose_deg, *look.gaze_deg]) * much
    row[len(ARKIT) :] = [*extra, *angles]
    return row


class EmotionStream:
    """The emotion of each frame; when it changes, the face takes a quarter of a second."""

    def __init__(self, looks: Mapping[str, Look] = LOOKS) -> None:
        self._looks = looks
        self._now: Float | None = None

    def push(self, frames: int, emotion: Emotion) -> Float:
        """Rows [frames, 52 + 7] as `look_of` gives them."""
        goal = look_of(emotion, self._looks)
        now = goal if self._now is None else self._now
        rows = np.empty((frames, len(goal)), np.float32)
        for i in range(frames):
            now = now + (goal - now) / (_BLEND_S * FPS)
            rows[i] = now
        self._now = now
        return rows


def felt(lips: Float, closed: Float, looks: Float) -> Float:
    """Coefficients [T, 52] of speaking `lips` [T, 52] with an emotion (rows `looks` [T, 52 + 7] of
    `look_of`); where the lips are `closed` [T] in [0, 1] they stay closed.

    What parts the lips fades with the closure; what the nose still lifts, `mouthClose` gives back,
    so that a disgusted p is a p.
    """
    shape = looks[:, : len(ARKIT)] * (1 - closed[:, None] * _PARTS)
    both = np.asarray(lips * looks[:, len(ARKIT), None] + shape, np.float32)
    both[:, ARKIT_INDEX["mouthClose"]] += closed * (shape @ _GAPS) / CLOSE_GAP
    return both
