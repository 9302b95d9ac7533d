"""What the systems of this version are, for people: read from what each says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from vivavoce.systems import SYSTEMS, located
from vivavoce.systems.options import Described
from vivavoce.systems.talker import ASKED, INPUTS, MADE, OUTPUTS, About


@dataclass(frozen=True)
class Listed:
    """One system, as `vivavoce systems` shows it."""

    name: str
    title: str
    """Sentence that says what the system makes of what."""
    checkpoint: str
    """The folder's name of its checkpoint; "" if none ships."""
    needs: tuple[tuple[str, ...], ...]
    """Inputs that must be given: one of each group."""
    takes: tuple[str, ...]
    """Inputs that may be given besides."""
    gives: tuple[str, ...]
    """Outputs that the system can make."""
    space: str | None
    """What the numbers of its motion mean; None: it has none."""
    options: tuple[Described, ...]
    """Options that only this system has, for --set."""
    good_for: str
    """What its checkpoint can and cannot do, from the model card."""

    def line(self) -> str:
        """Two lines that show the system in a list."""
        needs = " + ".join(" or ".join(group).replace("_", "-") for group in self.needs)
        return f"{self.name:12s} {needs:32s} -> {', '.join(self.gives)}\n{'':12s} {self.title}"

    def page(self) -> str:
        """Page for people with everything that is known about the system."""
        groups = [" or ".join(ASKED[name] for name in group) for group in self.needs]  # type: ignore[index]
        lines = [f"{self.name}: {self.title}", ""]
        lines += ["needs    " + groups[0], *("         " + group for group in groups[1:])]
        for i, name in enumerate(self.takes):
            lines.append(f"{'' if i else 'takes':8s} {ASKED[name]}")  # type: ignore[index]
        for i, name in enumerate(self.gives):
            space = f", in the space {self.space}" if name == "motion" else ""
            lines.append(f"{'' if i else 'gives':8s} {MADE[name]}{space}")  # type: ignore[index]
        lines += ["", "options (--set name=value)" if self.options else "no options of its own"]
        for option in self.options:
            lines.append(f"  {option.name}={option.default}   ({option.kind})")
            lines.append(f"      {option.meaning}")
        lines += ["", f"{self.checkpoint or 'no checkpoint ships'}: {self.good_for or 'no word.'}"]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """The description as plain values that JSON can hold."""
        return {**vars(self), "options": [vars(option) for option in self.options]}


def listed() -> list[Listed]:
    """Every system of this version, with the checkpoint that ships."""
    return [described(name) for name in SYSTEMS]


def described(name: str) -> Listed:
    """The system called `name`, or that of a checkpoint folder.

    Raises: UnknownName: there is none. RequestError, BadCheckpoint: see `systems.load_system`.
    """
    talker, folder = located(name)
    system = talker.name
    about = About.read(folder)
    title = (import_module(SYSTEMS[system]).__doc__ or "").partition("\n\n")[0]
    return Listed(
        system,
        " ".join(title.partition(": ")[2].split()),
        about.name if folder.is_dir() else "",
        tuple(tuple(n for n in INPUTS if n in group) for group in talker.needs),
        tuple(n for n in INPUTS if n in talker.takes),
        tuple(n for n in OUTPUTS if n in talker.gives),
        talker.space,
        tuple(talker.options_type.described(about.options)),
        about.good_for,
    )
