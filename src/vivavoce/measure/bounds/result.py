"""The result of a run against the bounds: figures, clips, failures."""

from __future__ import annotations

from dataclasses import dataclass, field

from vivavoce.measure.bounds.take import Take
from vivavoce.measure.figures import Figure


@dataclass(frozen=True)
class BoundsResult:
    """Everything that a run of `vivavoce bounds` found out."""

    figures: tuple[Figure, ...]
    """The figures with their bounds and verdicts, in the order of the report."""
    takes: tuple[Take, ...]
    """The clips that the figures were measured on."""
    failures: tuple[tuple[str, str], ...]
    """Portraits that could not be made to speak and steps that broke, each with the reason."""
    untracked: tuple[tuple[str, str], ...]
    """Portraits in which `look` finds nobody to animate, each with the reason."""
    about: dict[str, str] = field(default_factory=dict)
    """Version, system, machine, judge, data, seeds, length of the run: the head of the report."""

    @property
    def passed(self) -> bool:
        """True if no bound is missed and nothing broke."""
        return not self.failures and not any(f.passed is False for f in self.figures)
