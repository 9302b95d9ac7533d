"""Trains a packed recipe on a bare GPU machine; see scripts/train_gpu.py.

First a corpus is drawn with all processor cores, from voices that travelled; then every lane of the
recipe trains in a process of its own, all at once: small networks leave most of a GPU idle. A lane
waits for what it begins with. Checkpoints, losses and logs go to --out, a tar file a lane.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
WARM = 5
"""Steps of a stage that are not timed."""
LEFT_S = 20.0
"""Time that is kept for bringing what was made."""


def main() -> None:
    begun = time.monotonic()
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--steps", type=int, help="so many steps of every stage: a trial")
    parser.add_argument("--people", type=int, help="fewer people: a trial")
    parser.add_argument("--lane", help="train this lane alone, in --work")
    parser.add_argument("--work", type=Path, help="where the corpus is")
    asked = parser.parse_args()
    recipe = json.loads((HERE / "recipe.json").read_text())
    if asked.lane:
        train_lane(recipe, asked.lane, asked.work, asked.steps)
        return
    work = Path(tempfile.mkdtemp())
    draw_corpus(recipe, work, asked.people or recipe["people"])
    print(f"corpus: {time.monotonic() - begun:.0f} s", flush=True)
    train_lanes(recipe, work, asked.steps, begun + 60 * recipe["minutes"] - LEFT_S)
    bring(recipe, work, asked.out)
    print(f"done after {time.monotonic() - begun:.0f} s", flush=True)


def draw_corpus(recipe: dict[str, Any], work: Path, people: int) -> None:
    """The corpus of the recipe, with the voices that travelled."""
    from vivavoce.data.corpus.make import make_corpus

    unpack_voices(HERE / "voices", work / "takes")
    make_corpus(
        work / "corpus", people, recipe["clips"], recipe["seed"], recipe["size"],
        workers=os.cpu_count() or 1, layers=False, video=False, takes=work / "takes",
    )  # fmt: skip


def unpack_voices(folder: Path, out: Path) -> None:
    """Opus files and what is known of them → takes that the corpus reads."""
    import soundfile

    from vivavoce.data.corpus.takes import save, take_of

    out.mkdir(parents=True)
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            held = {m.name: tar.extractfile(m).read() for m in tar}
        takes = {}
        for name, about in json.loads(held["about.json"]).items():
            sound, _ = soundfile.read(io.BytesIO(held[f"{name}.ogg"]), dtype="float32")
            takes[name] = take_of(about, sound[: about["samples"]])
        save(out / f"{path.stem}.npz", takes)


def train_lanes(recipe: dict[str, Any], work: Path, steps: int | None, end: float) -> None:
    """All lanes at once; what is not done at `end` is stopped."""
    (work / "logs").mkdir()
    (work / "done").mkdir()
    running = {}
    for lane in recipe["lanes"]:
        command = [sys.executable, "-u", __file__, "--lane", lane["name"], "--work", str(work)]
        command += ["--steps", str(steps)] if steps else []
        log = (work / "logs" / f"{lane['name']}.txt").open("w")
        running[lane["name"]] = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    for name, process in running.items():
        try:
            code = process.wait(max(0.0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            code = "stopped: no time was left"  # type: ignore[assignment]
        print(f"lane {name}: {code}\n{tail(work / 'logs' / f'{name}.txt')}", flush=True)


def tail(log: Path) -> str:
    """The lines of a lane's log that matter: times and errors."""
    lines = log.read_text().splitlines()
    told = [line for line in lines if line.startswith("==")]
    return "\n".join(told + (lines[-12:] if any("Error" in line for line in lines) else []))


def train_lane(recipe: dict[str, Any], name: str, work: Path, steps: int | None) -> None:
    """The stages of a lane, one after the other."""
    import torch

    from vivavoce.train import train_system, trainable_of

    torch.set_float32_matmul_precision("high")
    (lane,) = (lane for lane in recipe["lanes"] if lane["name"] == name)
    kind = trainable_of(lane["system"])
    times: list[float] = []
    watch = kind.watch

    def timed(self: Any, stage: Any, step: int, losses: Any) -> None:
        times.append(time.monotonic())
        watch(self, stage, step, losses)

    kind.watch = timed  # type: ignore[method-assign]
    out = work / name
    for stage, count in lane["stages"].items():
        wait(work, lane.get("after", {}).get(stage, []))
        times.clear()
        begun = time.monotonic()
        start = [f"{work}/{run}" for run in lane.get("from", {}).get(stage, [])]
        changes = [c for c in lane["changes"] if "." not in c or c.startswith(f"{stage}.")]
        train_system(
            lane["system"], out, work / "corpus", stage=stage, seed=recipe["train_seed"],
            changes=[*changes, f"{stage}.steps={steps or count}"], resume=out.exists(),
            start=start,
        )  # fmt: skip
        (work / "done" / f"{name}.{stage}").touch()
        rate = (len(times) - 1 - WARM) / max(times[-1] - times[WARM], 1e-9)
        whole = time.monotonic() - begun
        print(f"== {stage}: {len(times)} steps, {rate:.1f} a second, {whole:.0f} s in all")


def wait(work: Path, markers: list[str]) -> None:
    """Until other lanes have finished those stages."""
    while not all((work / "done" / marker).exists() for marker in markers):
        if list((work / "done").glob("*.failed")):
            sys.exit("== another lane failed")
        time.sleep(0.5)


def bring(recipe: dict[str, Any], work: Path, out: Path) -> None:
    """A tar file a lane: its checkpoint, losses, last strip and log; not the run's state."""
    out.mkdir(parents=True, exist_ok=True)
    for lane in recipe["lanes"]:
        made = work / lane["name"]
        with tarfile.open(out / f"{lane['name']}.tar", "w") as tar:
            tar.add(work / "logs" / f"{lane['name']}.txt", "log.txt")
            for path in made.glob("*") if made.exists() else []:
                if path.is_file():
                    tar.add(path, path.name)
            losses = made / "training/losses.jsonl"
            if losses.exists():
                packed = gzip.compress(losses.read_bytes())
                about = tarfile.TarInfo("losses.jsonl.gz")
                about.size = len(packed)
                tar.addfile(about, io.BytesIO(packed))
            strips = (made / "training/strips").glob("*.png")
            for path in sorted(strips, key=lambda p: p.stat().st_mtime)[-1:]:
                tar.add(path, path.name)


if __name__ == "__main__":
    try:
        main()
    except BaseException as error:
        if "--lane" in sys.argv and not (isinstance(error, SystemExit) and not error.code):
            work = Path(sys.argv[sys.argv.index("--work") + 1])
            (work / "done" / f"{sys.argv[sys.argv.index('--lane') + 1]}.failed").touch()
            traceback.print_exc()
        raise
