"""look: picture → `Face`."""
