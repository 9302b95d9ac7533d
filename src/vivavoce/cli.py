"""The command line: typed functions that call the systems; no logic of its own.

Exit codes: 0 done, 1 the work failed, 2 the request was wrong.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vivavoce.errors import RequestError, VivavoceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vivavoce.types import Motion, Progress

app = typer.Typer(
    name="vivavoce",
    help="Makes faces talk: a portrait and words, or speech, become a video.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

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
study = typer.Typer(
    help="Opinion studies: people rate clips on a local page; means with 95 % intervals.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(study, name="study")

Portrait = Annotated[Path, typer.Argument(help="A picture of a person, any common format.")]
Text = Annotated[str | None, typer.Option(help="What to say.")]
TextFile = Annotated[Path | None, typer.Option(help="A file with what to say; any length.")]
SpeechFile = Annotated[
    Path | None, typer.Option("--speech", help="A recording to follow: any sound or video file.")
]
VoiceName = Annotated[
    str, typer.Option("--voice", help="A name from `vivavoce voices`, or a piper .onnx file.")
]
Feeling = Annotated[
    str, typer.Option(help="neutral, happy, sad, angry, fearful, disgusted, surprised, contempt; "
                      "with an intensity from 0 to 1 after a colon: happy:0.7.")
]  # fmt: skip
Seed = Annotated[
    int, typer.Option(min=0, max=2**63 - 1, help="Draws head movement, blinks and gaze.")
]
Still = Annotated[bool, typer.Option("--still", help="Keep the head still.")]
FaceNumber = Annotated[
    int | None, typer.Option("--face", help="Which face, from 1; the largest by default.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print a summary for machines.")]
System = Annotated[str, typer.Option(help="The system: a name, a checkpoint folder, a hub id.")]


@app.command()
def speak(
    portrait: Portrait,
    text: Text = None,
    text_file: TextFile = None,
    speech: SpeechFile = None,
    voice: VoiceName = "en-us",
    emotion: Feeling = "neutral",
    seed: Seed = 0,
    size: Annotated[
        str, typer.Option(help="Side of the square video in pixels, or full: the whole picture.")
    ] = "512",
    still: Still = False,
    face: FaceNumber = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="The video to write.")] = Path(
        "out.mp4"
    ),
    system: System = "portrait",
    steps: Annotated[int | None, typer.Option(help="ttsf: steps of its samplers.")] = None,
    voice_from: Annotated[
        str | None, typer.Option(help="ttsf: without-motion or with-motion.")
    ] = None,
    motion_from: Annotated[
        Path | None, typer.Option(help="ttsf: a video whose head movement is taken.")
    ] = None,
    speech_only: Annotated[
        bool, typer.Option("--speech-only", help="ttsf: write the voice alone, a .wav.")
    ] = False,
    sampler: Annotated[
        str | None, typer.Option(help="sdm: shallow, full, auxiliary or recursive.")
    ] = None,
    k: Annotated[int | None, typer.Option(help="sdm: step at which diffusion begins.")] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="sdm: leave out pose, rhythm or diffusion.")
    ] = None,
    render: Annotated[str | None, typer.Option(help="sdm: own, or portrait's renderer.")] = None,
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make the person in PORTRAIT say a text, or what is heard in a recording."""
    from vivavoce.media.files import check_output

    pixels = _size(size)
    check_output(output, force, (".wav",) if speech_only else (".mp4",))
    words = _text(text, text_file)
    own = {
        "steps": steps, "voice_from": voice_from, "motion_from": motion_from,
        "sampler": sampler, "k": k, "without": without, "render": render,
    }  # fmt: skip
    if speech_only:
        talker = _load(system)
        own = _own(talker, own | {"speech_only": True})
        _voice_alone(talker, portrait, words, face, own, output, force, quiet)
        return
    with _progress("speaking", quiet or as_json) as progress:
        talker = _load(system)
        clip = talker(
            portrait, words, speech, voice=voice, emotion=emotion, seed=seed, size=pixels,
            still=still, face=face, **_own(talker, own),
        )  # fmt: skip
        saved = clip.save(output, force, progress(clip.seconds))
    summary = {
        "output": str(saved.path), "seconds": round(saved.seconds, 3), "frames": saved.frames,
        "width": clip.size[0], "height": clip.size[1], "fps": clip.fps, "seed": seed,
        "system": talker.folder.name, "voice": voice if words is not None else None,
        "emotion": emotion,
        "stages_s": {k: round(v, 3) for k, v in talker.clock.seconds.items()},
    }  # fmt: skip
    _say(f"{saved.path}: {saved.seconds:.1f} s, {clip.size[0]}x{clip.size[1]}", quiet or as_json)
    _print_json(summary, as_json)


