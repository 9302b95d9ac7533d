"""Several threads, forks and a closed standard error, in fresh processes, as a server has them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

START = """
import hashlib, os, sys, threading
import numpy as np
import vivavoce
from vivavoce.look.example import ASTRONAUT, astronaut

picture = astronaut()

def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()

def spoken(system, **asked):
    chunks = list(system(ASTRONAUT, "Hi.", seed=1, size=64, **asked))
    return digest(*[c.frames for c in chunks], *[c.samples for c in chunks])

def at_once(work, count=4):
    results = [None] * count
    gate = threading.Barrier(count)
    def run(i):
        gate.wait()
        results[i] = work()
    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert None not in results, results
    return set(results)
"""


def python(code: str, *, timeout: float = 240, before: str = "") -> str:
    """What a fresh interpreter prints when it runs `START` and `code`."""
    command = [sys.executable, "-X", "faulthandler", "-c", START + code]
    if before:
        command = ["sh", "-c", f'exec "$@" {before}', "sh", *command]
    usual = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    ran = subprocess.run(
        command, env=usual, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert ran.returncode == 0, (ran.returncode, ran.stdout, ran.stderr[-3000:])
    return ran.stdout


@pytest.mark.parametrize("name", ["portrait", "sdm", "ttsf"])
def test_four_threads_with_a_system_each_give_the_same_clip(name: str) -> None:
    python(f"""
made = at_once(lambda: spoken(vivavoce.load({name!r})))  # nothing has been loaded before
assert made == {{spoken(vivavoce.load({name!r}))}}, "a thread alone gives another clip"
""")


@pytest.mark.parametrize("name", ["portrait", "sdm", "ttsf"])
def test_four_threads_with_one_system_give_the_same_clip(name: str) -> None:
    python(f"""
shared = vivavoce.load({name!r})
made = at_once(lambda: spoken(shared))
assert made == {{spoken(shared)}}, "a thread alone gives another clip"
""")


def test_threads_look_segment_and_track_at_once() -> None:
    python("""
from vivavoce.look import look
from vivavoce.look.track import track_video

wide = picture[:300, 60:480]

def work():
    face = look(picture)
    return digest(face.landmarks, face.matte, *track_video([wide, wide, wide]))

assert len(at_once(work) | at_once(work) | {work()}) == 1
""")


def test_a_graph_that_failed_is_made_anew() -> None:
    python("""
from vivavoce.look import look, track

before = digest(look(picture).landmarks)

def fails(work):
    try:
        work()
    except Exception:
        return True

for graph in (track._STILL_MESH, *track._DETECTORS):
    assert fails(lambda: graph.process(np.zeros((4, 4, 2), np.uint8)))
assert digest(look(picture).landmarks) == before
track._STILL_MESH._solution._graph.close()
assert fails(lambda: look(picture)), "a closed graph still works"
assert digest(look(picture).landmarks) == before
""")


def test_lines_of_others_do_not_vanish() -> None:
    code = """
stop = threading.Event()
written = []

def log():
    while not stop.is_set():
        written.append(os.write(2, b"a line\\n"))
        stop.wait(0.001)

thread = threading.Thread(target=log)
thread.start()
from vivavoce.look import look
look(picture)
stop.set()
thread.join()
print(len(written))
"""
    ran = subprocess.run(
        [sys.executable, "-c", START + code], capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) > 50
    assert ran.stderr.split("\n") == ["a line"] * int(ran.stdout) + [""]


def test_caches_that_cannot_be_written_are_not_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    places = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), str(tmp_path / "file"))
    ran = subprocess.run(
        [sys.executable, "-c", START + "from vivavoce.look import look; look(picture)"],
        capture_output=True, text=True, check=True, env={**os.environ, **places},
    )  # fmt: skip
    assert ran.stderr == ""


def test_it_works_with_standard_error_closed(tmp_path: Path) -> None:
    python(
        f"""
assert sys.stderr is None
from vivavoce import cli
from vivavoce.look.track import track_video

sys.argv = ["vivavoce", "speak", str(ASTRONAUT), "--text", "Hi.", "--size", "64",
            "-o", {str(tmp_path / "a.mp4")!r}]
try:
    cli.main()
except SystemExit as stop:
    assert not stop.code, stop.code
assert next(track_video([picture[:300]])) is not None
with open("/dev/null") as file:
    assert file.fileno() != 2, "what native code prints would go into the user's files"
""",
        before="2>&-",
    )
    assert (tmp_path / "a.mp4").is_file()


FORK = """
import multiprocessing, queue
from vivavoce.look import look
from vivavoce.look.track import track_video
from vivavoce.speak.voices import find_voice

system = vivavoce.load("portrait")

def work():
    return spoken(system), digest(*track_video([picture[:300]] * 2))

def in_a_child(function):
    ctx = multiprocessing.get_context("fork")
    answers = ctx.Queue()
    child = ctx.Process(target=lambda: answers.put(function()))
    child.start()
    try:
        return answers.get(timeout=90)
    finally:
        child.kill()

here = work()
"""


def test_a_fork_after_a_look_looks_and_speaks() -> None:
    python(
        FORK
        + """
half = track_video([picture[:300]] * 4)
next(half)
assert in_a_child(work) == here
assert in_a_child(lambda: in_a_child(work)) == here, "a grandchild"
assert in_a_child(lambda: len(list(half))) == 3, "a video that the parent had begun"
assert len(list(half)) == 3
assert work() == here, "the parent goes on"
"""
    )


def test_a_child_that_looked_ends() -> None:
    python(
        FORK
        + """
import time
pid = os.fork()
if pid == 0:
    assert work() == here
    sys.exit(7)  # through the interpreter's own end, which multiprocessing leaves out
for _ in range(900):
    ended, status = os.waitpid(pid, os.WNOHANG)
    if ended:
        assert os.waitstatus_to_exitcode(status) == 7, status
        break
    time.sleep(0.1)
else:
    os.kill(pid, 9)
    raise SystemExit("it hangs")
"""
    )


def test_forks_while_three_threads_make_clips_work() -> None:
    python(
        FORK
        + """
face, stop = system.look(ASTRONAUT), threading.Event()

def make():
    while not stop.is_set():
        spoken(system)

threads = [threading.Thread(target=make, daemon=True) for _ in range(3)]
[t.start() for t in threads]
for _ in range(3):
    assert in_a_child(lambda: spoken(system)) == here[0]
stop.set()
[t.join(60) for t in threads]
assert not any(t.is_alive() for t in threads)
"""
    )
