"""The person cut out of a picture, finer at the hair than the matte, without the old background."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from vivavoce.types import Bytes, Face, Float, eye_distance

REACH = 0.12
"""How far from the matte's edge a pixel may be judged anew, in outer-eye distances."""
SMOOTH = 13.0
"""Differences of colour below this, in levels, are no edge of hair."""
SURE, NOTHING = 0.9, 0.1
"""Values of the matte from which on, and up to which, it is believed away from its edge."""


def cut_out(face: Face) -> Face:
    """The same person with a matte that follows the picture's own edges, and with the person's
    colours alone: where hair and background were mixed, the background is taken out.

    The edge is refined by a guided filter (He et al., ECCV 2010); the colours are estimated as the
    blurred ones of the person alone (Forte, "Approximate fast foreground colour estimation", 2021).
    """
    edge = max(2, round(REACH * float(eye_distance(face.landmarks))))
    matte = _refined(face.picture, face.matte, edge)
    picture = face.picture.astype(np.float32)
    for size in (8 * edge | 1, 2 * edge | 1):
        picture = _person_alone(face.picture, matte, picture, size)
    return replace(face, picture=np.rint(picture).astype(np.uint8), matte=matte)


def _refined(picture: Bytes, matte: Float, edge: int) -> Float:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * edge + 1, 2 * edge + 1))
    inside = cv2.erode((matte > SURE).astype(np.uint8), kernel)
    outside = cv2.dilate((matte > NOTHING).astype(np.uint8), kernel) == 0
    fine = cv2.ximgproc.guidedFilter(picture, matte, edge, SMOOTH**2 / 2)
    fine = np.clip((fine - NOTHING) / (SURE - NOTHING), 0, 1)
    fine[inside > 0] = 1
    fine[outside] = 0
    return np.asarray(fine, np.float32)


def _person_alone(picture: Bytes, matte: Float, person: Float, size: int) -> Float:
    """Colours [H, W, 3] of the person, of which `person` is a first guess."""
    share = matte[..., None]
    near = cv2.blur(matte, (size, size))[..., None]
    own = cv2.blur(person * share, (size, size)) / (near + 1e-5)
    others = cv2.blur(picture * (1 - share), (size, size)) / (1 - near + 1e-5)
    rest = picture - share * own - (1 - share) * others
    return np.asarray(np.clip(own + share * rest, 0, 255), np.float32)
