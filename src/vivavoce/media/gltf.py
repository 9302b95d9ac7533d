"""Motion as glTF 2.0: a face mesh with ARKit-named morph targets and its animation.

Besides ARKit's 52 the mesh has Oculus's 15 visemes and the five targets that TalkingHead asks an
avatar for, as mixtures of the 52; the animation leaves them at 0.

glTF's axes are those of `FaceModel`: x to the picture's right, y up, z toward the viewer. The scene
is root (scale) → neck → head (mesh, turned and moved about the neck) → gaze (an empty node that
looks where the eyes look).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pygltflib as gl

from vivavoce.errors import BadMedia, RequestError
from vivavoce.media.files import PathLike, existing
from vivavoce.media.provenance import Provenance
from vivavoce.types import (
    ARKIT,
    ARKIT_INDEX,
    FPS,
    METRES,
    NECK,
    RATES,
    FaceModel,
    Float,
    Motion,
    quaternions,
    rotation_angles,
)

FULL_GAZE = np.float32(np.radians(30))
"""The eyes' turn at which ARKit's eyeLook coefficients are 1 here (Apple states no angle)."""

LOOKS = (
    (0, 1, ("eyeLookOutLeft", "eyeLookInRight")),
    (0, -1, ("eyeLookInLeft", "eyeLookOutRight")),
    (1, 1, ("eyeLookUpLeft", "eyeLookUpRight")),
    (1, -1, ("eyeLookDownLeft", "eyeLookDownRight")),
)
"""Gaze column (yaw, pitch), sign, and the coefficients that show it."""


def _both(name: str, part: float) -> dict[str, float]:
    return {f"{name}Left": part, f"{name}Right": part}


MIXED: dict[str, dict[str, float]] = {
    "viseme_sil": {},
    "viseme_PP": {"mouthClose": 0.1, "jawOpen": 0.12, "mouthRollLower": 0.3, "mouthRollUpper": 0.2}
    | _both("mouthPress", 0.3),
    "viseme_FF": {"jawOpen": 0.1, "mouthRollLower": 0.6} | _both("mouthUpperUp", 0.25),
    "viseme_TH": {"jawOpen": 0.18, "tongueOut": 0.4} | _both("mouthLowerDown", 0.2),
    "viseme_DD": {"jawOpen": 0.15} | _both("mouthLowerDown", 0.3) | _both("mouthUpperUp", 0.1),
    "viseme_kk": {"jawOpen": 0.2} | _both("mouthLowerDown", 0.25) | _both("mouthDimple", 0.15),
    "viseme_CH": {"jawOpen": 0.06, "mouthFunnel": 0.5},
    "viseme_SS": {"jawOpen": 0.06} | _both("mouthLowerDown", 0.35) | _both("mouthStretch", 0.25),
    "viseme_nn": {"jawOpen": 0.14} | _both("mouthLowerDown", 0.25),
    "viseme_RR": {"jawOpen": 0.14, "mouthFunnel": 0.4, "mouthPucker": 0.2},
    "viseme_aa": {"jawOpen": 0.6} | _both("mouthLowerDown", 0.2) | _both("mouthUpperUp", 0.15),
    "viseme_E": {"jawOpen": 0.32} | _both("mouthStretch", 0.3) | _both("mouthLowerDown", 0.25),
    "viseme_I": {"jawOpen": 0.16} | _both("mouthSmile", 0.3) | _both("mouthStretch", 0.3),
    "viseme_O": {"jawOpen": 0.35, "mouthFunnel": 0.6, "mouthPucker": 0.2},
    "viseme_U": {"jawOpen": 0.14, "mouthFunnel": 0.3, "mouthPucker": 0.8},
    "mouthOpen": {"jawOpen": 0.5},
    "mouthSmile": _both("mouthSmile", 1.0),
    "eyesClosed": _both("eyeBlink", 1.0),
    "eyesLookUp": _both("eyeLookUp", 1.0),
    "eyesLookDown": _both("eyeLookDown", 1.0),
}
"""The 20 targets that are mixtures of ARKit's, with the part of each; chosen by eye on
`face478`."""
TARGETS = (*ARKIT, *MIXED)
"""Names of the mesh's 72 morph targets."""


