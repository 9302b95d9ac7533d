"""What flows between the rooms: frozen dataclasses whose fields state shape, unit and range.

    text ──speak──▶ Speech ──listen──▶ Cues ──move──▶ Motion ──render──▶ Chunk ──publish──▶ file
    picture ──look──▶ Face ─────────────────────────────┴────────────────┘

One time base: sound at 16 kHz, 100 mel frames a second (hop 160), 25 video frames a second, so
1 video frame = 4 mel frames = 640 samples. Axes and signs: `docs/conventions.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vivavoce.errors import BadMedia, RequestError, ShapeError, UnknownName

RATE = 16_000
"""Sampling rate of all sound inside the package, in samples a second."""
FPS = 25
"""Frame rate at which motion is made, in frames a second; video has it, too, if no other is asked
for."""
RATES = (24, 25, 30, 50, 60)
"""Frame rates that motion and video can be given in, in frames a second."""
HOP = 160
"""Samples from one mel frame to the next: 100 mel frames a second."""
SAMPLES_PER_FRAME = RATE // FPS
"""640: the samples that belong to one video frame."""
MELS_PER_FRAME = SAMPLES_PER_FRAME // HOP
"""4: the mel frames that belong to one video frame."""

Float: TypeAlias = NDArray[np.float32]
Bytes: TypeAlias = NDArray[np.uint8]

ARKIT = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft",
    "eyeSquintLeft", "eyeWideLeft", "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight",
    "eyeLookOutRight", "eyeLookUpRight", "eyeSquintRight", "eyeWideRight", "jawForward",
    "jawRight", "jawLeft", "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthRight",
    "mouthLeft", "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthPressLeft",
    "mouthPressRight", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft",
    "mouthUpperUpRight", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft",
    "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft",
    "noseSneerRight", "tongueOut",
)  # fmt: skip
"""The 52 ARKit coefficients in Live Link Face's column order. Left and right are the person's."""

ARKIT_INDEX = {name: i for i, name in enumerate(ARKIT)}

# The tracker's points that several rooms speak of (mediapipe's numbering).
OUTER_EYES = (33, 263)
"""Outer eye corners: the person's right, left. Their distance is the face's unit of length."""
EYE_CORNERS = ((33, 133), (263, 362))
"""Outer and inner corner of the person's right and left eye."""
IRISES = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))
"""Centre and four rim points of the person's right and left iris."""
FOREHEAD, CHIN, NOSE_TIP = 10, 152, 1
"""Highest and lowest point of the face's rim, and the tip of the nose."""
FACE_68 = (
    127, 234, 93, 132, 58, 136, 150, 176, 152, 400, 379, 365, 288, 361, 323, 454, 356,
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
)  # fmt: skip
"""Jaw, brows, nose and eyes: points 0 to 47 of the 68 of iBUG (Sagonas et al. 2013), which papers
speak of, among the tracker's 478."""
MOUTH_68 = (61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91, 78, 81, 13, 311, 308, 402, 14, 178)
"""Points 48 to 67 of the 68 of iBUG: the outer lips, then the inner ones."""
ALL_68 = (*FACE_68, *MOUTH_68)
"""The 68 points of iBUG: point k is the tracker's point ALL_68[k], the nearest that it has."""
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""The 36 points of the face's rim, clockwise as seen, from the forehead."""
INNER_UPPER_LIP = (191, 80, 81, 82, 13, 312, 311, 310, 415)
"""Lower edge of the upper lip, from the person's right to left, without the corners."""
INNER_LOWER_LIP = (95, 88, 178, 87, 14, 317, 402, 318, 324)
"""Upper edge of the lower lip, pairwise below `INNER_UPPER_LIP`."""
LIP_CORNERS = (78, 308)
"""Inner corners of the mouth: the person's right, left."""
MIDDLE_LIP_PAIRS = ((82, 87), (13, 14), (312, 317))
"""The pairs whose mean distance is called the inner-lip gap."""
NECK = (0.0, -1.1, -0.8)
"""Where the head turns: the top of the neck, in outer-eye distances from the eyes' middle."""
METRES = 0.09
"""Length of an outer-eye distance of an adult in metres."""
TALL_FACE = 1.55
"""Forehead to chin of an average face, in outer-eye distances; measures a head whose eyes' distance
is shortened by a turn."""
EYEBALL = 0.135
"""Radius of an eyeball in outer-eye distances: 12 mm where the outer corners are 89 mm apart."""

