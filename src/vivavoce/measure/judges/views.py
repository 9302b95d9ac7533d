"""What the corpus judges look at: lips, face crops and sound, brought to one form."""

from __future__ import annotations

import cv2
import numpy as np

from vivavoce.listen.mel import log_mel
from vivavoce.look import face478
from vivavoce.nn.pictures import as_tensor
from vivavoce.types import (
    CHIN,
    FOREHEAD,
    INNER_LOWER_LIP,
    INNER_UPPER_LIP,
    LIP_CORNERS,
    OUTER_EYES,
    Bytes,
    Float,
)

LIPS = (*INNER_UPPER_LIP, *INNER_LOWER_LIP, *LIP_CORNERS)
"""20 points of the inner lips; with the chin (152) they are 21 x 2 = 42 numbers a frame."""
FACE_PX = 64
"""Side of a face crop."""
FACE_REACH = 1.05
"""Half the crop's side in outer-eye distances, about the nose."""


def lip_curves(landmarks: Float) -> Float:
    """Lips [T, 42] of `landmarks` [T, 478, 3] px: turned straight and scaled by the face's rigid
    points, without the clip's own rest shape, in outer-eye distances."""
    scale, rotation, shift = face478.place(landmarks)
    seen = landmarks[:, [*LIPS, CHIN]] * face478.TO_MODEL
    local = np.einsum("tij,tvi->tvj", rotation, (seen - shift[:, None]) / scale[:, None, None])
    flat = local[..., :2].reshape(len(landmarks), -1)
    return np.asarray((flat - np.median(flat, 0)) * 8, np.float32)


def face_crops(frames: Bytes, landmarks: Float) -> Float:
    """Upright crops [T, 3, 64, 64] in -1..1 about the nose of `frames` [T, H, W, 3]."""
    crops = [_crop(f, p) for f, p in zip(frames, landmarks, strict=True)]
    return np.asarray(as_tensor(np.stack(crops)))


def _crop(frame: Bytes, points: Float) -> Bytes:
    right, left = points[list(OUTER_EYES), :2]
    eyes, tall = left - right, np.linalg.norm(points[FOREHEAD, :2] - points[CHIN, :2]) / 1.77
    size = max(float(np.linalg.norm(eyes)), float(tall))
    turn = float(np.degrees(np.arctan2(eyes[1], eyes[0])))
    middle = (right + left) / 2 * 0.45 + points[[61, 291], :2].mean(0) * 0.55
    side = 2 * FACE_REACH * size
    matrix = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), turn, FACE_PX / side)
    matrix[:, 2] = matrix[:, 2] + FACE_PX / 2 - middle
    crop = cv2.warpAffine(
        frame, matrix, (FACE_PX, FACE_PX), flags=cv2.INTER_AREA if side > FACE_PX else 1,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(crop, np.uint8)


def heard(samples: Float) -> Float:
    """Log-mel [4 T, 80], scaled to about -1..1 and level with the clip's own loudness."""
    mel = log_mel(samples) / np.log(10)
    loud = np.percentile(mel, 95)
    return np.clip((mel - loud) / 4 + 0.5, -1, 1.5).astype(np.float32)