@app.command()
def voices(
    language: Annotated[str, typer.Argument(help="Only this language, e.g. en or pt-br.")] = "",
    as_json: Json = False,
) -> None:
    """List every voice that can be used here, by language."""
    from vivavoce.speak.voices import list_voices

    wanted = language.lower()
    listed = [v for v in list_voices() if v.language.lower().startswith(wanted)]
    if not listed:
        raise RequestError(f"No voice speaks {language!r}. `vivavoce voices` lists them all.")
    _print_json([vars(voice) for voice in listed], as_json)
    for v in [] if as_json else listed:
        about = ", ".join(x for x in (v.gender if v.gender != "unknown" else "", v.kind) if x)
        print(f"{v.language or '+variant':16s} {v.name:28s} {v.label} ({about})")
    _say("A variant goes behind a language: --voice en-gb+f3; piper: --voice voice.onnx", as_json)


@app.command()
def look(
    portrait: Portrait,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A PNG with the faces marked.")
    ] = None,
    face: FaceNumber = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Show what the tracker sees in PORTRAIT."""
    from vivavoce.look.report import mark, report
    from vivavoce.media.files import check_output
    from vivavoce.media.read import read_picture

    if output is not None:
        check_output(output, force, (".png",))
    picture = read_picture(portrait)
    seen = report(picture, face, str(portrait))
    if output is not None:
        mark(picture, seen, output)
    _print_json(seen.as_dict(), as_json)
    _say(str(seen), as_json)


@app.command()
def motion(
    text: Text = None,
    text_file: TextFile = None,
    speech: SpeechFile = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", help=".csv (Live Link Face), .npz or .glb (glTF).")
    ] = Path("motion.csv"),
    voice: VoiceName = "en-us",
    emotion: Feeling = "neutral",
    seed: Seed = 0,
    still: Still = False,
    system: System = "portrait",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write how a face moves with speech: 52 ARKit curves and the head, for 3D programs."""
    from vivavoce.look import face478
    from vivavoce.media.export import MOTION_SUFFIXES, write_motion
    from vivavoce.media.files import check_output
    from vivavoce.media.provenance import Provenance

    check_output(output, force, MOTION_SUFFIXES)
    talker = _load(system)
    if not hasattr(talker, "motion"):
        raise RequestError(
            f"The system {talker.name} moves pictures, not curves. Choose another --system, e.g. "
            "portrait."
        )
    moves = talker.motion(
        _text(text, text_file), speech, voice=voice, emotion=emotion, seed=seed, still=still
    )
    made_by = Provenance(talker.folder.name, seed)
    with _progress("moving", quiet) as progress:
        told = _telling(moves, progress(None))
        written = write_motion(told, output, face478.load(), provenance=made_by, force=force)
    _say(f"{written.path}: {written.seconds:.1f} s, {written.frames} frames", quiet)


@app.command()
def sheet(
    clip: Annotated[Path, typer.Argument(help="A video.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The PNG to write.")] = Path(
        "sheet.png"
    ),
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Lay frames of CLIP side by side above its waveform, to look at."""
    from vivavoce.media.files import check_output
    from vivavoce.media.sheet import contact_sheet

    check_output(output, force, (".png",))
    contact_sheet(clip, output, force=force)
    _say(str(output), quiet)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say whether this machine can do the work, and what to change if not."""
    from vivavoce.measure.bounds.doctor import examine

    findings = examine()
    if as_json:
        _print_json([vars(finding) for finding in findings], True)
    else:
        for finding in findings:
            print(finding)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


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
    )  # fmt: skip


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
) -> None:
    """Measure the default system against its bounds: bounds.json and bounds.html."""
    from vivavoce.measure.bounds.bounds import run_bounds

    if not run_bounds(real, output, quick=quick).passed:
        raise typer.Exit(1)


