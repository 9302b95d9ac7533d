"""Motion without a picture as a video: the grey mesh, with the sound that moves it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vivavoce.errors import RequestError
from vivavoce.media.clip import Clip
from vivavoce.media.provenance import Provenance
from vivavoce.nn.threads import one_threaded
from vivavoce.render.grey import GreyMesh
from vivavoce.systems.portrait.talker import SoundQueue
from vivavoce.types import FPS, Chunk, FaceModel, Motion

SUFFIXES = (".mp4", ".mov", ".webm")
"""Suffixes of a motion's file that ask for such a video."""


def mesh_clip(
    motions: Iterable[Motion], sound: SoundQueue, model: FaceModel, made_by: Provenance,
    size: int = 512, fps: int = FPS,
) -> Clip:  # fmt: skip
    """A clip of the grey mesh of `model`.

    Args:
        motions: In ARKit coefficients.
        sound: What is heard, filled while the motion is read.
        model: The mesh.
        made_by: Written into the file.
        size: Side of the pictures in px.
        fps: Frames a second of the motion.

    Raises: RequestError, while it is read: motion in another space.
    """
    mesh = GreyMesh(model, size)
    return Clip(one_threaded(_chunks(motions, sound, mesh)), (size, size), made_by, fps=fps)


def _chunks(motions: Iterable[Motion], sound: SoundQueue, mesh: GreyMesh) -> Iterator[Chunk]:
    for motion in motions:
        if motion.space != "arkit52":
            raise RequestError(
                f"The mesh moves by ARKit's coefficients, and this motion is in {motion.space!r}. "
                "Write .npz."
            )
        frames = mesh.draw(motion)
        yield Chunk(frames, sound.take(len(motion), motion.fps), motion.fps)
