"""BVH, Biovision's hierarchy of joints: the head and the eyes, without the face."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vivavoce.types import METRES, NECK, Motion

CENTIMETRES = 100 * METRES
"""Length of an outer-eye distance of an adult in centimetres, the usual unit of BVH."""
_TURNS = "Yrotation Xrotation Zrotation"  # R = Ry Rx Rz, as `types.rotation_matrix` has them


def write_bvh(motion: Motion, part: Path) -> None:
    """Write the head, which turns and moves about the neck, and both eyes, in centimetres and
    degrees."""
    turns = _degrees(motion.pose[:, :3])
    look = _degrees(np.column_stack([motion.gaze, np.zeros(len(motion))]))
    table = np.column_stack([motion.pose[:, 3:] * CENTIMETRES, turns, look, look])
    with part.open("w", encoding="ascii") as file:
        file.write(_hierarchy())
        file.write(f"MOTION\nFrames: {len(motion)}\nFrame Time: {1 / motion.fps:.8f}\n")
        for row in table:
            file.write(" ".join(f"{value:.5f}" for value in row) + "\n")


def _degrees(angles: np.ndarray) -> np.ndarray:
    """Yaw, pitch, roll [T, 3] in radians as BVH's turns about y, x and z in degrees."""
    return np.degrees(angles) * (1, -1, -1)


def _hierarchy() -> str:
    eyes = [-v * CENTIMETRES for v in NECK]  # from the neck to the middle of the eyes
    lines = [
        "HIERARCHY",
        "ROOT Head",
        "{",
        "  OFFSET 0 0 0",
        f"  CHANNELS 6 Xposition Yposition Zposition {_TURNS}",
    ]
    for name, side in (("LeftEye", 1), ("RightEye", -1)):
        x, y, z = eyes[0] + side * 0.35 * CENTIMETRES, *eyes[1:]  # half the pupils' distance
        lines += [
            f"  JOINT {name}",
            "  {",
            f"    OFFSET {x:.3f} {y:.3f} {z:.3f}",
            f"    CHANNELS 3 {_TURNS}",
            "    End Site",
            "    {",
            "      OFFSET 0 0 1",
            "    }",
            "  }",
        ]
    return "\n".join([*lines, "}"]) + "\n"