def write_glb(
    motion: Motion,
    path: Path,
    model: FaceModel,
    identity: Float | None = None,
    provenance: Provenance | None = None,
) -> None:
    """Write "arkit52" motion [T] on the mesh of `model` with the shape `identity` [I] (none: mean).

    Targets that the model does not have are there and do nothing. The eyes' gaze appears in the
    eyeLook weights where it is stronger than what they hold already.
    """
    data = _Data()
    root = gl.Node(name="face", children=[1], scale=[METRES] * 3)
    neck = gl.Node(name="neck", children=[2], translation=list(NECK))
    head = gl.Node(name="head", children=[3], mesh=0)
    eyes = gl.Node(name="gaze", translation=[-v for v in NECK])  # the eyes' middle
    file = gl.GLTF2(
        asset=gl.Asset(version="2.0", generator="vivavoce"),
        scene=0,
        scenes=[gl.Scene(nodes=[0])],
        nodes=[root, neck, head, eyes],
        meshes=[_mesh(data, model, identity)],
        materials=[_skin()],
        animations=[_animation(data, motion)],
    )
    file.asset.extras = provenance.tags() if provenance else {}
    file.accessors, file.bufferViews = data.accessors, data.views
    file.buffers = [gl.Buffer(byteLength=len(data.bytes))]
    file.set_binary_blob(bytes(data.bytes))
    path.write_bytes(b"".join(file.save_to_bytes()))


def read_glb(path: PathLike) -> Motion:
    """The motion in a glb that `write_motion` wrote: weights as they are, angles from rotations.

    Raises: BadMedia: no such file, or not one of ours.
    """
    file = existing(path, "glTF")
    try:
        gltf = gl.GLTF2.load_binary(str(file))
        nodes = {node.name: i for i, node in enumerate(gltf.nodes)}
        names = gltf.meshes[gltf.nodes[nodes["head"]].mesh].extras["targetNames"]
        curves = _curves(gltf)
        weights = curves[nodes["head"], "weights"].reshape(-1, len(names))
        turn = rotation_angles(_matrices(curves[nodes["head"], "rotation"]))
        gaze = rotation_angles(_matrices(curves[nodes["gaze"], "rotation"]))[:, :2]
        expression = weights[:, [names.index(name) for name in ARKIT]]
        pose = np.column_stack([turn, curves[nodes["head"], "translation"]])
    except Exception as error:  # pygltflib raises whatever its JSON and slices do
        raise BadMedia(f"{file} is not a face animation that vivavoce wrote ({error}).") from None
    turned = pose.astype(np.float32), gaze.astype(np.float32)
    return Motion(expression, *turned, fps=_rate(gltf))


def _rate(gltf: Any) -> int:
    """Keys a second, from the time of the last; 25 where there is one key alone."""
    times = gltf.accessors[gltf.animations[0].samplers[0].input]
    rate = round((times.count - 1) / times.max[0]) if times.max[0] else FPS
    return rate if rate in RATES else FPS


class _Data:
    """The binary part: arrays one after the other, each with its view and accessor."""

    def __init__(self) -> None:
        self.bytes = bytearray()
        self.views: list[gl.BufferView] = []
        self.accessors: list[gl.Accessor] = []

    def add(self, array: np.ndarray, kind: str, target: int | None = None) -> int:
        """Append [N] or [N, C] values of the glTF type `kind`; the accessor's index."""
        array = np.ascontiguousarray(array)
        self.views.append(
            gl.BufferView(
                buffer=0, byteOffset=len(self.bytes), byteLength=array.nbytes, target=target
            )
        )
        rows = array.reshape(len(array), -1)
        self.accessors.append(
            gl.Accessor(
                bufferView=len(self.views) - 1,
                componentType=gl.FLOAT if array.dtype.kind == "f" else gl.UNSIGNED_INT,
                count=len(array),
                type=kind,
                min=rows.min(0).tolist(),
                max=rows.max(0).tolist(),
            )
        )
        self.bytes += array.tobytes()
        return len(self.accessors) - 1


