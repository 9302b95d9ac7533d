"""What is asked of a face, as a value: a feeling, acts, and the row of numbers that shows them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vivavoce.listen.instruction.lexicon import ACTS
from vivavoce.types import ARKIT, ARKIT_INDEX, Float


@dataclass(frozen=True)
class Done:
    """An act that is asked for."""

    act: str
    """One of `lexicon.ACTS`."""
    factor: float = 1.0
    """Factor on the act's usual strength."""
    side: str = ""
    """The person's side, "Left" or "Right"; "": both."""

    @property
    def units(self) -> dict[str, float]:
        """Coefficients by their ARKit names, with their strengths."""
        found: dict[str, float] = {}
        for name, strength in ACTS[self.act].units.items():
            for side in sides_of(name):
                if not self.side or not side.endswith(("Left", "Right")) or (
                    name not in ARKIT_INDEX and side.endswith(self.side)
                ):  # fmt: skip
                    found[side] = float(np.clip(strength * self.factor, 0, 1))
        return found


@dataclass(frozen=True)
class Asked:
    """Everything that one instruction asks for."""

    feeling: str | None = None
    """One of `types.EMOTIONS`; None: no feeling is named."""
    level: int = 2
    """How strong the feeling is, 1 to 3, as MEAD counts."""
    acts: tuple[Done, ...] = ()
    """Acts besides, in the order in which they are said."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for."""
        return self.feeling is None and not self.acts

    def units(self) -> dict[str, float]:
        """Coefficients that the acts ask for, by ARKit name; the feeling's are not among them."""
        found: dict[str, float] = {}
        for done in self.acts:
            for name, strength in done.units.items():
                found[name] = max(found.get(name, 0.0), strength)
        return found

    def row(self) -> Float:
        """The acts as a row [57]: ARKit coefficients, then yaw, pitch and roll of the head and yaw
        and pitch of the gaze in radians; the feeling is not in it."""
        row = np.zeros(len(ARKIT) + 5, np.float32)
        for name, strength in self.units().items():
            row[ARKIT_INDEX[name]] = strength
        for done in self.acts:
            act = ACTS[done.act]
            row[len(ARKIT) :] += np.radians([*act.turn, *act.look]) * done.factor
        return row


def sides_of(name: str) -> list[str]:
    """The ARKit names of a unit: itself, or both sides of it."""
    return [name] if name in ARKIT_INDEX else [f"{name}Left", f"{name}Right"]


def base(name: str) -> str:
    """A coefficient's name without its side."""
    for side in ("Left", "Right"):
        if name.endswith(side) and name.removesuffix(side) + "Left" in ARKIT_INDEX:
            short = name.removesuffix(side)
            return name if short in ("jaw", "mouth") else short
    return name
