"""What a file says of being synthetic: each layer alone, together, lost, changed; signatures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from PIL import Image

from vivavoce.errors import RequestError
from vivavoce.media.clip import Clip
from vivavoce.media.provenance import Provenance
from vivavoce.media.signature import (
    check_signed,
    find_signer,
    make_certificate,
    read_credentials,
    sign,
)
from vivavoce.media.still import Still
from vivavoce.media.verify import verify
from vivavoce.types import RATE, Chunk

MADE = Provenance("portrait", seed=7, composed=True)


@pytest.fixture
def c2pa(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """c2pa-python, and a home without a certificate."""
    pytest.importorskip("c2pa", reason="c2pa-python is not here: pip install 'vivavoce[c2pa]'")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "vivavoce" / "signing.pem"


@pytest.fixture(scope="module")
def frames(astronaut: Path) -> np.ndarray:
    return np.repeat(np.asarray(Image.open(astronaut).convert("RGB"))[None], 5, 0)


def save(frames: np.ndarray, path: Path, **more: Any) -> Path:
    height, width = frames.shape[1:3]
    chunk = Chunk(frames, np.zeros(len(frames) * RATE // 25, np.float32))
    Clip([chunk], (width, height), MADE).save(path, **more)
    return path


def layers(path: Path) -> dict[str, bool]:
    return {layer.name: layer.synthetic for layer in verify(path).layers}


def bare(path: Path) -> Path:
    """The film without its metadata, its packets as they are."""
    out = path.with_name("bare.mp4")
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return out


def test_metadata_and_mark(frames: np.ndarray, tmp_path: Path) -> None:
    whole = save(frames, tmp_path / "a.mp4")
    assert layers(whole) == {"metadata": True, "signature": False, "mark": True}
    assert "it fits the metadata" in str(verify(whole))
    assert layers(bare(whole)) == {"metadata": False, "signature": False, "mark": True}
    unmarked = save(frames, tmp_path / "b.mp4", marked=False)
    assert layers(unmarked) == {"metadata": True, "signature": False, "mark": False}
    assert not verify(bare(unmarked)).synthetic


def test_a_mark_of_another_clip_is_told(frames: np.ndarray, tmp_path: Path) -> None:
    with av.open(str(save(frames, tmp_path / "a.mp4"))) as source:
        out = av.open(str(tmp_path / "b.mp4"), "w", options={"movflags": "use_metadata_tags"})
        out.metadata.update(Provenance("sdm", 3).tags())
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
        out.close()
    assert "it is NOT that of the metadata" in str(verify(tmp_path / "b.mp4"))


def test_what_is_no_film(frames: np.ndarray, tmp_path: Path) -> None:
    person = Still(frames[0], Provenance("drawn", 3, imagined=True))
    for name in ("a.png", "a.jpg", "a.webp"):
        person.save(tmp_path / name)
        assert layers(tmp_path / name)["mark"], name
        assert layers(tmp_path / name)["metadata"], name
    assert "the person does not exist" in str(verify(tmp_path / "a.jpg"))
    save(frames, tmp_path / "a.gif")
    assert layers(tmp_path / "a.gif") == {"metadata": True, "signature": False, "mark": False}
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    assert "there is no picture" in str(verify(tmp_path / "a.wav"))
    Image.fromarray(frames[0][:100, :100]).save(tmp_path / "small.png")
    assert "under 192 pixels" in str(verify(tmp_path / "small.png"))


def test_other_programs_say_so_in_xmp(tmp_path: Path) -> None:
    uri = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    xmp = f'<x Iptc4xmpExt:DigitalSourceType="{uri}"/>'.encode()
    Image.new("RGB", (64, 64)).save(tmp_path / "a.jpg", xmp=xmp)
    assert layers(tmp_path / "a.jpg")["metadata"]
    real = xmp.replace(b"trainedAlgorithmicMedia", b"digitalCapture")
    Image.new("RGB", (64, 64)).save(tmp_path / "b.jpg", xmp=real)
    assert not verify(tmp_path / "b.jpg").synthetic


def test_the_command(run: Callable[..., Any], frames: np.ndarray, tmp_path: Path) -> None:
    save(frames, tmp_path / "a.mp4")
    ran = run("verify", "a.mp4", "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["layers"]["mark"]["synthetic"]
    ran = run("verify", "a.mp4")
    assert "marked as synthetic" in ran.out
    assert "What cannot be known" in ran.out
    Image.fromarray(frames[0]).save("real.png")
    ran = run("verify", "real.png")
    assert (ran.code, "no mark of synthetic media was found" in ran.out) == (1, True)
    assert run("verify", "none.mp4").code == 2
    Path("text.mp4").write_text("no film")
    assert run("verify", "text.mp4").code == 2


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.gif"])
def test_signed_films(c2pa: Path, frames: np.ndarray, tmp_path: Path, name: str) -> None:
    path = save(frames, tmp_path / name, sign="local")
    said = read_credentials(path)
    assert said is not None
    assert (said.whole, said.trusted) == (True, False)
    assert said.source_types == ("compositeWithTrainedAlgorithmicMedia",)
    assert said.generator.startswith("vivavoce ")
    assert layers(path)["signature"]
    assert layers(path)["metadata"]
    assert c2pa.stat().st_mode & 0o777 == 0o600
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    assert "THE FILE WAS CHANGED" in str(verify(path))
    assert not list(tmp_path.glob(".*.part"))


def test_a_signed_still_of_nobody(c2pa: Path, frames: np.ndarray, tmp_path: Path) -> None:
    person = Still(frames[0], Provenance("drawn", 3, imagined=True))
    person.save(tmp_path / "a.png", sign="local")
    said = read_credentials(tmp_path / "a.png")
    assert said is not None
    assert said.source_types == ("trainedAlgorithmicMedia",)


def test_a_certificate_of_ones_own(c2pa: Path, frames: np.ndarray, tmp_path: Path) -> None:
    own = tmp_path / "me.pem"
    own.write_bytes(make_certificate("Anna's studio"))
    path = save(frames, tmp_path / "a.mp4", sign=str(own))
    assert "signed by Anna's studio" in str(verify(path))
    assert not c2pa.exists()
    assert find_signer(str(own)).algorithm == "es256"


def test_who_cannot_sign_is_told_before_any_work(c2pa: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"not \.webm: leave out --sign"):
        check_signed("local", ".webm")
    with pytest.raises(RequestError, match="not streams"):
        check_signed("local", "")
    with pytest.raises(RequestError, match=r"no certificate none\.pem"):
        find_signer("none.pem")
    (tmp_path / "empty.pem").write_text("hello")
    with pytest.raises(RequestError, match="holds no certificate with its key"):
        find_signer(str(tmp_path / "empty.pem"))
    pem = make_certificate()
    (tmp_path / "half.pem").write_bytes(pem[: pem.index(b"-----BEGIN PRIVATE")])
    with pytest.raises(RequestError, match="no private key"):
        find_signer(str(tmp_path / "half.pem"))


def test_signing_costs_little(c2pa: Path, frames: np.ndarray, tmp_path: Path) -> None:
    path = save(frames, tmp_path / "a.mp4")
    size = path.stat().st_size
    sign(path, ".mp4", MADE, find_signer("local"))
    assert path.stat().st_size - size < 6000
