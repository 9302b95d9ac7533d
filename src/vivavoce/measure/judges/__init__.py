"""judges: networks that measure clips. Each has a name, which stands beside every figure it made.

The corpus judges ship with vivavoce (weights/judges; its card says how right they are). Official
ones are loaded from files that the user has. The two are never mixed in one table.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Literal

from vivavoce.errors import RequestError, UnknownName

JudgeKind = Literal[
    "picture", "clip", "face", "looks", "head", "sync", "voice", "sound", "words", "naturalness",
    "noise",
]  # fmt: skip
KINDS: dict[JudgeKind, tuple[str, str]] = {
    "picture": ("features and maps of pictures: FID, KID, LPIPS", "Inception"),
    "clip": ("features of 16 frames: FVD", "I3D"),
    "face": ("identity of a face: CSIM", "ArcFace"),
    "looks": ("age, sex, feeling, and which known person: age, gender, emotion, VFS", ""),
    "head": ("yaw, pitch, roll: head motion", "Hopenet"),
    "sync": ("distance of lips and sound: LSE", "SyncNet"),
    "voice": ("identity of a voice: C-SIM", "an x-vector network"),
    "sound": ("features of sound: FAD", "VGGish"),
    "words": ("what is said: WER, CER", "Whisper"),
    "naturalness": ("how natural a voice sounds: DistillMOS", ""),
    "noise": ("how good the sound is: DNSMOS", ""),
}
"""Kind → what it tells, and the official network that tells it in the papers."""


@cache
def load_judge(kind: str, source: str = "corpus", device: str = "cpu") -> Any:
    """The judge of this kind.

    Args:
        kind: One of `KINDS`.
        source: "corpus": the ones that ship; otherwise the file of official weights (for example
            syncnet_v2.model), or, for "words" and "voice", a hub name or folder for transformers.
        device: Where its network runs: "cpu", "cuda", "cuda:1", or "auto".

    Raises: UnknownName: no such kind. RequestError: there is no official one of this kind.
    BadCheckpoint: the file does not fit.
    """
    if kind not in KINDS:
        raise UnknownName("judge", kind, KINDS)
    if source == "corpus":
        from vivavoce.measure.judges.corpus import CORPUS_JUDGES
        from vivavoce.nn.weights import SHIPPED

        return CORPUS_JUDGES[kind](SHIPPED / "judges", device)
    from vivavoce.measure.judges import official

    if kind not in official.LOADERS:
        names = ", ".join(official.LOADERS)
        raise RequestError(f"There is no official judge for {kind!r}; there are: {names}.")
    return official.LOADERS[kind](source, device)


def chosen_judges(said: Iterable[str]) -> dict[str, str]:
    """Kind → source, from "sync=syncnet_v2.model" and the like.

    Raises: RequestError: not in this form. UnknownName: no such kind.
    """
    chosen: dict[str, str] = {}
    for words in said:
        kind, equals, source = words.partition("=")
        if not (equals and source):
            raise RequestError(
                f"A judge is given as kind=file, like sync=syncnet_v2.model, not {words!r}."
            )
        if kind not in KINDS:
            raise UnknownName("judge", kind, KINDS)
        chosen[kind] = source
    return chosen
