"""listen: `Speech` → `Cues`."""
