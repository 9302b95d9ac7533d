"""corpus: people who do not exist, what they say and how; made on the spot from a seed."""
