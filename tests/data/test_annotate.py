"""The annotator: words for clips that have none, by their label and what the face shows."""

from __future__ import annotations

import numpy as np

from vivavoce.data.annotate import SETS, annotate, in_words
from vivavoce.listen.instruction.reading import understood
from vivavoce.types import ARKIT, ARKIT_INDEX


def face(**shown: float) -> np.ndarray:
    expression = np.zeros((30, len(ARKIT)), np.float32)
    for name, strength in shown.items():
        for side in ("Left", "Right"):
            expression[:, ARKIT_INDEX[name + side]] = strength
    return expression


def test_words_name_the_label_and_the_units() -> None:
    said = annotate("M003_angry", "angry", 3, face(browDown=0.7, mouthPress=0.5))
    assert understood(said["coarse"]).asked.feeling == "angry"
    assert understood(said["coarse"]).asked.level == 3
    acts = [done.act for done in understood(said["fine"]).asked.acts]
    assert acts == ["brows down", "press"]
    assert set(said["units"]) == {"browDown", "mouthPress"}


def test_a_clip_has_the_same_words_again_and_another_other_ones() -> None:
    one = annotate("a", "sad", 1, face(mouthFrown=0.5))
    assert one == annotate("a", "sad", 1, face(mouthFrown=0.5))
    others = {annotate(str(i), "sad", 1, face(mouthFrown=0.5))["coarse"] for i in range(20)}
    assert len(others) > 5


def test_a_clip_without_a_label_has_fine_words_alone() -> None:
    said = annotate("mine", None, None, face(mouthSmile=0.6))
    assert said["coarse"] == ""
    assert "smile" in [done.act for done in understood(said["fine"]).asked.acts]


def test_a_still_face_is_said_to_be_still() -> None:
    said = in_words("x", "neutral", 2, {})
    assert understood(said["fine"]).asked.is_empty
    assert said["fine"]


def test_which_sets_get_words() -> None:
    assert {"mead", "ravdess", "clips"} == SETS