EMOTIONS = (
    "neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised", "contempt",
)  # fmt: skip
"""The eight emotions of MEAD (Wang et al., ECCV 2020)."""


def check_shape(name: str, array: np.ndarray, *expected: int | None) -> None:
    """Raise `ShapeError` unless `array` has the shape `expected` (None: any length)."""
    fits = array.ndim == len(expected) and all(
        e is None or e == n for e, n in zip(expected, array.shape, strict=True)
    )
    if not fits:
        words = ", ".join("*" if e is None else str(e) for e in expected)
        raise ShapeError(name, f"[{words}]", array.shape)


LOUDEST = 8.0
"""Samples over this are no sound in [-1, 1] that is too loud, but numbers of another scale."""


def check_loudness(
    what: str, samples: np.ndarray, rate: float = RATE, start_s: float = 0.0
) -> None:
    """Raise `BadMedia` unless samples [..., n] are finite and of the scale [-1, 1].

    `what` names them in the message; they begin at `start_s` seconds.
    """
    levels = np.abs(np.asarray(samples))
    if np.all(levels <= LOUDEST):
        return
    first = int(np.argmax(~(levels <= LOUDEST).reshape(-1, levels.shape[-1]).all(axis=0)))
    at = f"{start_s + first / rate:.3f} s"
    if not np.isfinite(levels[..., first]).all():
        raise BadMedia(f"{what} has a sample that is no number at {at}. Replace it, e.g. by 0.")
    top = float(levels[np.isfinite(levels)].max())
    raise BadMedia(
        f"{what} must be in [-1, 1], but goes up to {top:.6g} (beyond {LOUDEST:g} first at {at}). "
        "Divide 16-bit values by 32768."
    )


def rotation_matrix(angles: np.ndarray) -> np.ndarray:
    """Head rotation [..., 3, 3] of yaw, pitch, roll [..., 3] in radians, for x right, y up, z to
    the viewer: yaw > 0 turns to the picture's right, pitch > 0 up, roll > 0 clockwise as seen."""
    yaw, pitch, roll = np.moveaxis(np.asarray(angles), -1, 0)
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)
    cy, sy, cp, sp, cr, sr = (f(a) for a in (yaw, -pitch, -roll) for f in (np.cos, np.sin))

    def rows(*values: np.ndarray) -> np.ndarray:
        return np.stack(values, -1).reshape(*np.shape(yaw), 3, 3)

    about_y = rows(cy, zero, sy, zero, one, zero, -sy, zero, cy)
    about_x = rows(one, zero, zero, zero, cp, -sp, zero, sp, cp)
    about_z = rows(cr, -sr, zero, sr, cr, zero, zero, zero, one)
    return about_y @ about_x @ about_z


def rotation_angles(matrix: np.ndarray) -> np.ndarray:
    """Yaw, pitch, roll [..., 3] in radians: the inverse of `rotation_matrix`."""
    yaw = np.arctan2(matrix[..., 0, 2], matrix[..., 2, 2])
    pitch = np.arcsin(np.clip(matrix[..., 1, 2], -1, 1))
    roll = -np.arctan2(matrix[..., 1, 0], matrix[..., 1, 1])
    return np.stack([yaw, pitch, roll], -1)


def quaternions(angles: np.ndarray) -> Float:
    """Unit quaternions [..., 4] (x, y, z, w) of yaw, pitch, roll [..., 3] in radians: the same
    turns as `rotation_matrix`."""
    halves = np.moveaxis(np.asarray(angles, np.float64), -1, 0) / 2
    (cy, cp, cr), (sy, sp, sr) = np.cos(halves), np.sin(halves)
    sp, sr = -sp, -sr
    x, y, z, w = cy * sp, sy * cp, -sy * sp, cy * cp  # about y, then about x
    turned = (x * cr + y * sr, y * cr - x * sr, w * sr + z * cr, w * cr - z * sr)
    return np.stack(turned, -1).astype(np.float32)


def eye_distance(landmarks: np.ndarray) -> np.ndarray:
    """Distance of the outer eye corners [...] in the plane of the picture (x, y) of `landmarks`
    [..., 478, D], in their own unit."""
    right, left = (landmarks[..., corner, :2] for corner in OUTER_EYES)
    return np.asarray(np.linalg.norm(right - left, axis=-1))


