"""Arguments and options that several commands share, and how their words are read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vivavoce.errors import RequestError

if TYPE_CHECKING:
    from vivavoce.media.files import PathLike
    from vivavoce.systems.talker import Talker

PIPE = "-"
"""What stands for standard input and output instead of a path."""

Portrait = Annotated[Path, typer.Argument(help="A picture of a person, any common format.")]
PortraitIfAny = Annotated[
    Path | None,
    typer.Argument(
        help="A picture of a person, for systems that need one; or a talking video, whose lips are "
        "made anew."
    ),
]
Text = Annotated[str | None, typer.Option(help="What to say; - reads it from standard input.")]
TextFile = Annotated[
    Path | None, typer.Option(help="A file with what to say, any length; - is standard input.")
]
SpeechFile = Annotated[
    Path | None,
    typer.Option(
        "--speech", help="A recording to follow: any sound or video file; - is standard input."
    ),
]
VoiceName = Annotated[
    str | None,
    typer.Option(
        "--voice",
        help="A name from `vivavoce voices`, a mixture (emma:0.6+sarah:0.4), a piper file, or "
        "auto.",
    ),
]
Rate = Annotated[float, typer.Option(help="Speed of the voice: 1 is usual, 0.5 to 2.")]
VoiceSample = Annotated[
    Path | None, typer.Option(help="A recording of the voice to speak in, for systems that can.")
]
Instruction = Annotated[
    str | None, typer.Option(help="What the face is to do, in words, for systems that can.")
]
Pose = Annotated[
    Path | None,
    typer.Option(help="A picture or video whose head pose is taken, for systems that can."),
]
Feeling = Annotated[
    str,
    typer.Option(
        help="neutral, happy, sad, angry, fearful, disgusted, surprised, contempt; "
        "with an intensity from 0 to 1 after a colon: happy:0.7."
    ),
]
Seed = Annotated[
    int, typer.Option(min=0, max=2**63 - 1, help="Draws head movement, blinks and gaze.")
]
Rates = Annotated[
    int,
    typer.Option("--fps", help="Frames a second: 24, 25, 30, 50 or 60, each drawn for its moment."),
]
Still = Annotated[bool, typer.Option("--still", help="Keep the head still.")]
Lively = Annotated[float, typer.Option(help="How much the head moves: 1 is usual, 0 to 2.")]
FaceNumber = Annotated[
    int | None, typer.Option("--face", help="Which face, from 1; the largest by default.")
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Refuse a recording that is damaged, cut short or silent, instead of a warning.",
    ),
]
Behind = Annotated[
    str | None,
    typer.Option(
        "--background",
        help="What is behind the person: none (transparent: .webm, .mov, .png), a colour (#00ff00, "
        "white), or a picture.",
    ),
]
Sign = Annotated[
    str | None,
    typer.Option(
        help="Sign the file (C2PA): local, a certificate made here at first use, or a PEM file "
        "with your certificates and key."
    ),
]
Marked = Annotated[
    bool,
    typer.Option(
        "--mark/--no-mark", help="The invisible mark in the picture; without it only to measure."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing output.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print nothing but errors and warnings.")
]
Json = Annotated[bool, typer.Option("--json", help="Print a summary for machines.")]
System = Annotated[
    str, typer.Option(help="A name from `vivavoce systems`, a checkpoint folder, a hub id.")
]
Device = Annotated[
    str, typer.Option(help="Where networks run: cpu, cuda, cuda:1, or auto: a GPU if there is one.")
]
Own = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="An option of the system, see `vivavoce systems NAME`; may be repeated.",
    ),
]


def load(system: str, device: str) -> Talker:
    """The system that --system names, loaded on the device that --device names."""
    import vivavoce

    return vivavoce.load(system, device)


def recording(path: Path | None, *texts: str | Path | None) -> PathLike | None:
    """The recording that --speech names; what comes through a pipe, or through standard input
    ("-"), is taken whole first.

    Raises: RequestError: a text of `texts` is to come from there, too. BadMedia: nothing came.
    """
    from vivavoce.media.held import HeldFile

    if path is None or not (str(path) == PIPE or path.is_fifo()):
        return path
    if str(path) != PIPE:
        with path.open("rb") as pipe:
            return HeldFile(pipe, str(path))
    if PIPE in map(str, texts):
        raise RequestError("Text and recording cannot both come from standard input.")
    return HeldFile(sys.stdin.buffer, "The recording from standard input")


def check_whole(*recordings: PathLike | None) -> None:
    """Read the recordings once, for --strict.

    Raises: BadMedia: something in one is missing, wrong or hardly heard.
    """
    from vivavoce.media import read

    for given in recordings:
        if given is not None:
            read.check_whole(given)


def pixels(size: str) -> int | None:
    """--size in pixels, or None for "full".

    Raises: RequestError: neither.
    """
    if size == "full":
        return None
    if not size.isdecimal():
        raise RequestError(f"--size is a number of pixels or full, not {size!r}.")
    return int(size)


def words(text: str | None, file: Path | None) -> str | None:
    """The text of --text or --text-file; None if neither was given. "-" is standard input.

    Raises: RequestError: both were.
    """
    if file is not None and text is not None:
        raise RequestError("Give --text or --text-file, not both.")
    from vivavoce.speak.text import decoded, read_text_file

    if text == PIPE or str(file) == PIPE:
        return decoded(sys.stdin.buffer.read(), "What came through standard input")
    if file is not None and file.is_fifo():
        return decoded(file.read_bytes(), str(file))
    return text if file is None else read_text_file(file)
