"""A small set of corpus people whom no judge was trained on."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of two people of the test split, three clips each, 128 px, of the bench's own seed."""
    from vivavoce.data.corpus.make import Recipe, make_person
    from vivavoce.data.shards import write_set
    from vivavoce.measure.bench.suite import CORPUS_SEED

    folder = tmp_path_factory.mktemp("strangers")
    recipe = Recipe(CORPUS_SEED, 128, 3, words_share=0.0, layers=False)
    for index in (6, 16):
        make_person(folder, recipe, index)
    write_set(folder, {"name": "strangers", "people": 2})
    return folder
