"""Time is charged to the innermost stage."""

from __future__ import annotations

from collections.abc import Iterator
from time import sleep

import pytest

from vivavoce.media.clock import Clock


def test_nested_stages_are_charged_apart() -> None:
    clock = Clock()

    def speak() -> Iterator[int]:
        for i in range(3):
            sleep(0.02)
            yield i

    def listen() -> Iterator[int]:
        for i in clock.watch("speak", speak()):
            sleep(0.04)
            yield i

    assert list(clock.watch("listen", listen())) == [0, 1, 2]
    assert clock.seconds["speak"] == pytest.approx(0.06, abs=0.03)
    assert clock.seconds["listen"] == pytest.approx(0.12, abs=0.04)
