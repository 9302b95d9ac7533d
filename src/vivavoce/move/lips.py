"""Sounds → lips: a small convolutional network with explicit closures and an explicit rest.

A regression alone leaves the lips ajar on p, b, m and never quite still in a pause. So the network
also says how surely the lips are sealed and how surely the face rests, and these two probabilities
pull what opens the mouth down to exactly nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vivavoce.errors import BadCheckpoint
from vivavoce.nn.weights import read_weights
from vivavoce.types import ARKIT, ARKIT_INDEX, Cues, Float

CONTROLS: dict[str, tuple[str, ...]] = {
    "jaw": ("jawOpen",),
    "thrust": ("jawForward",),
    "funnel": ("mouthFunnel",),
    "pucker": ("mouthPucker",),
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "dimple": ("mouthDimpleLeft", "mouthDimpleRight"),
    "stretch": ("mouthStretchLeft", "mouthStretchRight"),
    "roll_lower": ("mouthRollLower",),
    "roll_upper": ("mouthRollUpper",),
    "shrug_lower": ("mouthShrugLower",),
    "shrug_upper": ("mouthShrugUpper",),
    "press": ("mouthPressLeft", "mouthPressRight"),
    "lower_down": ("mouthLowerDownLeft", "mouthLowerDownRight"),
    "upper_up": ("mouthUpperUpLeft", "mouthUpperUpRight"),
}
"""What the lips do in speech, both sides alike, and the ARKit coefficients that show it."""
CONTROL_INDEX = {name: i for i, name in enumerate(CONTROLS)}
OPENERS = ("funnel", "lower_down", "upper_up", "shrug_upper")
"""Controls besides the jaw that part the lips; a closure takes them away."""
PAST, AHEAD = 11, 5
"""Frames before and after a frame that decide about it: 0.44 s and 0.2 s."""
PROSODY = 3
_JAW_IN_CLOSURE = 0.25  # of the jaw's opening stays while the lips are sealed
_CLOSE_PER_JAW = 0.347 / 0.424  # mouthClose that cancels the lip gap of jawOpen in face478
_PRESS_IN_CLOSURE, _ROLL_IN_CLOSURE = 0.15, 0.10
_SURE, _UNSURE = 0.50, 0.20  # above: fully sealed (or at rest); below: not at all


def control_matrix() -> Float:
    """Matrix [14, 52] that turns lip controls into ARKit coefficients."""
    matrix = np.zeros((len(CONTROLS), len(ARKIT)), np.float32)
    for row, names in enumerate(CONTROLS.values()):
        matrix[row, [ARKIT_INDEX[name] for name in names]] = 1
    return matrix


class LipNet(nn.Module):
    """Content and prosody → controls, closure and rest; a window of 17 frames decides each one."""

    def __init__(self, classes: int, width: int = 112) -> None:
        super().__init__()
        self.classes = classes
        self.into = nn.Conv1d(classes + PROSODY, width, 1)
        self.layers = nn.ModuleList(nn.Conv1d(width, width, 5) for _ in range((PAST + AHEAD) // 4))
        self.out = nn.Conv1d(width, len(CONTROLS) + 2, 1)

    def forward(self, cues: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Raw controls, closure and rest of cues that carry their context.

        Args:
            cues: [B, 11 + T + 5, C + 3]: content and prosody.

        Returns:
            Controls [B, T, 14] in [0, 1] as if the lips were free; logits of closure [B, T]; logits
            of rest [B, T].
        """
        x = self.into(cues.transpose(1, 2))
        for layer in self.layers:
            x = x[..., 2:-2] + functional.gelu(layer(x))
        y = self.out(x).transpose(1, 2)
        return torch.sigmoid(y[..., :-2] - 2), y[..., -2], y[..., -1]


def certain(logits: Tensor) -> Tensor:
    """Probability in [0, 1] of `logits`, stretched so that 0.5 and more gives exactly 1 and 0.2 and
    less exactly 0."""
    return ((torch.sigmoid(logits) - _UNSURE) / (_SURE - _UNSURE)).clamp(0, 1)