@app.command()
def measure(
    clips: Annotated[
        Path | None, typer.Argument(help="A video, a folder of videos, or a set of shards.")
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
    force: Force = False,
    as_json: Json = False,
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
    found = measure_paths(clips, reference, metrics, chosen_judges(judges or ()))
    if output is not None:
        write_json(as_dict(found), output)
    if as_json:
        _print_json(as_dict(found), True)
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
    quiet: Quiet = False,
) -> None:
    """Compare systems on the same portraits and speech: bench.md, bench.json, bench.html."""
    from vivavoce.measure.bench.bench import run_bench
    from vivavoce.measure.judges import chosen_judges

    run_bench(
        systems or [], suite, output, count, seeds, metrics, chosen_judges(judges or ()),
        lambda line: _say(line, quiet),
    )  # fmt: skip
    _say(f"{output / 'bench.html'}, {output / 'bench.md'}", quiet)


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
    quiet: Quiet = False,
) -> None:
    """Blind the clips of several systems and write the page on which people rate them."""
    from vivavoce.measure.bench.opinion import QUESTIONS, make_study

    made = make_study(clips, output, questions or QUESTIONS, seed, systems or ())
    left_out = f"; left out: {', '.join(made.left_out)}" if made.left_out else ""
    _say(
        f"{output}: {len(made.cases)} clips of each of {', '.join(made.systems)}{left_out}. Send "
        f"{output / 'raters'} to the raters; put their files into {output / 'answers'}.", quiet,
    )  # fmt: skip


