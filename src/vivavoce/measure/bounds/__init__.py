"""bounds: one system against what it promises: speed, memory, lips, head, sync."""
