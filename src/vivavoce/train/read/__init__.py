"""read: what trainings learn from, drawn from shards, real clips and word lists."""
