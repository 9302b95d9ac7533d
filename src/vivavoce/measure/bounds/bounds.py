"""One system over real portraits and recordings, against the bounds that talking faces must keep.

make bounds REAL=folder     # out/bounds.json, out/bounds.html, out/bounds/: clips and sheets
"""

from __future__ import annotations

import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import vivavoce
from vivavoce.errors import RequestError
from vivavoce.measure.bounds import cases as stock
from vivavoce.measure.bounds import parts, speed
from vivavoce.measure.bounds.result import BoundsResult
from vivavoce.measure.bounds.take import Kind, Take, film, judge, real_take, sound_of, spoken_phones
from vivavoce.measure.figures import Figure, atleast, upto
from vivavoce.measure.metrics import lag as sync
from vivavoce.measure.report.bounds_page import write_report
from vivavoce.speak.voices import find_voice
from vivavoce.systems.talker import Talker
from vivavoce.types import FPS, RATE, Emotion, Phone, Speech

RECORDING_S = 8.0
"""Recordings are cut to this length."""
SURE = 0.9
"""Words of recordings that are recognised with less confidence are not judged."""
SHORT = "People stop by the map."
"""What is said where the quick run does with a short clip."""
SIZE = 512
"""Side of the clips in pixels."""


def run_bounds(
    real: Path | None,
    out: Path,
    portraits: int = 20,
    recordings: int = 10,
    quick: bool = False,
    system: str = "portrait",
    device: str = "cpu",
) -> BoundsResult:
    """Measure one system; `bounds.json`, `bounds.html` and `bounds/` come into `out`. What the
    system does not take or give (texts, recordings, a still head, motion alone) is left out.

    Args:
        real: Folder with portraits and recordings (see `cases.find_cases`); None: scikit-image's
            astronaut, spoken text only.
        out: Folder for the report; made if it is not there.
        portraits: How many portraits speak a text.
        recordings: How many English recordings drive one.
        quick: One portrait, one recording, short clips; neither memory nor drift: for tests.
        system: The system's name or checkpoint folder.
        device: Where its networks run, as `vivavoce.load` takes it.

    Raises: BadMedia: the folder has nothing to run on. CannotWrite: `out` cannot be written.
    RequestError: the system makes no video of a portrait from a text or a recording.
    """
    started = perf_counter()
    work = _make_folder(out)
    cases = stock.find_cases(real) if real else _astronaut(work)
    counts = (1, 1) if quick else (portraits, recordings)
    run = _Bounds(_fitting(system, device), system, cases, work, counts, quick)
    run.data = f"{real.name}/" if real else "the built-in portrait"
    run.run()
    result = run.result(perf_counter() - started)
    write_report(result, out)
    return result


def _make_folder(out: Path) -> Path:
    from vivavoce.errors import CannotWrite

    try:
        (out / "bounds").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"The folder {out} cannot be made: {error.strerror}.") from None
    return out / "bounds"


def _fitting(name: str, device: str) -> Talker[Any]:
    """The system of that name, if it can be measured here."""
    system = vivavoce.load(name, device)
    asked = [sorted(choice) for choice in system.needs_for("pictures")
             if not choice & {"portrait", "text", "speech"}]  # fmt: skip
    if "pictures" not in system.gives or "portrait" not in system.inputs() or asked:
        raise RequestError(
            f"The bounds are for systems that make a video of a portrait from a text or a "
            f"recording; {system.name} gives {', '.join(sorted(system.gives))} from "
            f"{', '.join(sorted(system.inputs()))}."
        )
    return system


