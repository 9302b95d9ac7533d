"""The command imagine: a voice alone becomes a face that says it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vivavoce.cli import arguments as a
from vivavoce.cli.bars import print_json, say, seconds_bar

if TYPE_CHECKING:
    from vivavoce.systems.talker import Talker

app = typer.Typer()


@app.command()
def imagine(
    speech: a.SpeechFile = None,
    text: a.Text = None,
    text_file: a.TextFile = None,
    voice: a.VoiceName = None,
    prompt: Annotated[
        str | None,
        typer.Option(help='What the person looks like: "round glasses, long grey hair".'),
    ] = None,
    pose: a.Pose = None,
    emotion: a.Feeling = "neutral",
    rate: a.Rate = 1.0,
    fps: a.Rates = 25,
    seed: Annotated[
        int,
        typer.Option(
            min=0, max=2**63 - 1, help="Draws what a voice cannot tell; another seed, another face."
        ),
    ] = 0,
    size: Annotated[str, typer.Option(help="Side of the square video in pixels.")] = "512",
    still: a.Still = False,
    lively: a.Lively = 1.0,
    render: Annotated[
        str | None,
        typer.Option(
            help="Who draws: drawn (a painted person, if no system is named), own (the system's "
            "generator) or portrait (the still, moved by portrait's renderer)."
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help=".mp4, .mov, .webm or .gif; .png or .jpg: the face alone."
        ),
    ] = Path("face.mp4"),
    keep: Annotated[
        Path | None,
        typer.Option(help="Store the person in this folder: `vivavoce speak FOLDER` speaks again."),
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(help="A system that imagines, see `vivavoce systems`; drawn if none."),
    ] = None,
    own: a.Own = None,
    device: a.Device = "cpu",
    mark: a.Marked = True,
    sign: a.Sign = None,
    strict: a.Strict = False,
    force: a.Force = False,
    quiet: a.Quiet = False,
    as_json: a.Json = False,
) -> None:
    """Imagine who speaks: a voice alone becomes a face that suits it, and says it."""
    from vivavoce.media.signature import check_signed
    from vivavoce.media.still import is_still
    from vivavoce.media.write import check_video
    from vivavoce.systems.imagined import DRAWN, imagining
    from vivavoce.systems.options import parsed

    face_alone = is_still(output)
    if sign is not None:
        check_signed(sign, output.suffix)
    if not face_alone:
        check_video(output, force, fps)
    options = parsed(own or ())
    name = imagining(system, render)
    if render is not None and name != DRAWN:
        options["render"] = render
    heard = a.recording(speech, text, text_file)
    if strict:
        a.check_whole(heard)
    asked: dict[str, Any] = {
        "speech": heard, "text": a.words(text, text_file), "voice": voice, "prompt": prompt,
        "pose": pose, "emotion": emotion, "rate": rate, "seed": seed, "size": a.pixels(size),
        **options,
    }  # fmt: skip
    with seconds_bar("imagining", quiet or as_json) as progress:
        talker = a.load(name, device)
        summary: dict[str, Any] = {"output": str(output), "system": talker.about.name, "seed": seed}
        if face_alone or keep is not None:
            summary |= _face(talker, asked, output if face_alone else None, keep, force, sign, mark)
        if not face_alone:
            clip = talker(**asked, still=still, lively=lively, fps=fps)
            saved = clip.save(output, force, progress(clip.seconds), marked=mark, sign=sign)
            summary |= {
                "seconds": round(saved.seconds, 3), "frames": saved.frames, "fps": clip.fps,
                "width": clip.size[0], "height": clip.size[1], "words": clip.words,
                "stages_s": {stage: round(v, 3) for stage, v in clip.clock.seconds.items()},
            }  # fmt: skip
    length = "" if face_alone else f"{summary['seconds']:.1f} s, "
    say(f"{output}: {length}{summary['width']}x{summary['height']}", quiet or as_json)
    for what in ("person", "prompt"):
        if what in summary["words"]:
            say(f"{what}: {summary['words'][what]}", quiet or as_json)
    print_json(summary, as_json)


def _face(
    talker: Talker[Any],
    asked: dict[str, Any],
    output: Path | None,
    keep: Path | None,
    force: bool,
    sign: str | None,
    mark: bool,
) -> dict[str, Any]:
    """Write the face alone to `output`, the person to the folder `keep`, whichever is given."""
    from vivavoce.media.still import keep as keep_person

    made = talker.imagine(**asked)
    if output is not None:
        made.save(output, force, sign, mark)
    if keep is not None:
        known = {"system": talker.about.name, "seed": asked["seed"], "prompt": asked["prompt"]}
        keep_person(keep, made, known, force)
    height, width = made.picture.shape[:2]
    return {"width": width, "height": height, "words": dict(made.words)}
