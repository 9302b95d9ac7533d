"""Where in time and pitch each cue stands, and what the networks of this room compute."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from known import brief, filled, numbers, tensor
from vivavoce.listen.audio_mapper import AudioMapper, conditions, energy, surround
from vivavoce.listen.content import ContentModel, ContentSettings, ContentStream, Leveler
from vivavoce.listen.listener import Listener
from vivavoce.listen.mel import FLOOR, MelStream, log_mel, mel_filters
from vivavoce.listen.prosody import HEIGHTS, ProsodyStream, periodicity
from vivavoce.listen.sounds import CLASSES, INDEX, VOWELS, content_from_phones
from vivavoce.types import Phone, Speech

Golden = Callable[..., None]


def tone(hertz: float, seconds: float = 1.0, loud: float = 0.3) -> np.ndarray:
    at = np.arange(int(16_000 * seconds)) / 16_000
    return (loud * np.sign(np.sin(2 * np.pi * hertz * at)) * 0.8).astype(np.float32)


def test_mel_rows_stand_where_their_samples_are(golden: Golden) -> None:
    for window in (640, 1280):
        for row in (10, 33):
            sound = np.zeros(8_000, np.float32)
            sound[160 * row + 80] = 0.9
            loud = log_mel(sound, window).mean(1)
            assert int(loud.argmax()) == row
            assert loud[row - 1] == pytest.approx(loud[row + 1], abs=0.05)  # the row's own middle
    sound = 0.1 * numbers(4_000)
    golden("log-mel", brief(log_mel(sound)), 2e-3)
    golden("log-mel, long window", brief(log_mel(sound, 1280)), 2e-3)
    assert log_mel(np.zeros(1_600, np.float32)) == pytest.approx(np.log(FLOOR))
    assert log_mel(2 * sound) - log_mel(sound) == pytest.approx(np.log(4), abs=1e-3)


def test_mel_filters(golden: Golden) -> None:
    filters = mel_filters(1024)
    golden("filters", brief(filters))
    assert filters.shape == (513, 80)
    hertz = np.linspace(0, 8_000, 513)
    assert filters.sum(0) * (8_000 / 512) == pytest.approx(np.ones(80), abs=0.12)  # equal areas
    middle = hertz[filters.argmax(0)]
    assert (np.diff(middle) > 0).all()
    assert middle[20] == pytest.approx(21 * 200 / 3 * _to_mel(8_000) / 81, abs=16)
    widths = [np.ptp(hertz[f > 0]) for f in filters.T]
    assert widths[79] > 3 * widths[5]


def _to_mel(hertz: float) -> float:
    return 15 + 27 * np.log(hertz / 1000) / np.log(6.4)


def test_prosody(golden: Golden) -> None:
    sound = np.concatenate([
        np.zeros(3_200), tone(120, 0.6), tone(180, 0.6), 0.02 * numbers(6_400), tone(90, 0.4),
    ]).astype(np.float32)  # fmt: skip
    stream = ProsodyStream()
    rows = np.concatenate([stream.push(sound), stream.finish()])
    golden("prosody", rows.T, 2e-3)
    golden("median pitch", stream.median_hz, 0.1)
    noisy = ProsodyStream().push(
        (0.1 * sound + 0.004 * numbers(len(sound), seed=3)).astype(np.float32)
    )
    golden("prosody in noise", noisy.T, 2e-3)
    golden("prosody of a whisper", ProsodyStream().push(0.008 * sound).T, 2e-3)
    leap = np.concatenate([tone(80, 2.0), tone(440, 0.4)])  # heard an octave below its height
    golden("prosody of a leap", ProsodyStream().push(leap)[-12:, 1], 2e-3)
    low, high, last = rows[8:18, 1].mean(), rows[24:33, 1].mean(), rows[-7:-2, 1].mean()
    assert high - low == pytest.approx(np.log2(180 / 120), abs=0.35)
    assert high > low > last
    assert rows[:4, 0].max() == 0
    assert (rows[10:30, 2] > 0.9).all()


def test_the_frame_of_a_click_is_the_one_that_holds_it() -> None:
    for frame in (6, 17):
        sound = np.zeros(16_000, np.float32)
        sound[640 * frame : 640 * frame + 640] = 0.5 * numbers(640)
        stream = ProsodyStream()
        rows = np.concatenate([stream.push(sound), stream.finish()])
        assert int(rows[:, 0].argmax()) == frame
        assert rows[frame - 1, 0] == 0


def test_periodicity_peaks_at_the_period() -> None:
    for hertz in (80, 160, 320):
        strength = periodicity(tone(hertz, 0.08)[None])[0]
        best = HEIGHTS[int((strength - 0.04 * (HEIGHTS[0] - HEIGHTS)).argmax())]
        assert 2**best == pytest.approx(hertz, rel=0.03)
        assert strength.max() > 0.9
    assert periodicity(numbers(1, 1280)).max() < 0.5
    steady = tone(160, 0.08) + np.float32(0.5)  # a constant is no voice
    assert periodicity(steady[None]).max() == pytest.approx(
        float(periodicity(tone(160, 0.08)[None]).max()), abs=1e-3
    )


def small() -> ContentModel:
    return filled(ContentModel(ContentSettings(8, (1, 2, 4), (1, 0, 2))))


def test_the_content_network(golden: Golden) -> None:
    with torch.no_grad():
        golden("content", brief(small()(tensor(2, 40, 80))))
    levelled = Leveler()(np.log(np.abs(numbers(60, 80)) * np.linspace(1e-4, 1, 60)[:, None]))
    golden("levelled", brief(levelled), 1e-3)
    steady = Leveler()(np.full((300, 80), -3.0, np.float32))
    assert steady == pytest.approx(1, abs=0.01)
    sunk = np.full((401, 80), -9.0, np.float32)
    sunk[0] = 0
    after = Leveler()(sunk)[:, 0]
    assert after[1] == pytest.approx(2 * -9 / 14 + 1, abs=0.01)
    assert after[401 - 1] == pytest.approx(2 * (-9 + 400 * 0.0025) / 14 + 1, abs=0.01)


def test_streamed_content_is_the_whole_ones(golden: Golden) -> None:
    model, sound = small(), (0.1 * numbers(16_000)).astype(np.float32)
    stream = ContentStream(model)
    rows = np.concatenate([stream.push(sound[:5_000]), stream.push(sound[5_000:]), stream.finish()])
    level, mel = Leveler(), MelStream()
    levelled = np.concatenate([level(mel.push(sound)), level(mel.finish())])
    with torch.no_grad():
        whole = model(torch.from_numpy(levelled)[None])[0].softmax(-1).numpy()
    assert rows == pytest.approx(whole, abs=1e-5)
    golden("streamed content", brief(rows))


class Loudest(ContentModel):
    """Says "a" where the middle of the spectrum is loud, and silence elsewhere."""

    def __init__(self) -> None:
        super().__init__(ContentSettings(4, (1,), (0,)))
        with torch.no_grad():
            for weight in self.parameters():
                weight.zero_()
            self.front.weight[0, :, 2:4] = 1 / 80  # the two mel rows of the step, no others
            self.front.bias[0] = 2.0
            count = len(CLASSES)
            for half in (0, count):
                self.head.weight[half + INDEX["a"], 0] = 40
                self.head.bias[half + INDEX["sil"]] = 100
        self.eval()


def test_an_impulse_comes_out_at_its_own_frame() -> None:
    """The rows of a recording's content stand where its sound is, after any beginning."""
    for begin, start in ((0, 20), (0, 21), (3_000, 20), (6_400, 7)):
        sound = np.zeros(64_000, np.float32)
        sound[640 * start : 640 * start + 1_280] = 0.5 * numbers(1_280)

        def pieces(begin: int = begin, sound: np.ndarray = sound) -> Iterator[Speech]:
            if begin:
                yield Speech(np.zeros(begin, np.float32), phones=(Phone("_", 0, begin / 16_000),))
            yield Speech(sound)

        rows = np.concatenate([cues.content for cues, _ in Listener(Loudest())(pieces())])
        heard = rows[:, INDEX["a"]]
        middle = float((heard * (np.arange(len(heard)) + 0.5)).sum() / heard.sum())
        assert middle == pytest.approx(begin / 640 + start + 1, abs=0.12)
        assert heard.max() > 0.95


