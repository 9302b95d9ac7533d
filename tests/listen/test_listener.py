from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from vivavoce.errors import BadCheckpoint
from vivavoce.listen.content import ContentModel, ContentStream, Leveler
from vivavoce.listen.listener import CHUNK, FIRST_CHUNK, Listener
from vivavoce.listen.mel import log_mel
from vivavoce.listen.sounds import CLASSES, CLOSED, SILENCE, content_from_phones
from vivavoce.speak.voices import find_voice
from vivavoce.types import Emotion, Float, Phone, Speech


@pytest.fixture(scope="module")
def model() -> ContentModel:
    torch.manual_seed(0)
    return ContentModel().eval()


def hear(
    speech: Iterable[Speech], model: ContentModel | None = None
) -> tuple[Float, Float, Float, list[int]]:
    chunks = list(Listener(model)(speech))
    return (
        np.concatenate([c.content for c, _ in chunks]),
        np.concatenate([c.prosody for c, _ in chunks]),
        np.concatenate([s for _, s in chunks]),
        [len(c) for c, _ in chunks],
    )


def noise(length: int) -> Float:
    return np.random.default_rng(0).normal(0, 0.1, length).astype(np.float32)


def test_exact_phones_on_the_grid_of_the_clip() -> None:
    pieces = list(find_voice("en-us").speak("My baby bumped a map. Pam may bob by.", Emotion()))
    assert any(len(p.samples) % 640 for p in pieces)
    content, prosody, samples, sizes = hear(pieces)
    at, phones = 0.0, []
    for piece in pieces:
        phones += [Phone(p.symbol, p.start_s + at, p.end_s + at) for p in piece.phones or ()]
        at += piece.seconds
    assert np.allclose(content, content_from_phones(phones, len(content)), atol=1e-5)
    whole = np.concatenate([p.samples for p in pieces])
    assert np.array_equal(samples[: len(whole)], whole)
    assert not samples[len(whole) :].any()
    assert len(samples) == 640 * len(content) == 640 * len(prosody)
    assert sizes[0] == FIRST_CHUNK
    assert set(sizes[1:-1]) == {CHUNK}


@pytest.mark.parametrize(
    "count", [600, pytest.param(6_000, marks=pytest.mark.slow(reason="an hour takes 20 s"))]
)
def test_long_speech_does_not_drift(count: int) -> None:
    """Pieces of 0.6003 s; the last closure is where arithmetic says."""
    length = 9_605

    def pieces() -> Iterator[Speech]:
        for _ in range(count):
            yield Speech(np.zeros(length, np.float32), phones=(Phone("p", 0.3, 0.4),))

    frames, last = 0, np.zeros(0)
    for cues, _ in Listener()(pieces()):
        closed = np.flatnonzero(cues.content[:, CLOSED] > 0.01)
        last = closed + frames if len(closed) else last
        frames += len(cues)
    assert frames == -(-count * length // 640)
    start = ((count - 1) * length / 16_000 + 0.3) * 25
    assert last[0] == int(start)
    assert last[-1] == int(start + 2.5)


def test_memory_does_not_grow() -> None:
    heard = 0

    def pieces() -> Iterator[Speech]:
        nonlocal heard
        while True:
            heard += 1
            yield Speech(np.zeros(8_000, np.float32), phones=())

    assert len(list(islice(Listener()(pieces()), 20))) == 20
    assert heard < 25


def test_network_in_parts_equals_whole(model: ContentModel) -> None:
    sound = noise(20_480)
    with torch.inference_mode():
        rows = torch.from_numpy(Leveler()(log_mel(sound)))[None]
        whole = torch.softmax(model(rows)[0], 1).numpy()
    rng, at = np.random.default_rng(2), 0
    stream, parts = ContentStream(model), []
    while at < len(sound):
        size = int(rng.integers(1, 4_000))
        parts.append(stream.push(sound[at : at + size]))
        at += size
    parts.append(stream.finish())
    assert np.allclose(np.concatenate(parts), whole, atol=1e-4)


@pytest.mark.parametrize("length", [1, 639, 640, 800, 12_345, 40_000])
def test_recordings_of_any_length(model: ContentModel, length: int) -> None:
    content, prosody, samples, _ = hear([Speech(noise(length))], model)
    frames = -(-length // 640)
    assert content.shape == (frames, len(CLASSES))
    assert prosody.shape == (frames, 3)
    assert np.allclose(content.sum(1), 1, atol=1e-4)
    assert np.array_equal(samples[:length], noise(length))


def test_pieces_of_a_recording_do_not_matter(model: ContentModel) -> None:
    sound = noise(30_000)
    whole = hear([Speech(sound)], model)[0]
    parts = hear([Speech(sound[i : i + 777]) for i in range(0, 30_000, 777)], model)[0]
    assert np.allclose(whole, parts, atol=1e-4)


def test_a_recording_may_follow_spoken_text(model: ContentModel) -> None:
    spoken = Speech(noise(1_000), phones=(Phone("p", 0, 1_000 / 16_000),))
    content, *_ = hear([spoken, Speech(noise(5_000)), spoken], model)
    assert len(content) == -(-7_000 // 640)
    assert content[0, CLOSED] == pytest.approx(1)
    assert np.allclose(content.sum(1), 1, atol=1e-4)


def test_nothing_gives_nothing(model: ContentModel) -> None:
    assert list(Listener(model)([])) == []
    assert list(Listener(model)([Speech(np.zeros(0, np.float32))])) == []


def test_missing_and_damaged_weights(tmp_path: Path, model: ContentModel) -> None:
    path = tmp_path / "content.safetensors"
    with pytest.raises(BadCheckpoint, match=r"content\.safetensors is missing"):
        ContentModel.load(path)
    path.write_bytes(b"junk" * 10)
    with pytest.raises(BadCheckpoint, match="damaged"):
        ContentModel.load(path)
    model.save(path)
    again = ContentModel.load(path)
    assert again.settings == model.settings
    assert path.stat().st_size < 3_000_000


def test_silence_is_silence() -> None:
    content, prosody, _, _ = hear([Speech(np.zeros(16_000, np.float32), phones=())])
    assert (content[:, SILENCE] == 1).all()
    assert not prosody.any()
