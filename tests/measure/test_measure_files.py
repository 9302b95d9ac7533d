"""Texts and vectors are measured by the command that measures clips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vivavoce.cli import app
from vivavoce.errors import RequestError
from vivavoce.measure.metrics.measured import measure_paths
from vivavoce.measure.metrics.metric import METRICS

OF_TEXTS = [m.name for m in METRICS if m.over == "texts"]
OF_VECTORS = [m.name for m in METRICS if m.over == "vectors"]
TRUE = [
    "she smiles broadly and raises her brows", "he looks sad and slightly lowers his head",
    "the woman opens her mouth wide in surprise", "an angry man presses his lips together",
]  # fmt: skip
PERFECT = {"L1": 0.0, "cosine": 1.0} | {f"R@{k}": 100.0 for k in (1, 2, 5, 10)}


def written(folder: Path, name: str, texts: list[str]) -> Path:
    path = folder / name
    path.write_text("\n".join(texts), "utf-8")
    return path


def test_the_same_texts_come_first_and_others_last(tmp_path: Path) -> None:
    true = written(tmp_path, "true.txt", TRUE)
    near = [text.replace("broadly", "a bit").replace("wide ", "") for text in TRUE]
    far = [*TRUE[1:], TRUE[0]]
    rows = [
        measure_paths(written(tmp_path, f"{i}.txt", texts), true).set_values
        for i, texts in enumerate((TRUE, near, far))
    ]
    assert list(rows[0]) == OF_TEXTS
    for name in OF_TEXTS:
        first, second, last = (row[name] for row in rows)
        assert first >= second > last, name


def test_several_references_of_a_text(tmp_path: Path) -> None:
    made, true = tmp_path / "made.json", tmp_path / "true.json"
    made.write_text(json.dumps({"b": TRUE[1], "a": TRUE[0]}))
    true.write_text(json.dumps({"a": ["nothing of it", TRUE[0]], "b": [TRUE[1]]}))
    assert measure_paths(made, true, ["BLEU-4"]).set_values == {"BLEU-4": pytest.approx(100)}


def test_vectors_of_the_same_people_come_first(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    true = rng.standard_normal((40, 8)).astype(np.float32)
    np.savez(
        tmp_path / "true.npz", vectors=true, gender=["f", "m"] * 20, nationality=["x"] * 40,
        age=[30.0] * 40,
    )  # fmt: skip
    rows = []
    for name, made in (("same", true), ("near", true + 0.7 * rng.standard_normal(true.shape)),
                       ("other", rng.permutation(true))):  # fmt: skip
        np.save(tmp_path / f"{name}.npy", made)
        rows.append(measure_paths(tmp_path / f"{name}.npy", tmp_path / "true.npz").set_values)
    assert list(rows[0]) == OF_VECTORS
    for name, value in PERFECT.items():
        assert rows[0][name] == pytest.approx(value), name
    for name in OF_VECTORS:
        better = -1 if name == "L1" else 1
        same, near, other = (better * row[name] for row in rows)
        assert same >= near > other, name


def test_what_is_not_known_of_people_is_said(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.eye(6, dtype=np.float32))
    found = measure_paths(tmp_path / "a.npy", tmp_path / "a.npy")
    assert set(found.missing) == {"AUC G", "AUC N", "AUC A", "AUC GNA"}
    assert "gender" in found.missing["AUC G"]


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    texts, short = written(tmp_path, "a.txt", TRUE), written(tmp_path, "b.txt", TRUE[:2])
    np.save(tmp_path / "a.npy", np.eye(3))
    np.save(tmp_path / "b.npy", np.eye(4))
    (tmp_path / "c.json").write_text("[1]")
    with pytest.raises(RequestError, match="4 texts"):
        measure_paths(texts, short)
    with pytest.raises(RequestError, match="--reference"):
        measure_paths(texts)
    with pytest.raises(RequestError, match="--reference"):
        measure_paths(texts, tmp_path / "a.npy")
    with pytest.raises(RequestError, match="row i of both"):
        measure_paths(tmp_path / "a.npy", tmp_path / "b.npy")
    with pytest.raises(RequestError, match="key: text"):
        measure_paths(tmp_path / "c.json", tmp_path / "c.json")
    with pytest.raises(RequestError, match="cannot be read"):
        measure_paths(texts, tmp_path / "none.txt")
    found = measure_paths(texts, texts, ["SSIM", "cosine"])
    assert found.missing == {"SSIM": "clips", "cosine": "files of vectors"}


def test_the_command_measures_texts_and_lists_what_they_need(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", TRUE)
    ran = CliRunner().invoke(app, ["measure", str(path), "--reference", str(path)])
    assert ran.exit_code == 0, ran.output
    assert "ROUGE-L" in ran.output
    listed = CliRunner().invoke(app, ["measure", "--list"]).output
    assert "texts: .txt or .json" in listed
    assert "vectors: .npy or .npz" in listed
    assert all(name in listed for name in OF_TEXTS + OF_VECTORS)
