"""train: data → checkpoints."""
