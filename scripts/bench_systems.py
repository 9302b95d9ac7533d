"""Time the stages of ttsf and sdm against the arithmetic of their networks.

    python scripts/bench_systems.py [--only sdm --only ttsf-paper] [--ttsf FOLDER] [--docs]

A face says a text. Each stage is timed; then the same is done once more while the multiply-adds of
all convolutions, matrix products and attentions are counted; then once more under torch's profiler.
A stage takes so many "times its arithmetic": its seconds over what the counted multiply-adds would
take at the rate that this machine reaches, in the same run and with as many threads, in large plain
work of their kind: convolutions, or products of matrices; and so many times that and what starting
its operators takes, each as long as the product of a row and an 8 x 8 matrix. All are seconds of
the one thread that the systems give to networks, so that other work matters little. Writes
out/bench-systems.json and .md; --docs writes the table into docs/speed.md too.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, thread_time
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from vivavoce.look.example import ASTRONAUT
from vivavoce.media.clip import Clip
from vivavoce.media.clock import Clock
from vivavoce.nn.threads import one_thread
from vivavoce.nn.weights import SHIPPED
from vivavoce.systems.sdm.net import SdmNet
from vivavoce.systems.sdm.net import ready as sdm_ready
from vivavoce.systems.sdm.settings import PRESETS as SDM_PRESETS
from vivavoce.systems.sdm.talker import Sdm
from vivavoce.systems.talker import About, Request
from vivavoce.systems.ttsf.net import PRESETS as TTSF_PRESETS
from vivavoce.systems.ttsf.net import TtsfNet
from vivavoce.systems.ttsf.net import ready as ttsf_ready
from vivavoce.systems.ttsf.talker import Ttsf
from vivavoce.types import FPS

PAGE = Path(__file__).parents[1] / "docs" / "speed.md"
BEGIN, END = "<!-- made by `make bench-systems` -->", "<!-- end of what is made -->"
TEXT = (
    "The old harbour lies quiet at this hour. A few boats come in with the tide, and the women on "
    "the quay call their prices to nobody in particular. By noon all of it will be sold."
)
SHORT = "The old harbour lies quiet."
"""For networks of paper size, and under the profiler."""
ROWS = ("ttsf", "sdm", "ttsf-paper", "sdm-paper")
SLOW = 3.0
"""Times its arithmetic over which a stage has to be explained."""
ONCE = ("look", "see")
"""Stages that a clip needs once, however long it is."""
OUTSIDE = "outside torch"
TOKEN = 2.5
"""Mel frames of a token of a network that nobody has trained, as English has."""


def rates() -> dict[str, float]:
    """With the present number of threads: multiply-adds a second of large plain work, in 1e9, and
    the seconds to start an operator that has next to nothing to do; the fastest of ten."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    x, w = torch.randn(4, 128, 64, 64), torch.randn(128, 128, 3, 3)
    works: dict[str, tuple[Callable[[], Any], float]] = {
        "matrices": (lambda: a @ b, 1024**3),
        "convolution": (lambda: F.conv2d(x, w, padding=1), x[:, 0].numel() * w.numel()),
    }
    row, square = torch.randn(1, 8), torch.randn(8, 8)
    start = fastest(lambda: [torch.mm(row, square) for _ in range(1000)]) / 1000
    return {name: work / fastest(do) / 1e9 for name, (do, work) in works.items()} | {"start": start}


def fastest(do: Callable[[], Any], rounds: int = 10) -> float:
    """Seconds of the fastest of some rounds."""
    taken = []
    for _ in range(rounds):
        started = thread_time()
        do()
        taken.append(thread_time() - started)
    return min(taken)


def untrained(kind: str, preset: str) -> Any:
    """A system with random weights: what it makes is noise, its work is the same."""
    torch.manual_seed(0)
    about = About(f"{kind}-{preset}, random weights")
    if kind == "sdm":
        return Sdm(about, sdm_ready(SdmNet(SDM_PRESETS[preset].settings)))
    net = ttsf_ready(TtsfNet(TTSF_PRESETS[preset]))
    net.vocoder.folded()
    with torch.no_grad():
        net.acoustic.durations.last.weight.zero_()
        net.acoustic.durations.last.bias.fill_(np.log(TOKEN))
    return Ttsf(about, net)


