"""What a sample is: the same members and keys for the open corpus and every real data set.

A sample is some files of one tar shard that share a name (the WebDataset convention): `KEY.json`,
`KEY.wav`, `KEY.mp4`, `KEY.frames.npz`, `KEY.tracks.npz`, `KEY.masks.npz`, `KEY.depth.npz`.
`TABLE` lists all that is inside; docs/data.md prints it. Reading needs neither PyAV nor mediapipe:
pictures for training are JPEG and PNG, decoded one by one when asked for.
"""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vivavoce.errors import ShapeError
from vivavoce.types import RATE, SAMPLES_PER_FRAME, Float

VERSION = 1
"""Version of this table; a reader refuses shards of another one."""
JPEG_QUALITY = 92
"""Quality of stored colour pictures, 0 to 100."""


@dataclass(frozen=True)
class Entry:
    """One row of the table of what a sample may hold."""

    member: str
    """File of the sample, without its name: json, wav, frames, ..."""
    key: str
    """Name within the member; empty where the member is one thing."""
    shape: str
    """Shape of the array, T frames; empty: a plain value."""
    dtype: str
    """Type of the numbers or of the value."""
    unit: str
    """Unit or range of the numbers; empty: they have none."""
    meaning: str
    """Meaning of the key, in words."""
    sets: str = "all"
    """Sets that have this entry; "all": every set."""


_ABOUT = "corpus, MEAD, MeadText, RAVDESS, InstructAvatar"
TABLE = (
    Entry("json", "version", "", "int", "", "version of this table"),
    Entry("json", "set", "", "str", "", 'data set, e.g. "corpus", "lrs3"'),
    Entry("json", "split", "", "str", "", '"train", "val" or "test"; people never cross over'),
    Entry("json", "person", "", "str", "", "identity; unique in the set"),
    Entry("json", "clip", "", "str", "", "clip of that person, as the set names it"),
    Entry("json", "frames", "", "int", "25 a second", "number of frames T"),
    Entry("json", "size", "", "int", "px", "side of the square pictures"),
    Entry("json", "crop", "", "str", "", 'crop rule: see look/crop.py'),
    Entry("json", "licence", "", "str", "", "terms under which the clip may be used"),
    Entry("json", "text", "", "str", "", "what is said", "corpus, LRS2, LRS3, LRW, MEAD, RAVDESS"),
    Entry("json", "words", "[W]", "[str, float, float]", "s", "word, start, end",
          "corpus, LRS2, LRS3, LRW"),
    Entry("json", "phones", "[P]", "[str, float, float]", "s", "phone, start, end", "corpus"),
    Entry("json", "emotion", "", "str", "", "one of the eight of types.EMOTIONS", _ABOUT),
    Entry("json", "intensity", "", "int", "1..3", "how strong", _ABOUT),
    Entry("json", "instruction", "", "{coarse, fine, units}", "",
          "the face in words; active units with strengths",
          "corpus, MeadText, InstructAvatar; MEAD, RAVDESS, clips (data/annotate.py)"),
    Entry("json", "attributes", "", "dict", "", "sex, age and what else is known of the person",
          "corpus (all of Person), VoxCeleb2, MEAD, RAVDESS, CelebV-HQ, FakeAVCeleb"),
    Entry("json", "sentence_split", "", "str", "", "split of the sentence", "corpus"),
    Entry("wav", "samples", "[n], n = 640 T", "int16", "1/32768", "sound, mono, 16 kHz"),
    Entry("mp4", "video", "", "bytes", "", "the clip for people: H.264 + AAC, 25 fps", "corpus"),
    Entry("frames.npz", "data, ends", "[T] x [H, W, 3]", "JPEG", "sRGB", "pictures for training"),
    Entry("tracks.npz", "landmarks", "[T, 478, 3]", "float32", "px of the pictures",
          "x right, y down, z away from us; the tracker's points"),
    Entry("tracks.npz", "expression", "[T, 52]", "float32", "0..1", "face478 / ARKit coefficients"),
    Entry("tracks.npz", "identity", "[40]", "float32", "1", "face478 shape, one for the clip"),
    Entry("tracks.npz", "pose", "[T, 6]", "float32", "rad; outer-eye distances",
          "yaw, pitch, roll; x, y, z; 0 = straight ahead in the picture's middle"),
    Entry("tracks.npz", "flame", "[T, 53]", "float32", "rad; 1",
          "FLAME's jaw and expression, where EMOCA's fit lies beside the video",
          "those with NAME.flame.npz"),
    Entry("tracks.npz", "pose_modes", "[T, 6]", "float32", "rad; outer-eye distances",
          "slow part of the pose, drawn freely: corpus/carriage.py", "corpus"),
    Entry("tracks.npz", "rhythm", "[T, 6]", "float32", "rad; outer-eye distances",
          "the rest of the pose, decided by prosody", "corpus"),
    Entry("tracks.npz", "gaze", "[T, 2]", "float32", "rad", "yaw, pitch relative to the head"),
    Entry("tracks.npz", "mouth_box", "[T, 4]", "float32", "px", "left, top, right, bottom"),
    Entry("tracks.npz", "face_box", "[T, 4]", "float32", "px", "left, top, right, bottom"),
    Entry("tracks.npz", "seen", "[T]", "bool", "", "false where the tracker lost the face and the "
          "row was interpolated"),
    Entry("masks.npz", "data, ends", "[T] x [H, W]", "PNG uint8", "", "labels: corpus/scene.py",
          "corpus"),
    Entry("depth.npz", "data, ends", "[T] x [H, W]", "PNG uint16", "0.1 mm",
          "distance to the camera; 0 = backdrop", "corpus"),
)  # fmt: skip
"""Every member and key that a sample may hold, in the order of the documentation."""


