"""Find faces and follow their 478 points (mediapipe's face mesh with irises).

Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs", 2019;
Grishchenko et al., "Attention Mesh", 2020. The models come inside the mediapipe wheel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any, TypeAlias

import cv2
import numpy as np

from vivavoce.look.example import astronaut
from vivavoce.look.face478 import load
from vivavoce.look.graphs import Graph
from vivavoce.types import IRISES, NOSE_TIP, OUTER_EYES, Bytes, Float

CROP_PX = 384
"""Side in pixels of the square crop in which a face is measured."""
NOT_DETECTED = 0.25
"""The dispute of a face that no detector sees at all."""
CERTAIN = 0.5
"""Least `Tracked.certainty` of a face that ends the search for others."""
FLAT = 6
"""Tiles whose levels differ by less than this are sky or wall."""
CROP_SCALE = 1.9
"""Side of that crop over the detector's face size."""
VIEWS = ((1.0, 0.0, False), (1.0, 0.0, True), (1.2, 0.12, False), (0.9, -0.12, True))
"""Zoom, turn in radians and mirroring of the crops in which a face is measured."""
EVEN_VIEWS = ((1.0, 0.0, False), (1.0, 0.0, True), (1.2, 0.12, False), (1.2, -0.12, True))
"""Such crops that are the same ones for a picture that is mirrored."""
MIN_SCORE = 0.5
"""Detections under this score are not looked at."""
SEARCH_PX = 1280
"""Pictures are searched at no more than this size."""
FINE_PX = 512
"""Small tiles are searched at no more than this size; the detectors look at 128 and 192 pixels."""