def compose(free: Tensor, closed: Tensor, rest: Tensor, to_arkit: Tensor) -> Tensor:
    """ARKit coefficients [..., 52] of free controls [..., 14], closure [...] and rest [...].

    A sealed mouth keeps a part of the jaw's opening, as real ones do between two open vowels, and
    `mouthClose` takes its gap away; the lips press a little. At rest everything is 0.
    """
    shut = closed.unsqueeze(-1)
    awake = (1 - rest).unsqueeze(-1)
    scale = torch.ones_like(free)
    columns = [CONTROL_INDEX[name] for name in OPENERS]
    scale[..., columns] = 1 - shut
    jaw = CONTROL_INDEX["jaw"]
    scale[..., jaw : jaw + 1] = 1 - (1 - _JAW_IN_CLOSURE) * shut
    pressed = torch.zeros_like(free)
    pressed[..., CONTROL_INDEX["press"]] = _PRESS_IN_CLOSURE
    pressed[..., CONTROL_INDEX["roll_lower"]] = _ROLL_IN_CLOSURE
    controls = (free * scale + pressed * shut) * awake
    expression = controls @ to_arkit
    close = controls[..., jaw] * closed * _CLOSE_PER_JAW
    index = torch.full((1,), ARKIT_INDEX["mouthClose"], device=free.device)
    return expression.index_add(-1, index, close.unsqueeze(-1)).clamp(0, 1)


def stack_cues(cues: Cues) -> Float:
    """Content and prosody of `cues` side by side [T, C + 3], as the lip network reads them."""
    return np.concatenate([cues.content, cues.prosody], 1).astype(np.float32)


def quiet_cues(frames: int, classes: int) -> Float:
    """Cues of silence [frames, C + 3]: class 0 is silence."""
    row = np.zeros((frames, classes + PROSODY), np.float32)
    row[:, 0] = 1
    return row


class Lips:
    """Trained lip network, with the gain it is used with; turns cues into ARKit coefficients."""

    def __init__(self, net: LipNet, gain: float = 1.0) -> None:
        self.net = net.eval()
        self.gain = gain
        """Factor on the free controls, set after training so that vowels open as real ones do."""
        self.to_arkit = torch.from_numpy(control_matrix())

    @classmethod
    def load(cls, file: Path) -> Lips:
        """Lips with the weights in `file` (safetensors).

        Raises: BadCheckpoint: the file is missing, damaged, or of another part or version.
        """
        tensors, metadata = read_weights(file, "lips")
        try:
            net = LipNet(int(metadata["classes"]), int(metadata["width"]))
            net.load_state_dict(tensors)
            return cls(net, float(metadata["gain"]))
        except (KeyError, ValueError, RuntimeError) as error:
            raise BadCheckpoint(f"{file} does not fit this version ({error}).") from None

    def stream(self) -> LipStream:
        """Stream of lip movements for a new clip."""
        return LipStream(self)

    @torch.inference_mode()
    def expression(self, cues: Float) -> tuple[Float, Float]:
        """Coefficients [T, 52] and closure [T] for cues [11 + T + 5, C + 3]."""
        free, closed, rest = self.net(torch.from_numpy(cues)[None])
        shut = certain(closed)
        coefficients = compose(free * self.gain, shut, certain(rest), self.to_arkit)
        return coefficients[0].numpy(), torch.maximum(shut, certain(rest))[0].numpy()


class LipStream:
    """Lip movements of one clip, piece by piece; the pieces together are bit for bit what the whole
    clip would give."""

    def __init__(self, lips: Lips) -> None:
        self._lips = lips
        self._held = quiet_cues(PAST, lips.net.classes)

    def push(self, cues: Float) -> tuple[Float, Float]:
        """Take cues [n, C + 3]; give what can be decided: coefficients [m, 52], closure [m]."""
        self._held = np.concatenate([self._held, cues])
        if len(self._held) <= PAST + AHEAD:
            return np.zeros((0, len(ARKIT)), np.float32), np.zeros(0, np.float32)
        result = self._lips.expression(self._held)
        self._held = self._held[-(PAST + AHEAD) :]
        return result

    def finish(self) -> tuple[Float, Float]:
        """Coefficients [m, 52] and closure [m] of the frames that still wait, as if silence
        followed."""
        return self.push(quiet_cues(AHEAD, self._lips.net.classes))