def test_vowels_are_the_classes_from_a_on() -> None:
    assert [CLASSES[i] for i in VOWELS][:2] == ["a", "ae"]
    assert {CLASSES[i] for i in VOWELS} == {*CLASSES[INDEX["a"] :]}
    assert "j" not in {CLASSES[i] for i in VOWELS}


def test_phones_come_out_where_they_are_said() -> None:
    phones = (Phone("_", 0, 0.1), Phone("p", 0.1, 0.22), Phone("a", 0.22, 0.5))
    sound = np.arange(8_000, dtype=np.float32) / 8_000

    def pieces() -> Iterator[Speech]:
        for _ in range(2):
            yield Speech(sound, phones=phones)

    heard = list(Listener()(pieces()))
    rows = np.concatenate([cues.content for cues, _ in heard])
    once = content_from_phones(phones, 25, 0.0)
    assert rows[:12] == pytest.approx(once[:12], abs=1e-6)
    assert rows[13:25, INDEX["pbm"]].sum() == pytest.approx(3.0, abs=1e-5)
    closed = rows[:, INDEX["pbm"]]
    assert closed[2] == pytest.approx(0.5)
    assert closed[3:5].tolist() == [1, 1]
    assert closed[15:17].tolist() == [1, 1]  # half a second later: 12.5 frames
    samples = np.concatenate([s for _, s in heard])
    assert samples[:16_000] == pytest.approx(np.tile(sound, 2))


