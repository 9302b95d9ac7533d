"""The command line: typed functions that call the systems; no logic of its own.

Exit codes: 0 done, 1 the work failed, 2 the request was wrong, 3 some rows of a batch failed, 130
stopped by Ctrl-C.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Annotated, Any

import typer

from vivavoce.cli import batch, data, imagine, measure, speak, train, verify
from vivavoce.errors import MediaWarning, VivavoceError, VoiceWarning

STOPPED = 130
"""Exit code of a command that Ctrl-C ended."""

app = typer.Typer(
    name="vivavoce",
    help="Makes faces talk: a portrait and words, or speech, become a video.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (speak, imagine, batch, verify, train, measure, data):
    app.add_typer(part.app)


def _version(wanted: bool) -> None:
    if wanted:
        from vivavoce import __version__

        print(f"vivavoce {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Hold the options that come before a command."""


_TOLD = (MediaWarning, VoiceWarning)
"""Warnings that are shown as one sentence."""


def main() -> None:
    """Run the command line; our own errors end in one sentence, never in a traceback."""
    for stream in (sys.stdout, sys.stderr):  # a terminal that has no ü prints a ? for it
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        with warnings.catch_warnings():
            for kind in _TOLD:
                warnings.simplefilter("default", kind)
            warnings.showwarning = _warner(warnings.showwarning)
            app()
    except VivavoceError as error:
        _tell(str(error))
        sys.exit(error.exit_code)
    except SystemExit as stop:
        if stop.code == STOPPED:  # typer ends so, without a word, on Ctrl-C
            _tell("stopped; nothing half-written was left.")
        raise


def _warner(show: Callable[..., None]) -> Callable[..., None]:
    """A way to show warnings: our own in one sentence, all others as `show` does."""

    def warn(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, _TOLD):
            _tell(str(message))
        else:
            show(message, category, *where, **more)

    return warn


def _tell(line: str) -> None:
    if sys.stderr is not None:
        print(f"vivavoce: {line}", file=sys.stderr)
