"""train: data → checkpoints."""

from __future__ import annotations

from pathlib import Path

from vivavoce.errors import RequestError, UnknownName

SYSTEMS = ("portrait",)


def train_system(system: str, stage: str, real: Path, output: Path, seed: int) -> None:
    """Train a stage of a system, or all of them, into the checkpoint folder `output`.

    Raises: UnknownName: no such system or stage. RequestError: there is no training data in `real`.
    """
    if system not in SYSTEMS:
        raise UnknownName("system to train", system, SYSTEMS)
    from vivavoce.train.portrait import STAGES

    if stage not in (*STAGES, "all"):
        raise UnknownName("stage", stage, (*STAGES, "all"))
    if not (real / "manifest.csv").is_file():
        raise RequestError(
            f"There is no manifest.csv in {real}. Give the folder of real clips with --real; "
            "its manifest says for each clip whether it may train what ships."
        )
    output.mkdir(parents=True, exist_ok=True)
    for name in STAGES if stage == "all" else (stage,):
        print(f"stage {name}", flush=True)
        STAGES[name](real, output, seed)
