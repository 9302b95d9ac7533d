"""Corpus people as pictures: exact points, eyes that shut, mouths that open, the same bits."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from vivavoce.data.corpus.draw import Drawn, Painter
from vivavoce.data.corpus.head import Head
from vivavoce.data.corpus.people import draw_person
from vivavoce.data.corpus.person import BEARDS, GLASSES, HAIR_STYLES
from vivavoce.data.corpus.scene import LABEL_INDEX
from vivavoce.look import face478
from vivavoce.look.track import find_faces
from vivavoce.types import ARKIT_INDEX, lip_gap

REST = np.zeros(52, np.float32)
AHEAD, LOOK = np.zeros(6, np.float32), np.zeros(2, np.float32)


def doing(**actions: float) -> np.ndarray:
    row = REST.copy()
    for name, value in actions.items():
        row[ARKIT_INDEX[name]] = value
    return row


def eye_distance(drawn: Drawn) -> float:
    return float(np.linalg.norm(drawn.landmarks[33, :2] - drawn.landmarks[263, :2]))


@pytest.fixture(scope="module")
def painter() -> Painter:
    return Painter(draw_person(3, 8), 256)


def test_the_tracker_sees_people_where_the_truth_says() -> None:
    apart, found = [], 0
    for index in range(12):
        painter = Painter(draw_person(3, index), 256)
        turn = np.array([0.25 * np.sin(index), 0.1 * np.cos(index), 0.05, 0, 0, 0], np.float32)
        drawn = painter.frame(doing(jawOpen=0.3 * (index % 2)), turn, LOOK)
        faces = find_faces(drawn.picture)
        if faces:
            found += 1
            away = faces[0].landmarks[:468, :2] - drawn.landmarks[:468, :2]
            apart.append(np.median(np.linalg.norm(away, axis=1)) / eye_distance(drawn))
    assert found >= 11
    assert np.median(apart) < 0.035
    assert max(apart) < 0.08


def test_the_head_has_the_shapes_of_face478() -> None:
    model = face478.load()
    rng = np.random.default_rng(0)
    identity = rng.normal(size=40).astype(np.float32)
    head = Head(identity)
    ours = head.landmarks(head.vertices(REST), LOOK)[:468]
    theirs = model.vertices(identity, REST)[:468]
    plain = Head(np.zeros(40, np.float32))
    moved = ours - plain.landmarks(plain.rest, LOOK)[:468]
    wanted = theirs - model.neutral[:468]
    cosine = (moved * wanted).sum() / np.linalg.norm(moved) / np.linalg.norm(wanted)
    assert cosine > 0.97
    other = Head(rng.normal(size=40).astype(np.float32))
    wrong = other.landmarks(other.rest, LOOK)[:468] - plain.landmarks(plain.rest, LOOK)[:468]
    assert (wrong * wanted).sum() / np.linalg.norm(wrong) / np.linalg.norm(wanted) < 0.8


def test_a_blink_covers_the_eye(painter: Painter) -> None:
    def seen(row: np.ndarray) -> int:
        labels = painter.frame(row, AHEAD, LOOK).labels
        return int(np.isin(labels, [LABEL_INDEX["eye"], LABEL_INDEX["iris"]]).sum())

    open_eyes = seen(REST)
    assert open_eyes > 120
    assert seen(doing(eyeBlinkLeft=1, eyeBlinkRight=1)) < 0.12 * open_eyes


def test_an_open_mouth_shows_teeth_and_the_points_follow(painter: Painter) -> None:
    shut, wide = (painter.frame(doing(jawOpen=v), AHEAD, LOOK) for v in (0.0, 0.5))
    assert lip_gap(shut.landmarks[None])[0] < 0.02
    assert lip_gap(wide.landmarks[None])[0] > 0.12
    inside = [LABEL_INDEX[n] for n in ("mouth", "teeth", "tongue")]
    assert np.isin(shut.labels, inside).sum() < 40
    assert np.isin(wide.labels, inside).sum() > 250
    assert (wide.labels == LABEL_INDEX["teeth"]).sum() > 10


def test_the_gaze_moves_the_irises(painter: Painter) -> None:
    left, right = (painter.frame(REST, AHEAD, np.array([g, 0], np.float32)) for g in (-0.35, 0.35))
    moved = right.landmarks[[468, 473], 0] - left.landmarks[[468, 473], 0]
    assert np.all(moved > 0.05 * eye_distance(left))


def test_depth_is_the_distance_of_what_is_seen(painter: Painter) -> None:
    drawn = painter.frame(REST, AHEAD, LOOK)
    assert np.array_equal(drawn.depth == 0, drawn.labels == LABEL_INDEX["backdrop"])
    nose, ear = drawn.landmarks[1], drawn.landmarks[234]
    at = [int(drawn.depth[round(p[1]), round(p[0])]) for p in (nose, ear + np.array([4, 0, 0]))]
    assert 300 < at[1] - at[0] < 1400  # the nose is 3 to 14 cm before the cheek's edge


def test_every_style_is_drawn() -> None:
    from dataclasses import replace

    person = draw_person(3, 1)
    counts = {}
    for style in HAIR_STYLES:
        looks = replace(person.looks, hair=style, glasses="none", beard="none")
        labels = Painter(replace(person, looks=looks), 128).frame(REST, AHEAD, LOOK).labels
        counts[style] = int((labels == LABEL_INDEX["hair"]).sum())
        face = labels[52:76, 54:74]  # nose and mouth
        assert (face == LABEL_INDEX["hair"]).mean() < 0.03, style
    assert counts["bald"] == 0
    assert counts["buzz"] < counts["short"] < counts["long"]
    assert counts["afro"] > counts["short"]
    for kind in BEARDS[2:]:
        looks = replace(person.looks, hair="bald", beard=kind)
        labels = Painter(replace(person, looks=looks), 128).frame(REST, AHEAD, LOOK).labels
        assert (labels == LABEL_INDEX["beard"]).sum() > 20, kind
    for kind in GLASSES[1:]:
        looks = replace(person.looks, hair="bald", glasses=kind)
        labels = Painter(replace(person, looks=looks), 256).frame(REST, AHEAD, LOOK).labels
        assert (labels == LABEL_INDEX["glasses"]).sum() > 50, kind


def test_beards_move_with_the_jaw() -> None:
    from dataclasses import replace

    person = draw_person(3, 1)
    looks = replace(person.looks, hair="bald", beard="full", backdrop="plain")
    painter = Painter(replace(person, looks=looks), 256)

    def lowest(row: np.ndarray) -> float:
        rows, _ = np.nonzero(painter.frame(row, AHEAD, LOOK).labels == LABEL_INDEX["beard"])
        return float(np.percentile(rows, 98))

    assert lowest(doing(jawOpen=0.7)) > lowest(REST) + 4


CODE = """
import hashlib, numpy as np
from vivavoce.data.corpus.draw import Painter
from vivavoce.data.corpus.people import draw_person
d = Painter(draw_person(3, 5), 128).frame(*[np.full(n, .1, np.float32) for n in (52, 6, 2)])
print(hashlib.sha256(d.picture.tobytes() + d.depth.tobytes() + d.landmarks.tobytes()).hexdigest())
"""


def test_another_process_draws_the_same_bits() -> None:
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    rows = [np.full(n, 0.1, np.float32) for n in (52, 6, 2)]
    drawn = Painter(draw_person(3, 5), 128).frame(*rows)
    data = drawn.picture.tobytes() + drawn.depth.tobytes() + drawn.landmarks.tobytes()
    assert run.stdout.strip() == hashlib.sha256(data).hexdigest()