@study.command("read")
def study_read(
    folder: Annotated[Path, typer.Argument(metavar="STUDY", help="What `study make` made.")],
    answers: Annotated[
        Path | None, typer.Option(help="The raters' files; those in STUDY/answers by default.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Mean opinion scores with 95 % intervals, by system and question."""
    from vivavoce.measure.bench.opinion import as_dict, read_study
    from vivavoce.measure.metrics.show import show_opinion

    found = read_study(folder, answers)
    _print_json(as_dict(found), as_json)
    if not as_json:
        show_opinion(found)


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
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Make people who speak: video, sound, and the truth about both. A stopped run goes on."""
    from vivavoce.data.corpus.make import make_corpus

    with _counter("people", quiet) as told:
        made = make_corpus(output, people, clips, seed, size, workers, words_share, layers, told)
    about = made.about
    _say(
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
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Draw the first people of a seed side by side, without making a corpus."""
    from vivavoce.data.corpus.sheet import people_sheet

    people_sheet(output, people, seed, size, force)
    _say(str(output), quiet)


@corpus.command("ceiling")
def corpus_ceiling(
    seed: Annotated[int, typer.Option(help="Of the corpus.")] = 0,
    people: Annotated[int, typer.Option(min=20, help="How many people are matched.")] = 400,
) -> None:
    """How well a face can be matched to a voice at best, by the rules that tie them: JSON."""
    from vivavoce.data.corpus.ceiling import ceiling

    _print_json(ceiling(seed, people).report(), True)


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
    quiet: Quiet = False,
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

    with _counter("shards", quiet) as told:
        made = prepare(name, root, output, size, workers, split, limit, longest, told)
    clips = ", ".join(f"{k} {n}" for k, n in made.about["clips"].items())
    skipped = made.about["skipped"]
    _say(f"{output}: {clips} clips; {skipped} skipped, see {output / 'report.json'}", quiet)


@data.command("join")
def data_join(
    sets: Annotated[list[Path], typer.Argument(help="Sets; one named twice counts twice.")],
    output: Annotated[Path, typer.Option("-o", "--out", help="A new folder.")],
    quiet: Quiet = False,
) -> None:
    """Make one set of several, to train on all of them; nothing is copied."""
    from vivavoce.data.shards import join_sets

    made = join_sets(sets, output)
    shards = ", ".join(f"{s} {len(made.shards(s))}" for s in made.splits)
    _say(f"{output}: {len(sets)} sets; shards: {shards or 'none'}", quiet)


@data.command("look")
def data_look(
    shards: Annotated[Path, typer.Argument(help="A set: of a corpus, or prepared.")],
    sheet: Annotated[
        Path | None, typer.Option("-o", "--output", help="A PNG with a picture of each person.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Pictures on it.")] = 48,
    points: Annotated[bool, typer.Option("--points", help="Mark the main points.")] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """What a set of shards holds: people, clips, minutes, labels, and a contact sheet."""
    from vivavoce.data.look import look as look_at
    from vivavoce.data.shards import open_set

    found = look_at(open_set(shards), sheet, count, force, points)
    if as_json:
        _print_json(dict(found.rows()), True)
        return
    for what, value in found.rows():
        print(f"{what:18s} {value}")


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


def _load(system: str) -> Any:
    import vivavoce

    return vivavoce.load(system)


def _own(talker: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Of the options that only some systems have, those that were given.

    Raises: RequestError: this system has none of that name."""
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in talker.OPTIONS:
            raise RequestError(f"The system {talker.name} has no --{name.replace('_', '-')}.")
    return given


def _voice_alone(
    talker: Any, portrait: Path, words: str | None, face: int | None, own: dict[str, Any],
    output: Path, force: bool, quiet: bool,
) -> None:  # fmt: skip
    """Write the voice that a system makes for a face."""
    from vivavoce.media.provenance import Provenance
    from vivavoce.media.sound import write_sound

    if own.pop("motion_from", None) is not None:
        raise RequestError("--speech-only moves no head: leave out --motion-from.")
    own.pop("speech_only")
    said = talker.speech_only(portrait, words, face=face, **own)
    seconds = write_sound(output, said, Provenance(talker.folder.name), force)
    _say(f"{output}: {seconds:.1f} s of sound", quiet)


def _size(words: str) -> int | None:
    """Pixels, or None for "full"."""
    if words == "full":
        return None
    if not words.isdecimal():
        raise RequestError(f"--size is a number of pixels or full, not {words!r}.")
    return int(words)


def _text(text: str | None, file: Path | None) -> str | None:
    """The words of --text or --text-file; None if neither was given."""
    if file is None:
        return text
    if text is not None:
        raise RequestError("Give --text or --text-file, not both.")
    from vivavoce.speak.text import read_text_file

    return read_text_file(file)


def _telling(moves: Iterator[Motion], progress: Progress | None) -> Iterator[Motion]:
    """The same motion; `progress` hears how much of it there is."""
    frames = 0
    for move in moves:
        frames += len(move)
        if progress is not None:
            progress(frames / 25, "move")
        yield move


class _progress:
    """A bar with seconds of finished clip, on a terminal only; nothing when `hidden`."""

    def __init__(self, what: str, hidden: bool) -> None:
        self._what, self._hidden = what, hidden or not sys.stderr.isatty()
        self._bar: Any = None

    def __enter__(self) -> _progress:
        return self

    def __call__(self, total: float | None) -> Progress | None:
        """What `Clip.save` calls; `total` seconds if known."""
        if self._hidden:
            return None
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
            TextColumn("{task.completed:.1f} s of video"), console=Console(stderr=True),
            transient=True,
        )  # fmt: skip
        task = self._bar.add_task(self._what, total=total)
        self._bar.start()
        return lambda seconds, step: self._bar.update(task, completed=seconds)

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()


class _counter:
    """Things finished of things asked for: a bar on a terminal, lines elsewhere."""

    def __init__(self, what: str, quiet: bool) -> None:
        self._what, self._quiet = what, quiet
        self._bar: Any = None

    def __enter__(self) -> Callable[[int, int, str], None]:
        if self._quiet:
            return lambda done, of, line: None
        if not sys.stderr.isatty():
            return lambda done, of, line: print(f"{done}/{of} {line}", file=sys.stderr, flush=True)
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn(self._what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            TextColumn("{task.description}"), console=Console(stderr=True), transient=True,
        )  # fmt: skip
        task = self._bar.add_task("", total=None)
        self._bar.start()
        return lambda done, of, line: self._bar.update(
            task, completed=done, total=of, description=line
        )

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()


def _say(line: str, quiet: bool) -> None:
    if not quiet:
        print(line)


def _print_json(value: Any, wanted: bool) -> None:
    if wanted:
        import json

        print(json.dumps(value, ensure_ascii=False, indent=2))


def main() -> None:
    """Run the command line; our own errors end in one sentence, never in a traceback."""
    try:
        app()
    except VivavoceError as error:
        print(f"vivavoce: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("vivavoce: stopped; nothing half-written was left.", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