class _Bounds:
    """One run, step by step; each step adds takes or figures."""

    def __init__(
        self, system: Talker[Any], name: str, cases: stock.Cases, work: Path,
        counts: tuple[int, int], quick: bool,
    ) -> None:  # fmt: skip
        self.system, self.name, self.cases = system, name, cases
        self.work, self.counts, self.quick = work, counts, quick
        self.inputs = system.inputs()
        self.data = ""
        self.takes: list[Take] = []
        self.figures: list[Figure] = []
        self.failures: list[tuple[str, str]] = []
        self.untracked: list[tuple[str, str]] = []

    def run(self) -> None:
        """All steps; a step that fails says so and the others go on."""
        steps = [
            ("warm up", self.warm), ("spoken text", self.text), ("recordings", self.recordings),
            ("still and seeds", self.still_and_seeds), ("real clips", self.real),
            ("every portrait", self.everyone), ("first frame", self.first_frame),
            ("sixty minutes", self.drift), ("start-up", self.start_up), ("memory", self.memory),
        ]  # fmt: skip
        for name, step in steps:
            with _told(name):
                try:
                    step()
                except Exception as error:  # what broke is a finding, and the run goes on
                    self.failures.append((name, f"{type(error).__name__}: {error}"))

    def result(self, seconds: float) -> BoundsResult:
        """The figures of all steps, in the order of the report."""
        figures = [f for part in parts.PARTS for f in part(self.takes)] + self.figures
        about = {
            "version": vivavoce.__version__,
            "system": f"{Path(self.name).name}, {SIZE}x{SIZE}, 25 frames a second",
            "machine": str(speed.this_machine()),
            "judge": judge(),
            "data": self.data,
            "seeds": "number of the clip",
            "intervals": "95 %, bootstrap over clips, 1,000 rounds, seed 0",
            "parts": "quick: one portrait; memory and drift skipped" if self.quick else "all",
            "seconds": f"{seconds:.0f}",
        }
        return BoundsResult(
            tuple(figures), tuple(self.takes), tuple(self.failures), tuple(self.untracked), about
        )

    def warm(self) -> None:
        """Compile and allocate once; only what comes after load and this counts."""
        list(self.system(portrait=self.cases.portraits[0], size=SIZE, **self.saying("Hello.")))

    def saying(self, words: str) -> dict[str, Any]:
        """The part of a request that lets the system say `words`: the text where it takes one, in
        the default voice where it takes one, otherwise that voice's recording of it."""
        if "voice" in self.inputs:
            return {"text": words, "voice": stock.VOICES[0]}
        if "text" in self.inputs:
            return {"text": words}
        return {"speech": said(words)}

    def phones_of(self, words: str) -> tuple[Phone, ...] | None:
        """The phones of `words` as the default voice says them; None where the system speaks in a
        voice of its own, so that they must be heard in its clip."""
        ours = "voice" in self.inputs or "text" not in self.inputs
        return spoken_phones(words, stock.VOICES[0]) if ours else None

    def text(self) -> None:
        """Film portraits that say a sentence each; where a voice can be chosen, in several."""
        if "text" not in self.inputs:
            return
        for i, portrait in enumerate(stock.spread(self.cases.portraits, self.counts[0])):
            words = stock.SENTENCES[i % len(stock.SENTENCES)]
            if "voice" in self.inputs:
                voice = stock.VOICES[i % len(stock.VOICES)]
                phones = spoken_phones(words, voice)
                self.film(portrait, "text", i, phones, text=words, voice=voice)
            else:
                self.film(portrait, "text", i, None, text=words)

    def recordings(self) -> None:
        """Other portraits are driven by human speech: English, as many again whose words are
        known, and three other languages."""
        if "speech" not in self.inputs:
            return
        free = stock.spread(self.cases.english, self.counts[1])
        english = (*free, *stock.spread(self.cases.known, self.counts[1]))
        other = self.cases.other[: 0 if self.quick else 3]
        pictures = self.cases.portraits[1::2] or self.cases.portraits
        for i, recording in enumerate((*english, *other)):
            samples = sound_of(recording.path, RECORDING_S)
            phones = heard(samples, recording.text) if recording.language == "en" else ()
            kind: Kind = "recording" if recording.language == "en" else "other language"
            portrait = pictures[i * len(pictures) // (len(english) + len(other))]
            self.film(portrait, kind, 100 + i, phones, speech=Speech(samples))

    def still_and_seeds(self) -> None:
        """Three portraits with a still head, and with two seeds."""
        words = SHORT if self.quick else stock.SENTENCES[0]
        for portrait in stock.spread(self.cases.portraits, 1 if self.quick else 3):
            kinds: tuple[tuple[Kind, int], ...] = (("still", 1), ("seed a", 1), ("seed b", 2))
            for kind, seed in kinds:
                if kind != "still" or "still" in self.inputs:
                    still = {"still": True} if kind == "still" else {}
                    asked = self.saying(words) | still
                    self.film(portrait, kind, seed, self.phones_of(words), **asked)

    def film(
        self, portrait: Path, kind: Kind, seed: int, phones: tuple[Phone, ...] | None,
        **request: Any,
    ) -> None:  # fmt: skip
        """Make and keep one clip, or note why it could not be made; phones that are not known
        (None) are heard in it."""
        from vivavoce.errors import NoFace

        path = self.work / f"{kind.replace(' ', '_')}-{seed:03d}-{portrait.stem}.mp4"
        try:
            take = film(
                self.system, portrait.stem, kind, path, phones or (),
                portrait=portrait, seed=seed, size=SIZE, **request,
            )  # fmt: skip
        except NoFace as refusal:
            self.untracked.append((portrait.name, str(refusal)))
        except Exception as error:  # as in `run`
            self.failures.append((portrait.name, f"{type(error).__name__}: {error}"))
        else:
            if phones is None:
                take = replace(take, phones=heard(take.samples, request.get("text")))
            self.takes.append(take)

    def real(self) -> None:
        """Real people, seen in the same way."""
        for clip in self.cases.clips[: 0 if self.quick else None]:
            phones = heard(sound_of(clip.path, 10.0), clip.text)
            self.takes.append(real_take(clip.path, phones))

    def everyone(self) -> None:
        """Every portrait of the folder says one word; those that look refuses do not count."""
        from vivavoce.errors import NoFace

        pictures = self.cases.portraits[: 3 if self.quick else None]
        finished, refused = 0, 0
        for i, portrait in enumerate(pictures):
            try:
                face = self.system.look(portrait)
            except NoFace as refusal:
                refused += 1
                self.untracked.append((portrait.name, str(refusal)))
                continue
            try:
                clip = self.system(portrait=face, seed=i, **self.saying("Yes."))
                frames = sum(len(c.frames) for c in clip)
                finished += frames > 0
            except Exception as error:  # as in `run`
                self.failures.append((portrait.name, f"{type(error).__name__}: {error}"))
        able = len(pictures) - refused
        share = finished / able if able else float("nan")
        self.figures.append(
            atleast("portraits that finish", share, 1, "", able,
                    f"of those that look accepts; {refused} of {len(pictures)} were refused")
        )  # fmt: skip

    def first_frame(self) -> None:
        """Request to first frame: with a picture not seen before, and with a face known."""
        portrait = self.takes[0].name if self.takes else ""
        picture = next((p for p in self.cases.portraits if p.stem == portrait), None)
        if picture is None:
            return
        words = " ".join(stock.SENTENCES[:3])
        asked = self.saying(words) | {"size": SIZE}
        rounds = 1 if self.quick else 5
        cold = speed.first_frame_s(self.system, rounds, portrait=picture, **asked)
        face = self.system.look(picture)
        known = speed.first_frame_s(self.system, rounds, portrait=face, **asked)
        self.figures += [
            upto("first frame, face already measured", 1000 * max(known), 300, "ms", len(known),
                 "warm; request to first chunk, text of six sentences, `Face` from an earlier "
                 "request; the slowest"),
            upto("first frame, new picture", 1000 * max(cold), 300, "ms", len(cold),
                 "the same with reading, finding, fitting and matting the picture; the slowest"),
        ]  # fmt: skip

    def drift(self) -> None:
        """Lag in the first and in the last minute of an hour of speech, by the motion curves."""
        if self.quick or not (self.system.space == "arkit52" and {"text", "voice"} <= self.inputs):
            return
        minutes = 60
        first, last, missing = drift_ms(self.system, minutes)
        name = f"drift over {minutes} minutes"
        self.figures += [
            upto(name, abs(last - first), 10, "ms", minutes,
                 f"lag of the last minute ({last:.0f} ms) against the first ({first:.0f} ms), "
                 "motion curves against exact phone times; tracks of files are compared above"),
            upto(f"frames missing after {minutes} minutes", abs(missing), 0, "frames",
                 minutes * 60 * FPS, "frames of motion against samples of sound"),
        ]  # fmt: skip

    def start_up(self) -> None:
        """Import and --help, each in a fresh process."""
        python = sys.executable
        load = speed.command_s(python, "-c", "import vivavoce")
        self.figures.append(upto("import vivavoce", load, 1, "s", 3, "whole process, best of 3"))
        program = Path(python).with_name("vivavoce")
        if program.exists():
            try:
                wait = speed.command_s(str(program), "--help")
            except subprocess.CalledProcessError as error:
                self.failures.append(("vivavoce --help", str(error)))
                return
            self.figures.append(
                upto("vivavoce --help", wait, 0.5, "s", 3, "whole process, best of 3")
            )

    def memory(self) -> None:
        """Peak memory for 10 s and for 10 minutes of human speech."""
        if self.quick or not self.takes:
            return
        names = {p.stem: p for p in self.cases.portraits}
        picture = names[self.takes[0].name]
        take = next((t for t in self.takes if t.kind == "recording"), self.takes[0])
        if "speech" not in self.inputs:
            return
        peaks = [self._peak(picture, take.samples, s) for s in (10, 600)]
        self.figures += [
            upto("memory at 10 minutes", peaks[1], 1.5, "GB", 1,
                 "peak resident set of a fresh process, mp4 written"),
            upto("memory at 10 minutes over that at 10 seconds", peaks[1] / peaks[0], 1.1, "times",
                 1, f"{peaks[0]:.3f} GB at 10 s"),
        ]  # fmt: skip

    def _peak(self, picture: Path, samples: np.ndarray, seconds: int) -> float:
        sound = self.work / f"speech-{seconds}s.wav"
        write_wav(sound, np.resize(samples, seconds * RATE))
        film_path = sound.with_suffix(".mp4")
        try:
            return speed.peak_memory(picture, sound, film_path, self.name).memory_gb
        finally:
            sound.unlink()
            film_path.unlink(missing_ok=True)


def said(words: str) -> Speech:
    """The default voice's recording of `words`, in one piece."""
    pieces = list(find_voice(stock.VOICES[0]).speak(words, Emotion()))
    return Speech(np.concatenate([p.samples for p in pieces]), text=words)


def heard(samples: np.ndarray, text: str | None = None) -> tuple[Phone, ...]:
    """The English phones that are heard in `samples` [n], with their times; words that are less
    than 90 % sure as "?" unless `text` says what they are; empty where nothing is made out."""
    from vivavoce.measure.align import align_phones

    try:
        phones = align_phones(Speech(samples, text=text), SURE)
    except RuntimeError:  # the aligner gives up where the words do not fit the sound
        return ()
    return phones if len(phones) > 1 else ()


def drift_ms(system: Any, minutes: int) -> tuple[float, float, int]:
    """Lag in ms of the motion in the first and in the last minute of `minutes` of spoken text, and
    how many frames the motion is longer than the sound."""
    from vivavoce.look.face478 import load
    from vivavoce.types import lip_gap

    unit = " ".join(s.replace("\n\n", " ") for s in stock.SENTENCES)
    phones = spoken_phones(unit, stock.VOICES[0])
    times = round(minutes * 60 / phones[-1].end_s) + 1
    text = " ".join([unit] * times)
    model, zero = load(), np.zeros(len(load().identity), np.float32)
    moved = system.motion(text=text, voice=stock.VOICES[0], seed=0)
    gap = np.concatenate([lip_gap(model.vertices(zero, m.expression)) for m in moved])
    phones = spoken_phones(text, stock.VOICES[0])
    minute, end = 60 * FPS, len(gap)
    trace = sync.expected_opening(phones, end / FPS)
    part = round(60 / sync.STEP_S)
    late = round((end - minute) / FPS / sync.STEP_S)
    first, _ = sync.lag_ms(gap[:minute], trace[:part])
    last, _ = sync.lag_ms(gap[-minute:], trace[late:])
    return first, last, end - sync.frames_for(round(phones[-1].end_s * RATE))


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Mono 16 kHz sound [n] in [-1, 1] as a 16-bit wav file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def _astronaut(work: Path) -> stock.Cases:
    """The one real portrait that a fresh environment has."""
    from PIL import Image

    from vivavoce.look.example import astronaut

    path = work / "astronaut.png"
    Image.fromarray(astronaut()).save(path)
    return stock.Cases((path,), (), (), (), ())


@contextmanager
def _told(step: str) -> Iterator[None]:
    """Say on the terminal which step runs and how long it took."""
    from rich.console import Console

    console = Console(stderr=True)
    started = perf_counter()
    with console.status(step):
        yield
    console.print(f"{step}: {perf_counter() - started:.1f} s", style="dim")
