"""The command describe: a recording in words, as its face would show it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli import arguments as a
from vivavoce.cli.bars import print_json, say

app = typer.Typer()


@app.command()
def describe(
    speech: Annotated[Path, typer.Argument(help="A recording: any sound or video file.")],
    system: a.System = "avi-talking",
    own: a.Own = None,
    device: a.Device = "cpu",
    strict: a.Strict = False,
    as_json: a.Json = False,
) -> None:
    """Say in words how the speaker of SPEECH sounds, and what the face would do."""
    from vivavoce.listen.instruction.reading import summary
    from vivavoce.systems.options import parsed

    if strict:
        a.check_whole(speech)
    text = a.load(system, device).words(speech, **parsed(own or ()))
    say(text, as_json)
    print_json({"speech": str(speech), "system": system, **summary(text)}, as_json)
