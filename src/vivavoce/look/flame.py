"""FLAME (Li et al., SIGGRAPH Asia 2017), for those who hold its files: jaw and expression alone.

Nothing of FLAME ships here. Its arrays are read from an npz with the names of FLAME's own model
file (`v_template`, `shapedirs`, `posedirs`, `J_regressor`, `weights`, `f`): the official pickle
runs code when it is read, so it is converted once, by whoever trusts it:

    m = pickle.load(open("generic_model.pkl", "rb"), encoding="latin1")
    np.savez("flame.npz", **{k: np.array(m[k].todense() if k == "J_regressor" else m[k])
             for k in ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "f")})
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vivavoce.errors import RequestError
from vivavoce.types import Float

JAW = 2
"""Number of the jaw among FLAME's five joints: root, neck, jaw, eyes."""
SHAPES, EXPRESSIONS = 300, 50
"""Of FLAME's shape directions the first 300 are identities; 50 of the expressions are used."""
VALUES = 3 + EXPRESSIONS
"""Numbers a frame: the jaw's axis-angle in radians, and the expression."""


@dataclass(frozen=True)
class Flame:
    """FLAME's mean head, which moves by jaw and expression; all other joints are at rest, and the
    shape is 0."""

    neutral: Float
    """Mean head [V, 3] in metres."""
    expression: Float
    """Displacement of every vertex by each expression [50, V, 3], in metres."""
    opening: Float
    """Correction of every vertex by the numbers of the jaw's rotation less 1 [9, V, 3]."""
    hinge: Float
    """Where the jaw turns [3], in metres."""
    jaw: Float
    """How much each vertex goes with the jaw [V]."""
    triangles: NDArray[np.int32]
    """Vertex indices of the triangles [F, 3]."""

    @classmethod
    def load(cls, file: Path | None) -> Flame:
        """FLAME from the arrays in `file`.

        Raises: RequestError: there is none, or it lacks an array.
        """
        if file is None or not file.is_file():
            raise RequestError(
                "This needs FLAME's model, which is yours to get (flame.is.tue.mpg.de): give its "
                "arrays with --set model.flame=flame.npz; look/flame.py says how it is made. Or "
                "learn ARKit's coefficients: --set model.space=arkit52"
            )
        try:
            with np.load(file, allow_pickle=False) as arrays:
                a = {name: np.asarray(arrays[name], np.float32) for name in _NAMES}
                triangles = np.asarray(arrays["f"], np.int32)
        except (KeyError, ValueError, OSError) as error:
            raise RequestError(f"{file} does not hold FLAME's arrays ({error}).") from None
        directions = a["shapedirs"][..., SHAPES : SHAPES + EXPRESSIONS]
        block = slice(9 * (JAW - 1), 9 * JAW)
        return cls(
            a["v_template"], np.moveaxis(directions, -1, 0),
            np.moveaxis(a["posedirs"][..., block], -1, 0), a["J_regressor"][JAW] @ a["v_template"],
            a["weights"][:, JAW], triangles,
        )  # fmt: skip

    def vertices(self, motion: Float) -> Float:
        """The head [T, V, 3] in metres for motion [T, 53]."""
        turn = Rotation.from_rotvec(motion[:, :3]).as_matrix().astype(np.float32)
        less = (turn - np.eye(3, dtype=np.float32)).reshape(len(motion), 9)
        shape = self.neutral + np.tensordot(motion[:, 3:], self.expression, 1)
        shape = shape + np.tensordot(less, self.opening, 1)
        way = np.einsum("tij,tvj->tvi", turn - np.eye(3), shape - self.hinge)
        return np.asarray(shape + self.jaw[:, None] * way, np.float32)


_NAMES = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights")


def displacements(file: Path | None) -> Float:
    """Displacement of every vertex by each of the 53 numbers [53, V, 3], in metres: the jaw's as
    for small turns (0.1 rad).

    Raises: RequestError: see `Flame.load`.
    """
    flame = Flame.load(file)
    small = 0.1
    moved = flame.vertices(small * np.eye(VALUES, dtype=np.float32)[:3]) - flame.neutral
    return np.concatenate([moved / small, flame.expression]).astype(np.float32)