Box: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom in picture pixels."""


@dataclass(frozen=True)
class Tracked:
    """One face that was found in a picture."""

    landmarks: Float
    """[478, 3] in picture pixels: x right, y down, z away from the viewer."""
    steadiness: float
    """How well the tracker agrees with itself when the crop is moved, turned and mirrored: root
    mean square distance over the outer-eye distance; a human face gives a few hundredths."""
    dispute: float
    """Largest distance of the detector's own eyes, nose and mouth from the mesh's, over the
    outer-eye distance; small on people, large on animals that resemble them."""
    certainty: float
    """How sure the detectors are of it, 0 to 1, the mean of both on several views: about 0.87 on
    people, under 0.65 on animals, 0 where they see none."""
    tile: Box
    """The largest part of the picture in which a detector saw it."""

    @property
    def eye_px(self) -> float:
        """Distance of the outer eye corners in pixels."""
        right, left = self.landmarks[list(OUTER_EYES), :2]
        return float(np.linalg.norm(right - left))


def _face_mesh(static: bool) -> Any:
    from mediapipe.python.solutions.face_mesh import FaceMesh

    return FaceMesh(
        static_image_mode=static,
        max_num_faces=1,
        refine_landmarks=True,
        min_detection_confidence=0.3,
        min_tracking_confidence=0.5,
    )


def _detector(full_range: int) -> Any:
    from mediapipe.python.solutions.face_detection import FaceDetection

    return FaceDetection(model_selection=full_range, min_detection_confidence=MIN_SCORE)


_STILL_MESH = Graph(lambda: _face_mesh(static=True), first=astronaut)
_DETECTORS = (Graph(lambda: _detector(0)), Graph(lambda: _detector(1)))
FINE = ((1024, 320), (576, 192), (288, 96))
"""Side and overlap in pixels of the tiles in which small faces are searched. The quicker detector
sees 24 pixels between the eyes in the smallest ones; a face that is too small for one kind of tiles
fits into the overlap of the next."""


def _run_mesh(mesh: Graph, picture: Bytes) -> Float | None:
    """The points in `picture` [478, 3] px, or None."""
    found = mesh.process(picture).multi_face_landmarks
    if not found:
        return None
    height, width = picture.shape[:2]
    points = np.array([(p.x, p.y, p.z) for p in found[0].landmark], np.float32)
    return points * np.array([width, height, width], np.float32)


def _crop(centre: Float, side: float, turn: float, mirror: bool) -> np.ndarray:
    """The 2x3 map from picture pixels to a `CROP_PX` square around `centre`, turned by `turn`."""
    scale = CROP_PX / side
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    linear = np.array([[cos, sin], [-sin, cos]])
    if mirror:
        linear[0] *= -1
    offset = CROP_PX / 2 - linear @ centre
    return np.column_stack([linear, offset])


def _mesh_in_crop(
    picture: Bytes, centre: Float, side: float, turn: float = 0.0, mirror: bool = False
) -> Float | None:
    """The points [478, 3] in picture pixels, measured in a small, upright, sharp crop."""
    to_crop = _crop(centre, side, turn, mirror)
    area = cv2.INTER_AREA if side > CROP_PX else cv2.INTER_LINEAR
    crop = cv2.warpAffine(
        picture, to_crop, (CROP_PX, CROP_PX), flags=area, borderMode=cv2.BORDER_REPLICATE
    )
    points = _run_mesh(_STILL_MESH, np.asarray(crop, np.uint8))
    if points is None:
        return None
    back = cv2.invertAffineTransform(to_crop)
    flat = points[:, :2] @ back[:, :2].T + back[:, 2]
    return np.column_stack([flat, points[:, 2] * side / CROP_PX]).astype(np.float32)


@dataclass(frozen=True)
class Hit:
    """Something that a detector calls a face."""

    centre: Float
    """Middle of its box [2], px."""
    side: float
    """Longer side of its box, px."""
    tile: Box
    """The part of the picture in which it was seen."""


def _tiles(height: int, width: int, side: float, overlap: float) -> list[Box]:
    """Squares of `side` px that cover a picture and overlap by at least `overlap` px."""

    def starts(length: int) -> list[int]:
        if length <= side:
            return [0]
        count = ceil((length - overlap) / (side - overlap) - 1e-6)
        return [round(k * (length - side) / (count - 1)) for k in range(count)]

    size = round(side)
    return [
        (left, top, min(left + size, width), min(top + size, height))
        for top in starts(height)
        for left in starts(width)
    ]


def _hits(
    picture: Bytes, side: float, overlap: float, most_px: int, detectors: Iterable[Graph]
) -> Iterator[Hit]:
    """What `detectors` see in the tiles of a picture, each searched at no more than `most_px`."""
    height, width = picture.shape[:2]
    shrink = min(1.0, most_px / side)
    small = cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    for tile in _tiles(height, width, side, overlap):
        left, top, right, bottom = (round(edge * shrink) for edge in tile)
        seen = np.ascontiguousarray(small[top:bottom, left:right])
        if np.ptp(seen[::4, ::4]) < FLAT:
            continue
        size = np.array([right - left, bottom - top])
        for detector in detectors:
            for found in detector.process(seen).detections or []:
                box = found.location_data.relative_bounding_box
                middle = np.array([box.xmin + box.width / 2, box.ymin + box.height / 2]) * size
                longer = max(box.width * size[0], box.height * size[1])
                yield Hit((middle + np.array([left, top])) / shrink, longer / shrink, tile)


def _candidates(picture: Bytes) -> Iterator[list[Hit]]:
    """Where to look: the whole picture and its quarters; ever smaller tiles if that found nothing.

    The detectors see a face whose eyes are a twelfth of the tile apart, so the smallest tiles show
    the smallest faces that can be animated, however large the picture is."""
    height, width = picture.shape[:2]
    longest = max(height, width)
    hits: list[Hit] = []
    for tiles in (1, 2, 3, 5):
        side = 2 * longest / (tiles + 1)
        hits += _hits(picture, side, side / 2, SEARCH_PX, _DETECTORS)
        if tiles == 1 and not hits:  # a face that fills the picture escapes the detectors
            middle = np.array([width / 2, height / 2], np.float32)
            hits.append(Hit(middle, longest / CROP_SCALE, (0, 0, width, height)))
        if tiles > 1:
            yield hits
    for side, overlap in FINE:
        if side < longest / 3:
            yield list(_hits(picture, side, overlap, FINE_PX, _DETECTORS[:1]))


def find_faces(picture: Bytes) -> list[Tracked]:
    """All faces of `picture` [H, W, 3] RGB that the mesh can be laid on, the largest first.

    Smaller ones are searched where no larger one is seen; what the detectors are not `CERTAIN` of
    does not end the search, and comes last."""
    uncertain: list[Tracked] = []
    for hits in _candidates(picture):
        found = _tracked(picture, hits)
        faces = sorted(found, key=lambda face: (face.certainty < CERTAIN, -face.eye_px))
        if faces and faces[0].certainty >= CERTAIN:
            return faces
        uncertain = uncertain or faces
    return uncertain


def _tracked(picture: Bytes, hits: list[Hit]) -> list[Tracked]:
    """The faces that the mesh can be laid on where detectors saw some."""
    faces: list[Tracked] = []
    for hit in sorted(hits, key=lambda hit: -hit.side):
        points = _mesh_in_crop(picture, hit.centre, hit.side * CROP_SCALE)
        if points is None or any(_same(points, face.landmarks) for face in faces):
            continue
        points, steadiness = _agree(picture, points)
        if points is not None:
            tile = _largest_tile([hit, *(h for h in hits if _shows(h, points))])
            faces.append(Tracked(points, steadiness, *_second_opinion(picture, points), tile))
    return faces


def _shows(hit: Hit, points: Float) -> bool:
    """Whether a detector means the face with these points."""
    apart = np.linalg.norm(hit.centre - points[:, :2].mean(0))
    return bool(apart < np.ptp(points[:, 0]))


def _largest_tile(hits: Iterable[Hit]) -> Box:
    return max((h.tile for h in hits), key=lambda tile: (tile[2] - tile[0]) * (tile[3] - tile[1]))


def _same(a: Float, b: Float) -> bool:
    """Whether two measurements are of one face."""
    apart = np.linalg.norm(a[:, :2].mean(0) - b[:, :2].mean(0))
    return bool(apart < 0.5 * max(np.ptp(a[:, 0]), np.ptp(b[:, 0])))


def _crops(
    points: Float, scale: float, views: Iterable[tuple[float, float, bool]]
) -> Iterator[tuple[Float, float, float, bool]]:
    """Centre, side, turn and mirroring of crops that show a face with level eyes in these `views`;
    `scale` is their side over the face's."""
    right, left = points[list(OUTER_EYES), :2]
    eyes = left - right
    level = -float(np.arctan2(eyes[1], eyes[0]))  # brings the eyes to the horizontal
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    side = float((high - low).max()) * scale
    for zoom, turn, mirror in views:
        yield (low + high) / 2, side * zoom, turn - level, mirror


