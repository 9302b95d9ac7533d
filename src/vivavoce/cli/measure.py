"""Commands that measure: measure, bench, bounds, doctor, study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vivavoce.cli import arguments as a
from vivavoce.cli.bars import print_json, say
from vivavoce.errors import RequestError

app = typer.Typer()
study = typer.Typer(
    help="Opinion studies: people rate clips on a local page; means with 95 % intervals.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(study, name="study")


@app.command()
def measure(
    clips: Annotated[
        Path | None,
        typer.Argument(
            help="A video, a folder of videos, a set of shards; or texts (.txt, .json) or vectors "
            "(.npy, .npz) to compare with those of --reference."
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(help="The true clips, of the same names; a set of shards is its own."),
    ] = None,
    metrics: Annotated[
        list[str] | None, typer.Option("--metrics", "-m", help="Only this one; may be repeated.")
    ] = None,
    judges: Annotated[
        list[str] | None,
        typer.Option("--judge", help="Official weights for a kind: sync=syncnet_v2.model, ..."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A JSON file with all values.")
    ] = None,
    known: Annotated[
        bool, typer.Option("--list", help="Name every metric, its range, direction and judge.")
    ] = False,
    device: a.Device = "cpu",
    force: a.Force = False,
    as_json: a.Json = False,
) -> None:  # fmt: skip
    """Measure clips: pictures, faces, lips, voice; with --reference against the true clips."""
    from vivavoce.measure.judges import chosen_judges
    from vivavoce.measure.metrics.measured import as_dict, measure_paths, write_json
    from vivavoce.measure.metrics.show import list_metrics, show_measured
    from vivavoce.media.files import check_output

    if known:
        list_metrics()
        return
    if clips is None:
        raise RequestError("Give a video, a folder of videos or shards; --list names the metrics.")
    if output is not None:
        check_output(output, force, (".json",))
    found = measure_paths(clips, reference, metrics, chosen_judges(judges or ()), device)
    if output is not None:
        write_json(as_dict(found), output, force)
    if as_json:
        print_json(as_dict(found), True)
        return
    show_measured(found)


@app.command()
def bench(
    systems: Annotated[
        list[str] | None, typer.Argument(help="Systems: names or checkpoint folders.")
    ] = None,
    suite: Annotated[
        str, typer.Option(help="corpus, a set of shards, or a folder of talking clips.")
    ] = "corpus",
    output: Annotated[Path, typer.Option("-o", "--out", help="Folder for the report.")] = Path(
        "out"
    ),
    count: Annotated[int, typer.Option(help="How many clips of the suite at most.")] = 12,
    seeds: Annotated[int, typer.Option(help="How often each system makes each clip.")] = 3,
    metrics: Annotated[
        list[str] | None, typer.Option("--metrics", "-m", help="Only this one; may be repeated.")
    ] = None,
    judges: Annotated[
        list[str] | None,
        typer.Option("--judge", help="Official weights for a kind: sync=syncnet_v2.model, ..."),
    ] = None,
    device: a.Device = "cpu",
    quiet: a.Quiet = False,
) -> None:
    """Compare systems on the same portraits and speech: bench.md, bench.json, bench.html."""
    from vivavoce.measure.bench.bench import run_bench
    from vivavoce.measure.judges import chosen_judges

    run_bench(
        systems or [], suite, output, count, seeds, metrics, chosen_judges(judges or ()),
        lambda line: say(line, quiet), device,
    )  # fmt: skip
    say(f"{output / 'bench.html'}, {output / 'bench.md'}", quiet)


@app.command()
def bounds(
    real: Annotated[
        Path | None,
        typer.Argument(help="Folder of portraits and recordings; one built-in portrait if none."),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the report.")] = Path(
        "out"
    ),
    quick: Annotated[bool, typer.Option("--quick", help="Two portraits, fewer figures.")] = False,
    system: a.System = "portrait",
    device: a.Device = "cpu",
) -> None:
    """Measure a system against the bounds of a good clip: bounds.json and bounds.html."""
    from vivavoce.measure.bounds.bounds import run_bounds

    if not run_bounds(real, output, quick=quick, system=system, device=device).passed:
        raise typer.Exit(1)


@app.command()
def doctor(as_json: a.Json = False) -> None:
    """Say whether this machine can do the work, and what to change if not."""
    from vivavoce.measure.bounds.doctor import examine

    findings = examine()
    if as_json:
        print_json([vars(finding) for finding in findings], True)
    else:
        for finding in findings:
            print(finding)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@study.command("make")
def study_make(
    clips: Annotated[
        Path, typer.Argument(help="A folder with a folder of mp4 files per system; or out/bench.")
    ],
    output: Annotated[Path, typer.Option("-o", "--out", help="A new folder.")] = Path("study"),
    questions: Annotated[
        list[str] | None, typer.Option("--question", help="Answered from 1 to 5; may be repeated.")
    ] = None,
    systems: Annotated[
        list[str] | None, typer.Option("--system", help="Only this one; may be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Blinds the names of the clips.")] = 0,
    quiet: a.Quiet = False,
) -> None:
    """Blind the clips of several systems and write the page on which people rate them."""
    from vivavoce.measure.bench.opinion import QUESTIONS, make_study

    made = make_study(clips, output, questions or QUESTIONS, seed, systems or ())
    left_out = f"; left out: {', '.join(made.left_out)}" if made.left_out else ""
    say(
        f"{output}: {len(made.cases)} clips of each of {', '.join(made.systems)}{left_out}. Send "
        f"{output / 'raters'} to the raters; put their files into {output / 'answers'}.", quiet,
    )  # fmt: skip


@study.command("read")
def study_read(
    folder: Annotated[Path, typer.Argument(metavar="STUDY", help="What `study make` made.")],
    answers: Annotated[
        Path | None, typer.Option(help="The raters' files; those in STUDY/answers by default.")
    ] = None,
    as_json: a.Json = False,
) -> None:
    """Mean opinion scores with 95 % intervals, by system and question."""
    from vivavoce.measure.bench.opinion import as_dict, read_study
    from vivavoce.measure.metrics.show import show_opinion

    found = read_study(folder, answers)
    print_json(as_dict(found), as_json)
    if not as_json:
        show_opinion(found)
