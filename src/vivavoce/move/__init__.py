"""move: `Cues` (+ `Face`) → `Motion`."""

from vivavoce.move.mover import PortraitMover, load_mover

__all__ = ["PortraitMover", "load_mover"]
