"""data: data sets on disk, and the open corpus → shards of samples (`schema.py` is the table)."""
