"""Commands for makers: speak, motion, voice, look, voices, systems, sheet."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from vivavoce.cli import arguments as a
from vivavoce.cli.bars import print_json, say, seconds_bar, told
from vivavoce.errors import RequestError

app = typer.Typer()

_OLD = {"hidden": True}
"""Flags of single systems from before --set; they go with the next version."""


@app.command()
def speak(
    portrait: a.PortraitIfAny = None,
    text: a.Text = None,
    text_file: a.TextFile = None,
    speech: a.SpeechFile = None,
    voice: a.VoiceName = None,
    voice_sample: a.VoiceSample = None,
    instruction: a.Instruction = None,
    pose: a.Pose = None,
    emotion: a.Feeling = "neutral",
    rate: a.Rate = 1.0,
    fps: a.Rates = 25,
    seed: a.Seed = 0,
    size: Annotated[
        str, typer.Option(help="Side of the square video in pixels, or full: the whole picture.")
    ] = "512",
    still: a.Still = False,
    lively: a.Lively = 1.0,
    face: a.FaceNumber = None,
    sound: Annotated[
        str,
        typer.Option(
            help="What is heard with --speech: recording (as it is: rate, channels, loudness) or "
            "speech (mono)."
        ),
    ] = "recording",
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help=".mp4, .mov, .webm, .gif, a sequence x%04d.png, or - for a stream (fragmented "
            "mp4); out.mp4 if none.",
        ),
    ] = None,
    system: a.System = "portrait",
    own: a.Own = None,
    device: a.Device = "cpu",
    background: a.Behind = None,
    mark: a.Marked = True,
    sign: a.Sign = None,
    strict: a.Strict = False,
    force: a.Force = False,
    quiet: a.Quiet = False,
    as_json: a.Json = False,
    steps: Annotated[int | None, typer.Option(**_OLD)] = None,
    voice_from: Annotated[str | None, typer.Option(**_OLD)] = None,
    motion_from: Annotated[Path | None, typer.Option(**_OLD)] = None,
    speech_only: Annotated[bool, typer.Option("--speech-only", **_OLD)] = False,
    sampler: Annotated[str | None, typer.Option(**_OLD)] = None,
    k: Annotated[int | None, typer.Option(**_OLD)] = None,
    without: Annotated[list[str] | None, typer.Option(**_OLD)] = None,
    render: Annotated[str | None, typer.Option(**_OLD)] = None,
) -> None:
    """Make the person in PORTRAIT say a text, or what is heard in a recording."""
    from vivavoce.media.clip import check_sound
    from vivavoce.media.signature import check_signed
    from vivavoce.media.write import check_video
    from vivavoce.systems.options import parsed

    check_sound(sound)
    old = {
        "steps": steps, "voice_from": voice_from, "sampler": sampler, "k": k,
        "without": without or None, "render": render,
    }  # fmt: skip
    options: dict[str, Any] = {name: v for name, v in old.items() if v is not None}
    options |= parsed(own or ())
    if speech_only:
        _voice(portrait, a.words(text, text_file), system, device, seed, face, pose or motion_from,
               options, output or Path("out.wav"), force, quiet)  # fmt: skip
        return
    output = output or Path("out.mp4")
    side = a.pixels(size)
    streamed = str(output) == "-"
    if streamed and as_json:
        raise RequestError("--json would print where the video goes: give -o a file.")
    if sign is not None:
        check_signed(sign, output.suffix)
    if not streamed:
        check_video(output, force, fps)
    heard = a.recording(speech, text, text_file)
    said = a.words(text, text_file)
    if strict:
        a.check_whole(heard, voice_sample)
    with seconds_bar("speaking", quiet or as_json) as progress:
        talker = a.load(system, device)
        clip = talker(
            portrait, said, heard, voice=voice, voice_sample=voice_sample,
            instruction=instruction, pose=pose or motion_from, emotion=emotion, seed=seed,
            size=side, still=still, lively=lively, face=face, rate=rate, fps=fps,
            background=background, **options,
        )  # fmt: skip
        target = sys.stdout.buffer if streamed else output
        saved = clip.save(target, force, progress(clip.seconds), sound, marked=mark, sign=sign)
    if streamed:  # stdout is the video
        return
    summary = {
        "output": str(saved.path), "seconds": round(saved.seconds, 3), "frames": saved.frames,
        "width": clip.size[0], "height": clip.size[1], "fps": clip.fps, "seed": seed,
        "sound": saved.sound,
        "system": talker.about.name, "voice": voice, "emotion": emotion, "rate": rate,
        "options": options,
        "words": clip.words,
        "stages_s": {stage: round(v, 3) for stage, v in clip.clock.seconds.items()},
    }  # fmt: skip
    say(f"{saved.path}: {saved.seconds:.1f} s, {clip.size[0]}x{clip.size[1]}", quiet or as_json)
    if (voice or "auto").strip().lower() == "auto" and "voice" in clip.words:
        say(f"voice: {clip.words['voice']}; --voice takes another", quiet or as_json)
    for name in ("instruction", "not understood", "left out", "shown"):
        if name in clip.words:
            say(f"{name}: {clip.words[name]}", quiet or as_json)
    print_json(summary, as_json)


@app.command()
def motion(
    text: a.Text = None,
    text_file: a.TextFile = None,
    speech: a.SpeechFile = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help=".csv (Live Link Face), .npz, .glb (glTF), .bvh, .a2f.json (Audio2Face), "
            ".anim.json and .visemes.json (TalkingHead), .rhubarb.json, .tsv, .xml (Rhubarb), "
            ".mp4 (the grey mesh as a video); "
            "motion.csv if none.",
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            help="Send it in real time instead: udp://127.0.0.1:11111 (Live Link Face), "
            "vmc://127.0.0.1:39539 (VMC with VRM's names; with ARKit's behind /arkit)."
        ),
    ] = None,
    wav: Annotated[
        Path | None, typer.Option(help="Write the sound, too: a .wav, mono at 16 kHz.")
    ] = None,
    voice: a.VoiceName = None,
    instruction: a.Instruction = None,
    emotion: a.Feeling = "neutral",
    rate: a.Rate = 1.0,
    fps: a.Rates = 25,
    seed: a.Seed = 0,
    still: a.Still = False,
    lively: a.Lively = 1.0,
    system: a.System = "portrait",
    own: a.Own = None,
    device: a.Device = "cpu",
    strict: a.Strict = False,
    force: a.Force = False,
    quiet: a.Quiet = False,
    as_json: a.Json = False,
) -> None:
    """Write how a face moves with speech: 52 ARKit curves and the head, for 3D programs."""
    from vivavoce.media.export import MOTION_SUFFIXES, write_motion
    from vivavoce.media.files import check_output
    from vivavoce.media.live import Address, send_motion
    from vivavoce.media.provenance import Provenance
    from vivavoce.media.sound import sound_file
    from vivavoce.systems.heard import Heard
    from vivavoce.systems.mesh_video import SUFFIXES, mesh_clip
    from vivavoce.systems.options import parsed
    from vivavoce.systems.portrait.talker import SoundQueue

    if to is not None and output is not None:
        raise RequestError("Give -o or --to, not both.")
    address = Address.parse(to) if to is not None else None
    output = output or Path("motion.csv")
    if address is None:
        check_output(output, force, (*MOTION_SUFFIXES, *SUFFIXES))
    followed = a.recording(speech, text, text_file)
    if strict:
        a.check_whole(followed)
    talker = a.load(system, device)
    made_by, sound = Provenance(talker.about.name, seed), SoundQueue()
    with ExitStack() as stack:
        written_wav = stack.enter_context(sound_file(wav, made_by, force)) if wav else None
        film = output.suffix.lower() in SUFFIXES and address is None
        heard = Heard(*(each for each in (written_wav, sound.hear if film else None) if each))
        moves = talker.motion(
            a.words(text, text_file), followed, voice=voice, instruction=instruction,
            emotion=emotion, seed=seed, still=still, lively=lively, rate=rate, fps=fps, heard=heard,
            **parsed(own or ()),
        )  # fmt: skip
        made_by = replace(made_by, instruction=heard.words.get("instruction", ""),
                          shown=heard.words.get("shown", ""))  # fmt: skip
        moves = told(moves, stack.enter_context(seconds_bar("moving", quiet or as_json))(None))
        if address is not None:
            sent = send_motion(moves, address, heard)
            line = f"{to}: {sent.seconds:.1f} s, {sent.frames} frames"
            line += f", the latest {1000 * sent.latest_s:.0f} ms late"
        elif film:
            saved = mesh_clip(moves, sound, talker.face_model(), made_by, fps=fps).save(
                output, force
            )
            line = f"{saved.path}: {saved.seconds:.1f} s, {saved.frames} frames"
        else:
            written = write_motion(
                moves, output, talker.face_model(), provenance=made_by, force=force, said=heard,
                sound=str(wav or speech or ""),
            )  # fmt: skip
            line = f"{written.path}: {written.seconds:.1f} s, {written.frames} frames"
    say(line, quiet or as_json)
    for name, text_told in heard.words.items():
        say(f"{name}: {text_told}", quiet or as_json)
    target = str(to or output)
    print_json({"output": target, "seed": seed, "system": talker.about.name,
                "words": heard.words}, as_json)  # fmt: skip


@app.command()
def voice(
    portrait: a.PortraitIfAny = None,
    text: a.Text = None,
    text_file: a.TextFile = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="The .wav to write.")] = Path(
        "out.wav"
    ),
    seed: a.Seed = 0,
    face: a.FaceNumber = None,
    system: a.System = "ttsf",
    own: a.Own = None,
    device: a.Device = "cpu",
    force: a.Force = False,
    quiet: a.Quiet = False,
) -> None:
    """Write the voice alone that a system makes for the person in PORTRAIT."""
    from vivavoce.systems.options import parsed

    _voice(portrait, a.words(text, text_file), system, device, seed, face, None,
           parsed(own or ()), output, force, quiet)  # fmt: skip


def _voice(
    portrait: Path | None, text: str | None, system: str, device: str, seed: int,
    face: int | None, pose: Path | None, options: dict[str, Any], output: Path, force: bool,
    quiet: bool,
) -> None:  # fmt: skip
    from vivavoce.media.provenance import Provenance
    from vivavoce.media.sound import write_sound

    talker = a.load(system, device)
    said = talker.voice(portrait, text, seed=seed, face=face, pose=pose, **options)
    seconds = write_sound(output, said, Provenance(talker.about.name, seed), force)
    say(f"{output}: {seconds:.1f} s of sound", quiet)


@app.command()
def systems(
    name: Annotated[
        str | None, typer.Argument(help="One of them, or a checkpoint folder; all if none.")
    ] = None,
    as_json: a.Json = False,
) -> None:
    """List the systems; of one, say what it needs and gives, its options, what it is good for."""
    from vivavoce.systems.listing import described, listed

    found = [described(name)] if name is not None else listed()
    if as_json:
        print_json([system.as_dict() for system in found])
        return
    for system in found:
        print(system.page() if name is not None else system.line())
    say("`vivavoce systems NAME` says more.", name is not None)


@app.command()
def voices(
    language: Annotated[str, typer.Argument(help="Only this language, e.g. en or pt-br.")] = "",
    as_json: a.Json = False,
) -> None:
    """List every voice that can be used here: natural ones first, then by language."""
    from vivavoce.speak.voices import list_voices

    wanted = language.lower()
    listed = [v for v in list_voices() if v.language.lower().startswith(wanted)]
    if not listed:
        raise RequestError(f"No voice speaks {language!r}. `vivavoce voices` lists them all.")
    print_json([vars(v) for v in listed], as_json)
    for v in [] if as_json else listed:
        about = ", ".join(x for x in (v.gender if v.gender != "unknown" else "", v.kind) if x)
        print(f"{v.language or '+variant':16s} {v.name:28s} {v.label} ({about})")
    say(
        "Natural voices mix: --voice emma:0.6+sarah:0.4; a variant goes behind a language: --voice "
        "en-gb+f3; piper: --voice voice.onnx",
        as_json,
    )


@app.command()
def look(
    portrait: a.Portrait,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A PNG with the faces marked.")
    ] = None,
    face: a.FaceNumber = None,
    force: a.Force = False,
    as_json: a.Json = False,
) -> None:
    """Show what the tracker sees in PORTRAIT."""
    from vivavoce.look.report import mark, report
    from vivavoce.media.files import beside, check_output, writing
    from vivavoce.media.read import read_picture

    if output is not None:
        check_output(output, force, (".png",))
    picture = read_picture(portrait)
    seen = report(picture, face, str(portrait))
    if output is not None:
        with writing(output), beside(output, force) as part:
            mark(picture, seen, part)
    print_json(seen.as_dict(), as_json)
    say(str(seen), as_json)


@app.command()
def sheet(
    clip: Annotated[Path, typer.Argument(help="A video.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The PNG to write.")] = Path(
        "sheet.png"
    ),
    force: a.Force = False,
    quiet: a.Quiet = False,
) -> None:
    """Lay frames of CLIP side by side above its waveform, to look at."""
    from vivavoce.media.files import check_output
    from vivavoce.media.sheet import contact_sheet

    check_output(output, force, (".png",))
    contact_sheet(clip, output, force=force)
    say(str(output), quiet)
