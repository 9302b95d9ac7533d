"""The bounds from end to end, on the one real portrait that every environment has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import vivavoce
from vivavoce.errors import BadMedia, CannotWrite, RequestError
from vivavoce.measure.bounds.bounds import drift_ms, run_bounds, said
from vivavoce.measure.bounds.cases import VOICES
from vivavoce.types import Motion


@pytest.mark.slow(reason="clips are filmed, tracked and timed: 23 CPU seconds")
def test_quick_bounds_writes_figures_and_pictures(tmp_path: Path) -> None:
    result = run_bounds(None, tmp_path / "out", quick=True)
    assert not result.failures
    saved = json.loads((tmp_path / "out" / "bounds.json").read_text("utf-8"))
    by_name = {f["name"]: f for f in saved["figures"]}
    assert abs(by_name["lag of the picture, spoken text"]["value"]) <= 40
    assert by_name["lips closed on p b m, spoken text"]["value"] >= 0.9
    assert by_name["background change, before encoding"]["value"] == 0
    assert by_name["lips closed on p b m, recordings"]["verdict"] == "unmeasured"
    assert saved["about"]["system"].startswith("portrait, 512x512")
    assert "built-in portrait" in saved["about"]["data"]
    page = (tmp_path / "out" / "bounds.html").read_text("utf-8")
    assert page.count("data:image/jpeg;base64,") == len(result.takes)
    assert list((tmp_path / "out" / "bounds" / "sheets").glob("*.png"))


def test_a_folder_without_pictures_is_refused_before_any_work(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(BadMedia, match="no pictures"):
        run_bounds(empty, tmp_path / "out", quick=True)


def test_a_report_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="cannot be made"):
        run_bounds(None, tmp_path / "file" / "out", quick=True)


def test_a_system_that_makes_no_video_of_a_portrait_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Writer:
        name = "writer"
        gives = frozenset({"words"})

        @classmethod
        def needs_for(cls, output: str) -> tuple[frozenset[str], ...]:
            return (frozenset({"speech"}),)

        @classmethod
        def inputs(cls) -> frozenset[str]:
            return frozenset({"speech"})

    monkeypatch.setattr(vivavoce, "load", lambda name, device: Writer())
    with pytest.raises(RequestError, match="writer gives words from speech"):
        run_bounds(None, tmp_path / "out", quick=True, system="writer")


def test_what_a_system_without_texts_follows_says_the_same_words() -> None:
    from vivavoce.measure.bounds.take import spoken_phones
    from vivavoce.types import RATE

    speech = said("Bob and Pam.")
    assert len(speech.samples) / RATE == pytest.approx(
        spoken_phones("Bob and Pam.", VOICES[0])[-1].end_s, abs=0.01
    )


class _Late:
    """A system whose face stands still for five frames in the middle of what it says."""

    def motion(self, **asked: object) -> Iterator[Motion]:
        moved = list(vivavoce.load("portrait").motion(**asked))  # type: ignore[arg-type]
        middle = len(moved) // 2
        yield from moved[:middle]
        for _ in range(5):
            yield moved[middle][:1]
        yield from moved[middle:]


def test_drift_is_none_for_portrait_and_seen_where_the_face_falls_behind() -> None:
    first, last, missing = drift_ms(vivavoce.load("portrait"), 2)
    assert abs(last - first) < 10
    assert missing == 0
    first, last, missing = drift_ms(_Late(), 2)
    assert last - first == pytest.approx(200, abs=20)
    assert missing == 5
