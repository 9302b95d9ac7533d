"""Time is charged to the innermost stage."""

from __future__ import annotations

from collections.abc import Iterator

from vivavoce.media.clock import Clock


def test_nested_stages_are_charged_apart() -> None:
    time = 0.0
    clock = Clock(now=lambda: time)

    def works(seconds: float) -> None:
        nonlocal time
        time += seconds

    def speak() -> Iterator[int]:
        for i in range(3):
            works(2)
            yield i

    def listen() -> Iterator[int]:
        for i in clock.watch("speak", speak()):
            works(4)
            yield i

    heard = []
    for i in clock.watch("listen", listen()):
        heard.append(i)
        works(100)  # whoever consumes them is not charged
    assert heard == [0, 1, 2]
    assert dict(clock.seconds) == {"speak": 6, "listen": 12}


def test_what_is_inside_a_stage_is_taken_from_it() -> None:
    time = 0.0
    clock = Clock(now=lambda: time)
    with clock("outer"):
        time += 1
        with clock("inner"):
            time += 10
        time += 2
        with clock("inner"):
            time += 20
    time += 50
    with clock("outer"):
        time += 4
    assert dict(clock.seconds) == {"outer": 7, "inner": 30}