def _agree(picture: Bytes, first: Float) -> tuple[Float | None, float]:
    """The mean of several measurements of one face, and how far they lie apart.

    On a human face, however drawn, the mesh comes out the same when the crop is moved, turned or
    mirrored; on an animal or a pattern it does not."""
    seen = []
    for centre, side, turn, mirror in _crops(first, 1.55, VIEWS):
        points = _mesh_in_crop(picture, centre, side, turn, mirror)
        if points is None:
            continue
        seen.append(points[load().mirror] if mirror else points)
    if len(seen) < len(VIEWS) - 1:
        return None, float("inf")
    stack = np.stack(seen)
    middle = stack.mean(0)
    spread = np.sqrt(((stack - middle)[..., :2] ** 2).sum(-1).mean())
    eyes = np.linalg.norm(np.subtract(*first[list(OUTER_EYES), :2]))
    return middle.astype(np.float32), float(spread / eyes)


def _second_opinion(picture: Bytes, points: Float) -> tuple[float, float]:
    """`Tracked.dispute`, that of the detector that disputes least, and `Tracked.certainty`: means
    over several views, so that they are the same for a picture that is mirrored or turned."""
    eye = float(np.linalg.norm(np.subtract(*points[list(OUTER_EYES), :2])))
    mouth = (points[13, :2] + points[14, :2]) / 2
    eyes = [points[iris[0], :2] for iris in IRISES]
    disputes, certain = [], []
    for centre, side, turn, mirror in _crops(points, 2.2, EVEN_VIEWS):
        to_crop = _crop(centre, side, turn, mirror)
        border = cv2.BORDER_REPLICATE
        crop = cv2.warpAffine(picture, to_crop, (CROP_PX, CROP_PX), borderMode=border)
        ours = np.stack([*(eyes[::-1] if mirror else eyes), points[NOSE_TIP, :2], mouth])
        ours = ours @ to_crop[:, :2].T + to_crop[:, 2]
        least = NOT_DETECTED
        for detector in _DETECTORS:
            hits = detector.process(np.asarray(crop, np.uint8)).detections or []
            certain.append(max((hit.score[0] for hit in hits), default=0.0))
            for hit in hits:
                keys = [(k.x, k.y) for k in hit.location_data.relative_keypoints[:4]]
                apart = np.linalg.norm(np.array(keys) * CROP_PX - ours, axis=1).max()
                least = min(least, float(apart * side / CROP_PX / eye))
        disputes.append(least)
    return float(np.mean(disputes)), float(np.mean(certain))


def track_video(frames: Iterable[Bytes]) -> Iterator[Float | None]:
    """The points [478, 3] px of the largest face in each of `frames`, None where it is not seen."""
    mesh = Graph(lambda: _face_mesh(static=False))
    _STILL_MESH.start()  # prints, unseen, what mediapipe prints about the first face of a process
    try:
        for frame in frames:
            yield _run_mesh(mesh, frame)
    finally:
        mesh.close()
