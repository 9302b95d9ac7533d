"""The command for training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def train(
    system: Annotated[str, typer.Argument(help="What to train, e.g. portrait.")] = "portrait",
    preset: Annotated[str, typer.Option(help="tiny, or paper: the paper's own size.")] = "tiny",
    stage: Annotated[str, typer.Option(help="One stage, or all of them in order.")] = "all",
    data: Annotated[
        Path | None,
        typer.Option("--data", "--real", help="Shards; for portrait the folder of real clips."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--out", "--output", help="The checkpoint; runs/SYSTEM-PRESET if none."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting: steps=100, lips.batch=8, losses.gap=3, ..."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    start: Annotated[
        list[str] | None,
        typer.Option("--from", help="Begin with a run's weights: FOLDER, or FOLDER:PART."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print stages, parameters and memory; train nothing.")
    ] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Of weights, samples and noise.")] = None,
    device: Annotated[
        str, typer.Option(help="cpu, cuda, cuda:1, or auto: a GPU if there is one.")
    ] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="GPUs, or processes on a CPU.")] = 1,
    precision: Annotated[str, typer.Option(help="32 or bf16.")] = "32",
    strategy: Annotated[str, typer.Option(help="With several devices: ddp or fsdp.")] = "ddp",
    minutes: Annotated[
        float, typer.Option("--minutes-between-checkpoints", min=0, help="How often to save.")
    ] = 10.0,
    log: Annotated[Path | None, typer.Option(help="Folder for TensorBoard.")] = None,
) -> None:  # fmt: skip
    """Train a system into a checkpoint folder. Ctrl-C saves; --resume goes on where it was."""
    from vivavoce.train import train_system

    train_system(
        system, output or Path("runs") / f"{system}-{preset}", data, preset=preset, stage=stage,
        changes=changes or (), resume=resume, start=start or (), dry_run=dry_run, seed=seed,
        devices=devices, precision=precision, strategy=strategy, minutes=minutes, log=log,
        device=device,
    )  # fmt: skip
