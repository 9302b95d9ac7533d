"""The command batch: many clips from one list."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli import arguments as a
from vivavoce.cli.bars import count_bar, on_terminal, print_json, say
from vivavoce.errors import SomeFailed

app = typer.Typer()


@app.command()
def batch(
    jobs: Annotated[
        Path,
        typer.Argument(
            help="A list, .csv or .jsonl: a row a clip; columns are the options of speak and "
            "imagine, and `command`. Paths count from the list's folder."
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The folder for the clips, new or begun.")
    ],
    shard: Annotated[
        str, typer.Option(help="i/n: only the i-th of n parts, for several machines.")
    ] = "1/1",
    workers: Annotated[
        str, typer.Option(help="How many processes, or ray: the cluster of RAY_ADDRESS.")
    ] = "1",
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Make the right rows although others are wrong.")
    ] = False,
    device: a.Device = "cpu",
    force: Annotated[
        bool, typer.Option("--force", help="Make everything again; replace files of others.")
    ] = False,
    quiet: a.Quiet = False,
    as_json: a.Json = False,
) -> None:
    """Make many clips from a list. What is done already is kept, so a stopped run goes on.

    Every row is checked before the first is made. status.jsonl in the folder tells what became of
    each. Exit codes: 0 all are there, 2 the list is wrong, 3 some rows failed.
    """
    from vivavoce.batch.run import run_batch

    hidden = quiet or as_json
    with count_bar("rows", hidden) as told:
        report = run_batch(
            jobs, output, shard=shard, workers=workers, device=device, keep_going=keep_going,
            force=force, on_check=told if on_terminal() else None, on_progress=told,
        )  # fmt: skip
    print_json(asdict(report), as_json)
    say(
        f"{output}: {report.made} made, {report.kept} kept, {report.failed} failed; "
        f"{report.status}", hidden,
    )  # fmt: skip
    if report.failed:
        raise SomeFailed(f"{report.failed} of {report.rows} rows failed, see {report.status}.")
