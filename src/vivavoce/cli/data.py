"""Commands for data: corpus, data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli import arguments as a
from vivavoce.cli.bars import count_bar, print_json, say
from vivavoce.errors import RequestError

app = typer.Typer()
corpus = typer.Typer(
    help="The open corpus: people who do not exist, made here from a seed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(corpus, name="corpus")
data = typer.Typer(
    help="Real data sets, as they lie on disk, become shards; and a look into any shards.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(data, name="data")


@corpus.command("make")
def corpus_make(
    output: Annotated[
        Path, typer.Option("-o", "--out", help="A new folder, or one to go on with.")
    ],
    people: Annotated[int, typer.Option(help="How many people.")] = 8,
    clips: Annotated[int, typer.Option(help="How many clips of each.")] = 4,
    seed: Annotated[int, typer.Option(help="The same seed makes the same corpus.")] = 0,
    size: Annotated[int, typer.Option(help="Side of the pictures: 128, 256 or 512.")] = 128,
    workers: Annotated[str, typer.Option(help="How many processes, or ray.")] = "1",
    words_share: Annotated[
        float, typer.Option(help="Share of clips that are single words of 1.16 s, as in LRW.")
    ] = 0.2,
    layers: Annotated[
        bool, typer.Option("--layers/--no-layers", help="Keep masks and depth as well.")
    ] = True,
    quiet: a.Quiet = False,
) -> None:  # fmt: skip
    """Make people who speak: video, sound, and the truth about both. A stopped run goes on."""
    from vivavoce.data.corpus.make import make_corpus

    with count_bar("people", quiet) as told:
        made = make_corpus(output, people, clips, seed, size, workers, words_share, layers, told)
    about = made.about
    say(
        f"{output}: {about['people']} people, {about['clips_in_all']} clips, "
        f"{about['seconds'] / 60:.1f} minutes at {size}x{size}", quiet,
    )  # fmt: skip


@corpus.command("sheet")
def corpus_sheet(
    output: Annotated[Path, typer.Option("-o", "--output", help="The PNG to write.")] = Path(
        "people.png"
    ),
    people: Annotated[int, typer.Option(help="How many people.")] = 64,
    seed: Annotated[int, typer.Option(help="Of the corpus.")] = 0,
    size: Annotated[int, typer.Option(help="Side of a portrait in pixels, 64 to 512.")] = 192,
    force: a.Force = False,
    quiet: a.Quiet = False,
) -> None:
    """Draw the first people of a seed side by side, without making a corpus."""
    from vivavoce.data.corpus.sheet import people_sheet

    people_sheet(output, people, seed, size, force)
    say(str(output), quiet)


@corpus.command("ceiling")
def corpus_ceiling(
    seed: Annotated[int, typer.Option(help="Of the corpus.")] = 0,
    people: Annotated[int, typer.Option(min=20, help="How many people are matched.")] = 400,
) -> None:
    """How well a face can be matched to a voice at best, by the rules that tie them: JSON."""
    from vivavoce.data.corpus.ceiling import ceiling

    print_json(ceiling(seed, people).report(), True)


@data.command("prepare")
def data_prepare(
    name: Annotated[str | None, typer.Argument(help="The data set; --list names them.")] = None,
    root: Annotated[Path | None, typer.Option(help="Its folder, in its own layout.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--out", help="A new folder, or one to go on with.")
    ] = None,
    size: Annotated[int, typer.Option(min=32, max=1024, help="Side of the pictures.")] = 256,
    workers: Annotated[str, typer.Option(help="How many processes, or ray.")] = "1",
    split: Annotated[str, typer.Option(help="train, val, test, or all.")] = "all",
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many clips of each split.")
    ] = None,
    longest: Annotated[float, typer.Option(min=1, help="Longer clips are cut, in s.")] = 20.0,
    known: Annotated[bool, typer.Option("--list", help="Name the data sets.")] = False,
    quiet: a.Quiet = False,
) -> None:  # fmt: skip
    """Cut, track, fit and crop the clips of a data set into shards. A stopped run goes on."""
    from vivavoce.data.layouts import LAYOUTS, find_layout

    if known:
        for each in map(find_layout, LAYOUTS):
            print(f"{each.name:15s} {each.title}: {each.holds} ({each.licence})")
        return
    if name is None or root is None or output is None:
        raise RequestError("Give the data set, --root and --out; --list names the data sets.")
    from vivavoce.data.prepare import prepare

    with count_bar("shards", quiet) as told:
        made = prepare(name, root, output, size, workers, split, limit, longest, told)
    clips = ", ".join(f"{k} {n}" for k, n in made.about["clips"].items())
    skipped = made.about["skipped"]
    say(f"{output}: {clips} clips; {skipped} skipped, see {output / 'report.json'}", quiet)


@data.command("join")
def data_join(
    sets: Annotated[list[Path], typer.Argument(help="Sets; one named twice counts twice.")],
    output: Annotated[Path, typer.Option("-o", "--out", help="A new folder.")],
    quiet: a.Quiet = False,
) -> None:
    """Make one set of several, to train on all of them; nothing is copied."""
    from vivavoce.data.shards import join_sets

    made = join_sets(sets, output)
    shards = ", ".join(f"{s} {len(made.shards(s))}" for s in made.splits)
    say(f"{output}: {len(sets)} sets; shards: {shards or 'none'}", quiet)


@data.command("look")
def data_look(
    shards: Annotated[Path, typer.Argument(help="A set: of a corpus, or prepared.")],
    sheet: Annotated[
        Path | None, typer.Option("-o", "--output", help="A PNG with a picture of each person.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Pictures on it.")] = 48,
    points: Annotated[bool, typer.Option("--points", help="Mark the main points.")] = False,
    force: a.Force = False,
    as_json: a.Json = False,
) -> None:
    """What a set of shards holds: people, clips, minutes, labels, and a contact sheet."""
    from vivavoce.data.look import look as look_at
    from vivavoce.data.shards import open_set

    found = look_at(open_set(shards), sheet, count, force, points)
    if as_json:
        print_json(dict(found.rows()), True)
        return
    for what, value in found.rows():
        print(f"{what:18s} {value}")
