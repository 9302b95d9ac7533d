"""A system films all cases of a suite in a process of its own: its time and memory are its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from vivavoce.data.corpus.sentences import SENTENCES
from vivavoce.errors import RequestError, VivavoceError
from vivavoce.measure.bench.suite import Case, seconds, write_clip
from vivavoce.measure.memory import peak_gb
from vivavoce.systems.talker import Talker
from vivavoce.types import FPS, Speech

JOB, DONE = "job.json", "done.json"
SENTENCE_S = 3.0
"""How long a corpus sentence takes, about."""


@dataclass
class Filmed:
    """What one system did over a suite."""

    seconds_made: float = 0.0
    """Seconds of video that were made."""
    work_s: float = 0.0
    """Wall seconds of work for that video, loading and the first clip (which compiles) left out."""
    first_frame_s: list[float] = field(default_factory=list)
    """Seconds from each request to its first frames."""
    stages_s: dict[str, float] = field(default_factory=dict)
    """Seconds by stage, as the system's own clock tells."""
    peak_gb: float = 0.0
    """Largest resident memory of its own process, see `measure.memory.peak_gb`."""
    failed: dict[str, str] = field(default_factory=dict)
    """Key of a case → the reason why it could not be made."""

    @property
    def pace(self) -> float:
        """Seconds of work for a second of video; under 1 is faster than real time."""
        return self.work_s / self.seconds_made if self.seconds_made else float("nan")


def film_system(
    name: str,
    cases: Sequence[Case],
    out: Path,
    seeds: int,
    options: Mapping[str, Any] | None = None,
    device: str = "cpu",
) -> Filmed:
    """Let the system `name` make every case, with seeds 0 to `seeds` - 1: `out/SEED/KEY.mp4`.

    `options` are the system's own (sdm's `without`, say), as JSON can hold them; its networks run
    on `device`.

    Raises: VivavoceError: the system cannot be loaded or its process broke; says why.
    """
    out.mkdir(parents=True, exist_ok=True)
    for case in cases:
        np.savez(out / f"{case.key}.npz", portrait=case.portrait, samples=case.samples)
    texts = {c.key: c.text or stand_in(i, seconds(c)) for i, c in enumerate(cases)}
    job = {
        "system": name, "seeds": seeds, "cases": texts, "options": dict(options or {}),
        "device": device,
    }  # fmt: skip
    (out / JOB).write_text(json.dumps(job), "utf-8")
    command = [sys.executable, "-m", "vivavoce.measure.bench.contender", str(out)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        why = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise VivavoceError(f"{name} could not be run: {why}")
    for case in cases:
        (out / f"{case.key}.npz").unlink()
    return Filmed(**json.loads((out / DONE).read_text("utf-8")))


def stand_in(number: int, length_s: float) -> str:
    """What a system that speaks itself says for clip `number`, whose words are not known: corpus
    sentences of about the clip's length, other ones for each clip."""
    count = max(1, round(length_s / SENTENCE_S))
    return " ".join(SENTENCES[number * count : (number + 1) * count])


def _work(out: Path) -> Filmed:
    """The figures of the process, which makes every case of the job in the folder."""
    import vivavoce

    job = json.loads((out / JOB).read_text("utf-8"))
    system = vivavoce.load(job["system"], job["device"])
    filmed, warm = Filmed(), False
    for key, text in job["cases"].items():
        held = np.load(out / f"{key}.npz")
        asked = request(type(system), held["portrait"], held["samples"], text) | job["options"]
        for seed in range(job["seeds"]):
            try:
                taken = _film(system, asked, seed, out / str(seed) / f"{key}.mp4")
            except VivavoceError as refusal:
                filmed.failed[key] = str(refusal)
                break
            if not warm:  # the first clip compiles and allocates: its time is not counted
                warm = True
                continue
            filmed.seconds_made += taken.seconds
            filmed.work_s += taken.work_s
            filmed.first_frame_s.append(taken.first_s)
            for stage, spent in taken.stages_s.items():
                filmed.stages_s[stage] = filmed.stages_s.get(stage, 0.0) + spent
    filmed.peak_gb = peak_gb()
    return filmed


def request(
    system: type[Talker], portrait: Any, samples: Any, text: str | None
) -> dict[str, Any]:  # fmt: skip
    """What a system is asked with, by what it says that it needs: all get the same picture and the
    same recording where they can use it; those that follow no recording get the text."""
    at_hand = {
        "portrait": portrait, "speech": Speech(samples), "text": text,
        "voice_sample": Speech(samples), "pose": portrait,
    }  # fmt: skip
    asked: dict[str, Any] = {}
    for choice in system.needs_for("pictures"):
        found = next((n for n, v in at_hand.items() if n in choice and v is not None), None)
        if found is None:
            raise RequestError(
                f"A suite holds no {' or '.join(sorted(choice))}, which the system {system.name} "
                "needs: it cannot be compared on clips."
            )
        asked[found] = at_hand[found]
    return asked


@dataclass(frozen=True)
class Made:
    """The times that one clip took, in seconds."""

    seconds: float
    work_s: float
    first_s: float
    stages_s: Mapping[str, float]


def _film(system: Talker, asked: Mapping[str, Any], seed: int, path: Path) -> Made:
    """Make one clip; writing the file is not counted as work."""
    started = perf_counter()
    clip = system(**asked, seed=seed, size=None)
    chunks = iter(clip)
    parts = [next(chunks)]
    first = perf_counter() - started
    parts += chunks
    work = perf_counter() - started
    frames = np.concatenate([part.frames for part in parts])
    path.parent.mkdir(exist_ok=True)
    write_clip(path, frames, np.concatenate([part.samples for part in parts]))
    return Made(len(frames) / FPS, work, first, clip.clock.seconds)


def main() -> None:
    """The process: reads the job in a folder, leaves clips and figures there."""
    out = Path(sys.argv[1])
    try:
        filmed = _work(out)
    except VivavoceError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    (out / DONE).write_text(json.dumps(asdict(filmed)), "utf-8")


if __name__ == "__main__":
    main()