def lip_gap(landmarks: np.ndarray) -> np.ndarray:
    """Inner-lip gap over the distance of the outer eye corners [...] of `landmarks` [..., 478, D].

    Never negative: it is a distance in the plane of the picture (x, y)."""
    flat = landmarks[..., :2]
    pairs = [
        np.linalg.norm(flat[..., a, :] - flat[..., b, :], axis=-1) for a, b in MIDDLE_LIP_PAIRS
    ]
    return np.mean(pairs, axis=0) / eye_distance(landmarks)


@dataclass(frozen=True)
class Phone:
    """One speech sound and when it is heard."""

    symbol: str
    """IPA, as the voice engine names it; "" or "_" is a pause."""
    start_s: float
    """Start in seconds from the beginning of the speech it belongs to."""
    end_s: float
    """End in seconds; the next phone starts here."""


@dataclass(frozen=True)
class Speech:
    """Sound, with what is known about it. A long speech travels as an iterator of pieces."""

    samples: Float
    """Mono sound [n] in [-1, 1] at 16 kHz."""
    text: str | None = None
    """Text that is spoken; None: not known."""
    phones: tuple[Phone, ...] | None = None
    """Exact phone times where we spoke it ourselves; None for recordings."""
    features: Float | None = None
    """Hidden features of the speech model [T, D], 100 rows a second, from which TTSF moves the
    lips; None: the speech was not made by such a model."""

    def __post_init__(self) -> None:
        check_shape("Speech.samples", self.samples, None)
        check_loudness("Speech.samples", self.samples)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / RATE


@dataclass(frozen=True)
class Emotion:
    """A feeling and how strong it is."""

    name: str = "neutral"
    """Name of the emotion, one of `EMOTIONS`."""
    intensity: float = 1.0
    """0 (not at all) to 1 (MEAD level 3)."""

    @classmethod
    def parse(cls, words: str | Emotion) -> Emotion:
        """An emotion from "happy" or "happy:0.7".

        Raises: UnknownName: not one of `EMOTIONS`. RequestError: the intensity is not 0 to 1.
        """
        if isinstance(words, Emotion):
            return words
        name, _, strength = words.strip().lower().partition(":")
        if name not in EMOTIONS:
            raise UnknownName("emotion", name, EMOTIONS)
        try:
            intensity = float(strength or 1)
        except ValueError:
            intensity = -1.0
        if not 0 <= intensity <= 1:
            raise RequestError(
                f"The intensity of an emotion is a number from 0 to 1, not {strength!r}; "
                f"for example {name}:0.7."
            )
        return cls(name, intensity)


@dataclass(frozen=True)
class Cues:
    """What the movers hear, a row a video frame; any field may be absent."""

    content: Float
    """Probabilities of the sound classes [T, C] (`listen.sounds.CLASSES`), rows sum to 1."""
    prosody: Float
    """[T, 3]: log-energy (0 = silence, 1 = loud), log-F0 relative to the voice's own median in
    octaves (0 where unvoiced), voicing in [0, 1]."""
    emotion: Emotion = field(default_factory=Emotion)
    identity: Float | None = None
    """Vector that tells who speaks [D]; None: not known."""
    instruction: str | None = None
    """Description in words of what the face shall do; None: nothing is asked for."""

    def __post_init__(self) -> None:
        check_shape("Cues.content", self.content, None, None)
        check_shape("Cues.prosody", self.prosody, len(self.content), 3)

    def __len__(self) -> int:
        return len(self.content)


@dataclass(frozen=True)
class Face:
    """A picture of a person and what the tracker knows about it."""

    picture: Bytes
    """Picture that shows the face, RGB uint8 [H, W, 3], upright."""
    landmarks: Float
    """The tracker's 478 points [478, 3] in picture pixels: x right, y down, z away from the
    viewer (relative depth, same scale as x)."""
    identity: Float
    """`face478` identity coefficients [I], in standard deviations."""
    expression: Float
    """`face478` expression coefficients [52] in [0, 1] of the picture as it is."""
    pose: Float
    """Head pose [6]: yaw, pitch, roll in radians; x, y, z in outer-eye distances."""
    matte: Float
    """How much each pixel belongs to the person [H, W] in [0, 1]."""
    box: tuple[int, int, int, int]
    """The square around the head that is animated: left, top, right, bottom in picture pixels;
    may reach over the picture's edge."""

    def __post_init__(self) -> None:
        check_shape("Face.picture", self.picture, None, None, 3)
        check_shape("Face.landmarks", self.landmarks, 478, 3)
        check_shape("Face.identity", self.identity, None)
        check_shape("Face.expression", self.expression, len(ARKIT))
        check_shape("Face.pose", self.pose, 6)
        check_shape("Face.matte", self.matte, *self.picture.shape[:2])