def _mesh(data: _Data, model: FaceModel, identity: Float | None) -> gl.Mesh:
    known = {name: i for i, name in enumerate(model.expression_names)}
    unknown = [name for name in known if name not in ARKIT_INDEX]
    if unknown:
        raise RequestError(f"The face model's expression {unknown[0]!r} is no ARKit coefficient.")
    shape = np.zeros(len(model.identity), np.float32) if identity is None else identity
    rest = model.vertices(shape, np.zeros(len(model.expression_names), np.float32))
    still = np.zeros_like(rest)
    moves = {n: model.expression[known[n]] if n in known else still for n in ARKIT}
    for name, mix in MIXED.items():
        moves[name] = sum((part * moves[n] for n, part in mix.items()), still)
    targets = [{"POSITION": data.add(_vec(moves[n]), gl.VEC3)} for n in TARGETS]
    corners = data.add(
        model.triangles.reshape(-1).astype(np.uint32), gl.SCALAR, gl.ELEMENT_ARRAY_BUFFER
    )
    points = data.add(_vec(rest - np.array(NECK)), gl.VEC3, gl.ARRAY_BUFFER)  # from the neck
    primitive = gl.Primitive(
        attributes=gl.Attributes(POSITION=points), indices=corners, targets=targets, material=0
    )
    return gl.Mesh(
        name="face",
        primitives=[primitive],
        weights=[0.0] * len(TARGETS),
        extras={"targetNames": list(TARGETS)},
    )


def _vec(array: np.ndarray) -> Float:
    return np.asarray(array, np.float32)


def _skin() -> gl.Material:
    look = gl.PbrMetallicRoughness(
        baseColorFactor=[0.8, 0.62, 0.52, 1.0], metallicFactor=0.0, roughnessFactor=0.7
    )
    return gl.Material(name="skin", pbrMetallicRoughness=look, doubleSided=True)


def _animation(data: _Data, motion: Motion) -> gl.Animation:
    times = data.add((np.arange(len(motion)) / motion.fps).astype(np.float32), gl.SCALAR)
    gaze = np.column_stack([motion.gaze, np.zeros(len(motion), np.float32)])
    curves = (
        (2, "weights", data.add(_weights(motion).reshape(-1), gl.SCALAR)),
        (2, "rotation", data.add(_quaternions(motion.pose[:, :3]), gl.VEC4)),
        (2, "translation", data.add(_vec(motion.pose[:, 3:]), gl.VEC3)),
        (3, "rotation", data.add(_quaternions(gaze), gl.VEC4)),
    )
    return gl.Animation(
        name="speech",
        samplers=[
            gl.AnimationSampler(input=times, output=c, interpolation="LINEAR") for _, _, c in curves
        ],
        channels=[
            gl.AnimationChannel(sampler=i, target=gl.AnimationChannelTarget(node=node, path=path))
            for i, (node, path, _) in enumerate(curves)
        ],
    )


def _weights(motion: Motion) -> Float:
    """Expression [T, 72] with the gaze in its eyeLook coefficients; what is mixed stays at 0."""
    none = np.zeros((len(motion), len(MIXED)), np.float32)
    weights = np.concatenate([motion.expression.astype(np.float32), none], 1)
    for column, sign, names in LOOKS:
        look = np.clip(sign * motion.gaze[:, column] / FULL_GAZE, 0, 1)
        for name in names:
            k = ARKIT_INDEX[name]
            weights[:, k] = np.maximum(weights[:, k], look)
    return weights


def _quaternions(angles: np.ndarray) -> Float:
    """Unit quaternions [T, 4] (x, y, z, w) of yaw, pitch, roll [T, 3], without jumps of sign."""
    found = quaternions(angles)
    turned = np.cumprod(np.sign((found[1:] * found[:-1]).sum(1, keepdims=True)), axis=0)
    found[1:] *= np.where(turned == 0, 1, turned)
    return found


def _matrices(quaternions: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return Rotation.from_quat(quaternions.astype(np.float64)).as_matrix()


def _curves(gltf: Any) -> dict[tuple[int, str], Float]:
    """The animation's outputs by node and path."""
    blob, curves = gltf.binary_blob(), {}
    animation = gltf.animations[0]
    for channel in animation.channels:
        accessor = gltf.accessors[animation.samplers[channel.sampler].output]
        view = gltf.bufferViews[accessor.bufferView]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor.type]
        values = np.frombuffer(blob, np.float32, accessor.count * width, view.byteOffset)
        curves[channel.target.node, channel.target.path] = values.reshape(accessor.count, width)
    return curves
