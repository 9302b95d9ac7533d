"""Many clips from a list, in a program."""

import json
from pathlib import Path

from vivavoce.batch.run import run_batch

rows = [{"portrait": "me.png", "text": f"Number {n}.", "size": 128} for n in (1, 2)]
Path("list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
report = run_batch(Path("list.jsonl"), Path("clips"))
print(f"{report.made} made, {report.kept} kept, {report.failed} failed: {report.status}")