@dataclass(frozen=True)
class Pictures:
    """Encoded pictures of one clip; indexing decodes only what is asked for."""

    data: NDArray[np.uint8]
    """Bytes of all files, one after the other."""
    ends: NDArray[np.int64]
    """Offset in bytes at which each file ends [T]."""

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, which: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, which: slice) -> np.ndarray: ...
    def __getitem__(self, which: int | slice) -> np.ndarray:
        """One picture [H, W(, 3)], or several [n, H, W(, 3)]."""
        if isinstance(which, slice):
            return np.stack([self._decode(i) for i in range(*which.indices(len(self)))])
        return self._decode(range(len(self))[which])

    def _decode(self, i: int) -> np.ndarray:
        start = self.ends[i - 1] if i else 0
        return np.asarray(Image.open(io.BytesIO(self.data[start : self.ends[i]].tobytes())))

    @classmethod
    def encode(cls, pictures: Iterable[np.ndarray]) -> Pictures:
        """Colour pictures uint8 [H, W, 3] become JPEG, maps [H, W] (uint8, uint16) exact PNG."""
        files = [_encoded(picture) for picture in pictures]
        data = np.frombuffer(b"".join(files), np.uint8)
        return cls(data, np.cumsum([len(f) for f in files], dtype=np.int64))


def _encoded(picture: np.ndarray) -> bytes:
    out = io.BytesIO()
    if picture.ndim == 3:
        Image.fromarray(picture).save(out, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    else:
        Image.fromarray(picture).save(out, "PNG", compress_level=4)
    return out.getvalue()


@dataclass(frozen=True)
class Sample:
    """One clip of one person. What a set does not have, or was not asked for, is None or empty."""

    key: str
    """Unique in its set; no dots and no slashes."""
    about: dict[str, Any]
    """Contents of the `json` member: labels, words, licence (see `TABLE`)."""
    samples: Float | None = None
    """Sound [640 T] in [-1, 1], 16 kHz."""
    frames: Pictures | None = None
    """Pictures of the crop, RGB [T, H, W, 3]."""
    tracks: dict[str, np.ndarray] = field(default_factory=dict)
    """Arrays of T rows that were measured or are known, by the names in `TABLE`."""
    masks: Pictures | None = None
    """What each pixel shows [T, H, W], corpus only."""
    depth: Pictures | None = None
    """Distance of each pixel [T, H, W], corpus only."""
    video: bytes | None = None
    """MP4 of the clip for people, as bytes."""

    def __len__(self) -> int:
        """Number of frames T of the sample."""
        return int(self.about["frames"])

    @cached_property
    def seconds(self) -> float:
        """Length of the clip in seconds."""
        return len(self) * SAMPLES_PER_FRAME / RATE

    def check(self) -> None:
        """Check that all members are as long as the clip.

        Raises: ShapeError: a member's length does not agree with `frames`.
        """
        frames = len(self)
        if self.samples is not None and len(self.samples) != frames * SAMPLES_PER_FRAME:
            raise ShapeError(
                f"{self.key}.wav", f"[{frames * SAMPLES_PER_FRAME}]", self.samples.shape
            )
        for name, pictures in (
            ("frames", self.frames),
            ("masks", self.masks),
            ("depth", self.depth),
        ):
            if pictures is not None and len(pictures) != frames:
                raise ShapeError(f"{self.key}.{name}.npz", f"[{frames}]", (len(pictures),))
        for name, track in self.tracks.items():
            if name != "identity" and len(track) != frames:
                raise ShapeError(f"{self.key}.tracks.npz: {name}", f"[{frames}, ...]", track.shape)


def to_members(sample: Sample) -> Iterator[tuple[str, bytes]]:
    """Files of a sample, each as its suffix and its bytes."""
    sample.check()
    about = {"version": VERSION} | sample.about
    yield "json", json.dumps(about, ensure_ascii=False, sort_keys=True).encode()
    if sample.samples is not None:
        yield "wav", _to_wav(sample.samples)
    if sample.video is not None:
        yield "mp4", sample.video
    for name in ("frames", "masks", "depth"):
        pictures = getattr(sample, name)
        if pictures is not None:
            yield f"{name}.npz", _to_npz({"data": pictures.data, "ends": pictures.ends})
    if sample.tracks:
        yield "tracks.npz", _to_npz(sample.tracks)


def from_members(key: str, members: dict[str, bytes]) -> Sample:
    """Sample with the name `key` that these files (suffix → bytes) hold; undoes `to_members`."""
    packs = {}
    for name in ("frames", "masks", "depth"):
        if f"{name}.npz" in members:
            arrays = _from_npz(members[f"{name}.npz"])
            packs[name] = Pictures(arrays["data"], arrays["ends"])
    return Sample(
        key,
        json.loads(members["json"]),
        _from_wav(members["wav"]) if "wav" in members else None,
        packs.get("frames"),
        _from_npz(members["tracks.npz"]) if "tracks.npz" in members else {},
        packs.get("masks"),
        packs.get("depth"),
        members.get("mp4"),
    )


def _to_npz(arrays: dict[str, np.ndarray]) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def _from_npz(data: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _to_wav(samples: Float) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        scaled = np.round(np.clip(samples, -1, 32767 / 32768) * 32768)
        file.writeframes(scaled.astype("<i2").tobytes())
    return out.getvalue()


def _from_wav(data: bytes) -> Float:
    with wave.open(io.BytesIO(data), "rb") as file:
        raw = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return raw.astype(np.float32) / 32768