def test_the_audio_mapper(golden: Golden) -> None:
    net = filled(AudioMapper(7, 5, 6, (3, 5), (1, 3)))
    heard = tensor(2, 4 * 6 + 2 * net.context, 7)
    with torch.no_grad():
        found = net(heard, 6)
        assert found.shape == (2, 6, 5)
        golden("audio mapper", brief(found))
        golden("audio mapper, stretched", brief(net(heard, 9)))
        later = heard.clone()
        later[:, net.context + 4 * 5 : net.context + 4 * 6] += 1  # the last frame's own rows
        changed = (net(later, 6) - found).abs().amax((0, 2))
        assert changed[5] == changed.max()
    assert AudioMapper(7, 5).context == 60


def test_what_the_mapper_hears() -> None:
    embedding, feature = tensor(2, 9, 3), tensor(2, 9, 4, seed=1)
    loud = energy(feature)
    torch.testing.assert_close(loud[..., 0], feature.square().mean(-1).sqrt())
    torch.testing.assert_close(energy(feature, True)[..., 0], feature.mean(-1))
    every = conditions(embedding, feature, ("embedding", "feature", "energy"))
    torch.testing.assert_close(every, torch.cat([embedding, feature, loud], -1))
    parts = {"embedding": slice(0, 3), "feature": slice(3, 7), "energy": slice(7, 8)}
    for name, columns in parts.items():
        alone = conditions(embedding, feature, (name,))
        torch.testing.assert_close(alone[..., columns], every[..., columns])
        assert float(alone.abs().sum()) == pytest.approx(float(every[..., columns].abs().sum()))


def test_windows_with_what_lies_around_them() -> None:
    rows = torch.arange(30.0).view(1, 30, 1).repeat(2, 1, 1)
    found = surround(rows, torch.tensor([30, 18]), torch.tensor([2, 3]), 2, 3)[..., 0]
    assert found[0].tolist() == list(range(5, 19))
    assert found[1].tolist() == [9, 10, 11, 12, 13, 14, 15, 16, 17, 17, 17, 17, 17, 17]
    first = surround(rows, torch.tensor([30, 30]), torch.tensor([0, 0]), 1, 3)[0, :, 0]
    assert first.tolist() == [0, 0, 0, 0, 1, 2, 3, 4, 5, 6]
