"""engine: the one training loop, and what it needs: checkpoints, settings, freezing, devices."""
