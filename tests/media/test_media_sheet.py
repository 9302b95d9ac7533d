from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vivavoce.errors import BadMedia, OutputRefused
from vivavoce.media.clip import Clip
from vivavoce.media.provenance import Provenance
from vivavoce.media.sheet import GAP_PX, LABEL_PX, MARK, TILE_PX, WAVE_PX, contact_sheet
from vivavoce.types import Chunk


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Two seconds that grow lighter; the second one is loud."""
    frames = np.empty((50, 32, 64, 3), np.uint8)
    frames[:] = np.arange(50)[:, None, None, None] * 5
    samples = np.zeros(50 * 640, np.float32)
    samples[25 * 640 :] = 0.5 * np.sin(np.arange(25 * 640) * 0.2)
    path = tmp_path / "film.mp4"
    Clip([Chunk(frames, samples)], (64, 32), Provenance("portrait")).save(path)
    return path


def test_frames_in_order_and_the_wave_below(film: Path, tmp_path: Path) -> None:
    path = contact_sheet(film, tmp_path / "sheet.png", columns=5, frames=10)
    sheet = np.asarray(Image.open(path))
    tile_h = TILE_PX // 2 + LABEL_PX
    assert sheet.shape[1] == 5 * (TILE_PX + GAP_PX) + GAP_PX
    assert sheet.shape[0] == 2 * tile_h + GAP_PX + WAVE_PX
    light = [
        sheet[GAP_PX + r * tile_h + 60, GAP_PX + c * (TILE_PX + GAP_PX) + 100].mean()
        for r in range(2)
        for c in range(5)
    ]
    assert np.abs(np.diff(light) - 25).max() < 5
    assert light[0] == pytest.approx(10, abs=4)
    wave = sheet[-WAVE_PX + LABEL_PX :].astype(int)
    marks = np.flatnonzero((wave[30] == MARK).all(-1))
    assert np.allclose(marks / sheet.shape[1], (np.arange(10) * 5 + 2.5) / 50, atol=0.006)
    blue = (np.abs(wave - (70, 110, 160)).sum(-1) < 9).sum(0)
    assert (
        blue[: sheet.shape[1] // 2 - 20].mean() < 3 < 40 < blue[sheet.shape[1] // 2 + 20 :].mean()
    )


def test_fewer_frames_than_asked_and_no_sound(film: Path, tmp_path: Path) -> None:
    import av

    silent = tmp_path / "silent.mp4"
    with av.open(str(film)) as source, av.open(str(silent), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    contact_sheet(silent, tmp_path / "sheet.jpg", columns=20, frames=200)
    assert Image.open(tmp_path / "sheet.jpg").size[1] == 3 * (TILE_PX // 2 + LABEL_PX) + GAP_PX


def test_refusals(film: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputRefused, match=r"must end with .png"):
        contact_sheet(film, tmp_path / "sheet.gif")
    with pytest.raises(BadMedia, match="There is no video"):
        contact_sheet(tmp_path / "none.mp4", tmp_path / "sheet.png")
    assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]
