"""move: `Cues` (+ `Face`) → `Motion`."""
