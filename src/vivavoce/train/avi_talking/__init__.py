"""Training of AVI-Talking."""
