"""judges: networks that measure clips. Each has a name, which stands beside every figure it made.

The corpus judges ship with vivavoce (weights/judges; its card says how right they are). Official
ones are loaded from files that the user has. The two are never mixed in one table.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from vivavoce.errors import RequestError, UnknownName

KINDS = ("face", "clip", "sync", "voice", "words")
WEIGHTS = Path(__file__).parents[2] / "weights" / "judges"


@cache
def load_judge(kind: str, source: str = "corpus") -> Any:
    """The judge of this kind.

    Args:
        kind: "face" (features, maps, embedding, people, attributes, emotions), "clip" (features of
            16 frames), "sync" (distances over offsets), "voice" (embedding, features), "words"
            (what is said).
        source: "corpus": the ones that ship; otherwise the file of official weights ("sync":
            syncnet_v2.model), or, for "words" and "voice", a hub name for transformers.

    Raises: UnknownName: no such kind. RequestError: there is no official loader for it.
    BadCheckpoint: the file does not fit.
    """
    if kind not in KINDS:
        raise UnknownName("judge", kind, KINDS)
    if source == "corpus":
        from vivavoce.measure.judges import corpus

        makers = {
            "face": corpus.FaceJudge, "clip": corpus.ClipJudge, "sync": corpus.SyncJudge,
            "voice": corpus.VoiceJudge, "words": corpus.WordsJudge,
        }  # fmt: skip
        return makers[kind](WEIGHTS)
    from vivavoce.measure.judges import official

    if kind not in official.LOADERS:
        names = ", ".join(official.LOADERS)
        raise RequestError(f"There is no official judge for {kind!r} yet; there are: {names}.")
    return official.LOADERS[kind](source)