def system_of(row: str, ttsf: Path) -> Any:
    """The system of a row of the table."""
    kind, _, preset = row.partition("-")
    if preset:
        talker = untrained(kind, preset)
    else:
        talker = Sdm.load(SHIPPED / "sdm-tiny") if kind == "sdm" else Ttsf.load(ttsf)
    talker.net.requires_grad_(False)  # the counter follows gradients where there could be some
    return talker


class Named(Clock):
    """A clock that tells the profiler which stage is running."""

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """As a clock does."""
        with record_function(f"stage {stage}"), super().__call__(stage):
            yield


def clip_of(talker: Any, portrait: Path, text: str, clock: Clock) -> Clip:
    """A clip in which the system says `text`; its work is charged to `clock`."""
    options = talker.options_type.chosen(talker.name, {}, talker.about.options)
    return talker.make(Request(portrait=portrait, text=text), options, clock)


def said(talker: Any, portrait: Path, text: str, clock: Clock) -> int:
    """Let the system say `text`, which is charged to `clock`: how many frames."""
    with one_thread():
        return sum(len(chunk.frames) for chunk in clip_of(talker, portrait, text, clock))


class Calls(TorchDispatchMode):
    """Counts the operators that are started."""

    count = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:  # fmt: skip
        """As the dispatcher does."""
        self.count += 1
        return func(*args, **(kwargs or {}))


def counted(
    talker: Any, portrait: Path, text: str, reached: dict[str, float]
) -> dict[str, np.ndarray]:
    """By stage, for a second of video (`look` and `see`: for a picture): multiply-adds, in 1e9; the
    seconds that they would take at the rates `reached`; those that starting operators takes."""
    # Attention on a processor is an operator of its own that the counter does not know, and a whole
    # layer in one operator hides its products from it.
    attention = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    count: Callable[..., int] = lambda q, k, v, *a, **b: sdpa_flop_count(q, k, v)  # noqa: E731
    torch.backends.mha.set_fastpath_enabled(False)
    with (
        FlopCounterMode(display=False, custom_mapping={attention: count}) as counter,
        Calls() as ops,
    ):

        def now() -> np.ndarray:
            done = [0.0, 0.0, ops.count * reached["start"]]
            for operator, flops in counter.get_flop_counts().get("Global", {}).items():
                kind = "convolution" if "convolution" in str(operator) else "matrices"
                done[0] += flops / 2e9
                done[1] += flops / 2e9 / reached[kind]
            return np.array(done)

        clock = Clock(now)  # type: ignore[arg-type]  # what it charges need only add up
        frames = said(talker, portrait, text, clock)
    torch.backends.mha.set_fastpath_enabled(True)
    return per_second(clock, frames / FPS)


def per_second(clock: Clock, length: float) -> dict[str, Any]:
    """What was charged to stages, for a second of video; to those of the picture, once for all."""
    return {k: v if k in ONCE else v / length for k, v in clock.seconds.items()}


def profiled(talker: Any, portrait: Path, text: str) -> dict[str, dict[str, float]]:
    """Shares of each stage's time by operator of torch, the largest first."""
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        said(talker, portrait, text, Named())
    spent: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for event in seen.events() or ():
        inside, name = event, event.name
        while inside is not None and not inside.name.startswith("stage "):
            inside = inside.cpu_parent
        if inside is not None:
            name = OUTSIDE if inside is event else name.removeprefix("aten::")
            spent[inside.name.removeprefix("stage ")][name] += event.self_cpu_time_total
    return {stage: shares(ops) for stage, ops in spent.items()}


def shares(spent: dict[str, float], most: int = 4) -> dict[str, float]:
    """The largest parts of a whole."""
    whole = sum(spent.values()) or 1.0
    largest = sorted(spent, key=lambda name: -spent[name])[:most]
    return {name: spent[name] / whole for name in largest}


