"""The command verify: is a file marked as synthetic?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli import arguments as a
from vivavoce.cli.bars import print_json, say

app = typer.Typer()

NOTHING = 1
"""Exit code where no layer says that the file is synthetic."""


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="A video, a picture, or a recording.")],
    as_json: a.Json = False,
) -> None:
    """Say what FILE tells of being synthetic: metadata, signature, mark in the picture.

    Exit codes: 0 it is marked as synthetic, 1 nothing was found, 2 it cannot be read.
    """
    from vivavoce.media.verify import verify as look_for

    found = look_for(file)
    print_json(found.as_dict(), as_json)
    say(str(found), as_json)
    if not found.synthetic:
        raise typer.Exit(NOTHING)