@dataclass(frozen=True)
class Motion:
    """Movement of a face, one row a video frame."""

    expression: Float
    """[T, E] in the named `space`; for "arkit52" values in [0, 1], 0 = the relaxed face."""
    pose: Float
    """[T, 6]: yaw, pitch, roll in radians; x, y, z in outer-eye distances; 0 = facing as in the
    picture (or straight ahead where there is none)."""
    gaze: Float
    """[T, 2]: yaw, pitch of both eyes in radians relative to the head; 0 = as in the picture."""
    space: str = "arkit52"
    """Name of the coordinates of `expression`: "arkit52" for ARKit coefficients, or the name that a
    system gives its own (its page says what they are). Renderers refuse a space they do not
    know."""
    fps: int = FPS
    """Rows a second, one of `RATES`; every mover gives 25, `move.rate.at_rate` the others."""

    def __post_init__(self) -> None:
        check_shape("Motion.expression", self.expression, None, None)
        if self.space == "arkit52":
            check_shape("Motion.expression", self.expression, None, len(ARKIT))
        check_shape("Motion.pose", self.pose, len(self.expression), 6)
        check_shape("Motion.gaze", self.gaze, len(self.expression), 2)

    def __len__(self) -> int:
        return len(self.expression)

    def __getitem__(self, part: slice) -> Motion:
        """The frames of `part`, as a Motion."""
        rows = self.expression[part], self.pose[part], self.gaze[part]
        return Motion(*rows, self.space, self.fps)


@dataclass(frozen=True)
class Chunk:
    """A stretch of finished clip: pictures and the sound that belongs to them."""

    frames: Bytes
    """Pictures of the clip, RGB uint8 [T, H, W, 3]."""
    samples: Float
    """Sound [n] in [-1, 1] at 16 kHz, as long as the pictures are shown: 640 samples a picture at
    25 a second; where a picture's share is no whole number, n is one of the two nearest."""
    fps: int = FPS
    """Pictures a second, one of `RATES`."""
    alpha: Bytes | None = None
    """How much of each pixel is seen [T, H, W], 0 (transparent) to 255; None: all is."""

    def __post_init__(self) -> None:
        check_shape("Chunk.frames", self.frames, None, None, None, 3)
        if self.alpha is not None:
            check_shape("Chunk.alpha", self.alpha, *self.frames.shape[:3])
        check_shape("Chunk.samples", self.samples, None)
        wanted = len(self.frames) * RATE / self.fps
        if abs(len(self.samples) - wanted) >= 1:
            raise ShapeError("Chunk.samples", f"[{wanted:g}]", self.samples.shape)


class Voice(Protocol):
    """Anything that speaks a text. A new kind of voice (a learned one, a cloned one) implements
    this and no more."""

    name: str
    """Name of the voice, as `--voice` takes it."""
    language: str
    """Language of the voice as a BCP-47 tag, e.g. "en-gb"."""

    def speak(self, text: str, emotion: Emotion, rate: float = 1.0) -> Iterator[Speech]:
        """Speak `text` piece by piece (about a sentence each), with phone times per piece, at
        `rate` times the voice's own speed."""
        ...


class FaceModel(Protocol):
    """A linear 3D face: neutral + identity + expression. FLAME, BFM, ICT-FaceKit, face478."""

    @property
    def neutral(self) -> Float:
        """Mean face at rest [V, 3] in outer-eye distances: x to the picture's right, y up, z toward
        the viewer."""

    @property
    def identity(self) -> Float:
        """Displacement of every vertex by one standard deviation of each identity direction
        [I, V, 3]."""

    @property
    def expression(self) -> Float:
        """Displacement of every vertex by the full action of each expression [E, V, 3]."""

    @property
    def expression_names(self) -> tuple[str, ...]:
        """Names of the E expressions; those of ARKit where the model has them."""

    @property
    def triangles(self) -> NDArray[np.int32]:
        """Vertex indices of the triangles [F, 3], counter-clockwise seen from outside."""

    def vertices(self, identity: Float, expression: Float) -> Float:
        """The face with these coefficients [V, 3] (or [T, V, 3] for [T, E] expression)."""
        ...


Progress: TypeAlias = Callable[[float, str], None]
"""Function that is called with the seconds of the clip that are finished and the name of the
step."""