def written(talker: Any, portrait: Path, text: str) -> tuple[Clock, float, float]:
    """A clip written to a file: its clock, its length in seconds, and the seconds that all of it
    took by the clock on the wall, encoding included, once networks are warm."""
    said(talker, portrait, SHORT, Clock())
    clock = Clock(thread_time)
    with tempfile.TemporaryDirectory() as folder, one_thread():
        started = perf_counter()
        saved = clip_of(talker, portrait, text, clock).save(Path(folder) / "it.mp4")
        return clock, saved.seconds, perf_counter() - started


def measured(row: str, portrait: Path, ttsf: Path) -> dict[str, Any]:
    """What the table says of a system."""
    talker = system_of(row, ttsf)
    text = SHORT if row.endswith("-paper") else TEXT
    with one_thread():
        reached = rates()
    clock, length, whole = written(talker, portrait, text)
    seconds, work = per_second(clock, length), counted(talker, portrait, text, reached)
    goes_to = profiled(talker, portrait, text)
    stages = {}
    for stage, taken in seconds.items():
        amount, products, starts = (float(v) for v in work.get(stage, np.zeros(3)))
        stages[stage] = {
            "s": taken, "multiply_adds_1e9": amount,
            "times": taken / products if products else None,
            "times_with_starts": taken / (products + starts) if products else None,
            "goes_to": goes_to.get(stage, {}),
        }  # fmt: skip
    return {
        "checkpoint": talker.about.name, "seconds_of_video": length, "whole_s": whole / length,
        "reached": reached, "stages": stages,
    }  # fmt: skip


def figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def slow_or_not(times: float | None) -> str:
    return f"**{figure(times)}**" if times is not None and times > SLOW else figure(times)


def table(found: dict[str, dict[str, Any]]) -> str:
    """The figures as Markdown."""
    lines = [
        "| system | stage | s a second of video | 1e9 multiply-adds a second of video | times its "
        "arithmetic | and the start of its operators | the time goes to |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row, of in found.items():
        for stage, told in of["stages"].items():
            ops = ", ".join(f"{k} {v:.0%}" for k, v in told.get("goes_to", {}).items())
            times, started = (slow_or_not(told[k]) for k in ("times", "times_with_starts"))
            name = f"{stage}, once a clip" if stage in ONCE else stage
            work = figure(told["multiply_adds_1e9"] or None)
            lines.append(
                f"| {row} | {name} | {figure(told['s'])} | {work} | {times} | {started} | {ops} |"
            )
        lines.append(
            f"| {row} | whole clip, encoded, by the wall | {figure(of['whole_s'])} | | | | |"
        )
    reached = []
    for row, of in found.items():
        held = of["reached"]
        reached.append(
            f"{row} matrices {held['matrices']:.0f}, convolution {held['convolution']:.0f}, start "
            f"{1e6 * held['start']:.1f} µs"
        )
    lines.append(f"\nOf: {', '.join(of['checkpoint'] for of in found.values())}.")
    lines.append(
        "Reached in the same run by one thread, 1e9 multiply-adds a second of plain work, and the "
        "start of an operator: "
        f"{'; '.join(reached)}."
    )
    return "\n".join(lines) + "\n"


def into_page(text: str) -> None:
    """Put the table between the marks of docs/speed.md."""
    page = PAGE.read_text("utf-8")
    between = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    if not between.search(page):
        sys.exit(f"{PAGE} has lost its marks {BEGIN} and {END}.")
    PAGE.write_text(between.sub(lambda _: f"{BEGIN}\n\n{text}\n{END}", page), "utf-8")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", action="append", choices=ROWS, help="this row; may be repeated")
    parser.add_argument("--ttsf", type=Path, default=SHIPPED / "ttsf-tiny", help="its checkpoint")
    parser.add_argument("--portrait", type=Path, help="the astronaut by default")
    parser.add_argument("--out", type=Path, default=Path("out/bench-systems.json"))
    parser.add_argument("--docs", action="store_true", help="write the table into docs/speed.md")
    options = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.1f}")
    portrait = options.portrait or ASTRONAUT
    found = {row: measured(row, portrait, options.ttsf) for row in options.only or ROWS}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    text = table(found)
    options.out.with_suffix(".md").write_text(text, "utf-8")
    print(text)
    if options.docs:
        into_page(text)


if __name__ == "__main__":
    main()
