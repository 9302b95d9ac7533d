"""Many clips from one list: every row is checked before the first is made, and a stopped run goes on.

list ──read_rows──▶ Row ──plan──▶ Work ──spread──▶ file and sidecar ──▶ status.jsonl
"""  # noqa: E501
