"""The doctor: ten findings, none of which can break it."""

from __future__ import annotations

import pytest

from vivavoce.measure.bounds import doctor


def test_ten_findings_and_a_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "seconds_of_work", lambda seconds: 0.1)
    found = doctor.examine()
    assert [f.name for f in found][-2:] == ["timing", "verdict"]
    assert len(found) == 10
    assert all("\n" not in str(f) for f in found)
    by_name = {f.name: f for f in found}
    assert by_name["python"].ok
    assert by_name["libraries"].ok
    assert int(by_name["voices"].value.split()[0]) > 100


def test_a_slow_machine_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "seconds_of_work", lambda seconds: 0.9)
    timing, verdict = doctor.examine()[-2:]
    assert not timing.ok
    assert "0.90 s" in timing.value
    assert timing.advice
    assert "timing" in verdict.value
    assert not verdict.ok


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(seconds: float) -> float:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(doctor, "seconds_of_work", broken)
    timing = doctor.examine()[-2]
    assert (timing.name, timing.ok, timing.value) == ("timing", False, "RuntimeError")


def test_a_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.Path, "touch", refuse)
    found = doctor._writing()
    assert not found.ok
    assert "Permission denied" in found.value


def test_the_plain_face_is_a_face() -> None:
    face = doctor.plain_face()
    assert abs(face.pose[:2]).max() < 0.2
