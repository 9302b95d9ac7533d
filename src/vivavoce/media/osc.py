"""VMC, the protocol of virtual puppets, over OSC 1.0: `protocol.vmc.info`, `opensoundcontrol.org`.

Unity's axes are left-handed: x points to the avatar's right, where ours points to its left.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

import numpy as np

from vivavoce.types import ARKIT, ARKIT_INDEX, METRES, Motion, quaternions

VRM = {"aa": "A", "ih": "I", "ou": "U", "ee": "E", "oh": "O"}
"""The mouth's expressions as VRM 1.0 calls them, and the names of VRM 0 that VMC has on the
wire."""
BLINKS = {"Blink_L": "eyeBlinkLeft", "Blink_R": "eyeBlinkRight"}
"""VRM 0's names of the lids."""
LARGEST = 1400
"""Bytes of a packet that no network cuts in pieces."""

_BUNDLE = b"#bundle\x00" + struct.pack("!Q", 1)  # "at once"


def frame(
    motion: Motion, mouth: Mapping[str, np.ndarray], k: int, seconds: float, arkit: bool
) -> list[bytes]:
    """The packets of frame `k` of "arkit52" motion, which is shown `seconds` after the beginning.

    Args:
        motion: The movement [T].
        mouth: Weights [T] in [0, 1] of the mouth's expressions, by the names of `VRM`.
        k: The row of both.
        seconds: What the receiver is told as the sender's time.
        arkit: If true, the 52 ARKit coefficients are sent ("perfect sync"), else VRM's own names.
    """
    messages = [message("/VMC/Ext/OK", 1), message("/VMC/Ext/T", seconds), *_bones(motion, k)]
    for name, value in _expressions(motion, mouth, k, arkit).items():
        messages.append(message("/VMC/Ext/Blend/Val", name, float(np.clip(value, 0, 1))))
    messages.append(message("/VMC/Ext/Blend/Apply"))
    return list(bundles(messages))


def message(address: str, *values: str | int | float) -> bytes:
    """An OSC message: address, types and values, each part as long as a multiple of 4 bytes."""
    kinds, data = ",", b""
    for value in values:
        if isinstance(value, str):
            kinds, data = kinds + "s", data + _padded(value)
        elif isinstance(value, int):
            kinds, data = kinds + "i", data + struct.pack("!i", value)
        else:
            kinds, data = kinds + "f", data + struct.pack("!f", value)
    return _padded(address) + _padded(kinds) + data


def bundles(messages: list[bytes]) -> Iterator[bytes]:
    """OSC bundles of at most `LARGEST` bytes, with the messages in their order."""
    packet = _BUNDLE
    for one in messages:
        part = struct.pack("!i", len(one)) + one
        if len(packet) + len(part) > LARGEST:
            yield packet
            packet = _BUNDLE
        packet += part
    yield packet


def _padded(words: str) -> bytes:
    data = words.encode("utf-8") + b"\x00"
    return data + bytes(-len(data) % 4)


def _expressions(
    motion: Motion, mouth: Mapping[str, np.ndarray], k: int, arkit: bool
) -> dict[str, float]:
    row = motion.expression[k]
    if arkit:  # Unity's names of ARKit's coefficients begin with a capital letter
        return {name[0].upper() + name[1:]: float(row[i]) for i, name in enumerate(ARKIT)}
    values = {name: float(mouth[key][k]) for key, name in VRM.items()}
    return values | {name: float(row[ARKIT_INDEX[lid]]) for name, lid in BLINKS.items()}


def _bones(motion: Motion, k: int) -> Iterator[bytes]:
    """Head and eyes. The head turns about the neck, so its place is where the neck moved to."""
    look = np.append(motion.gaze[k], 0)
    turns = quaternions(np.stack([motion.pose[k, :3], look]))
    moved = motion.pose[k, 3:] * METRES
    for name, place, turn in (
        ("Head", moved, turns[0]),
        ("LeftEye", np.zeros(3), turns[1]),
        ("RightEye", np.zeros(3), turns[1]),
    ):
        (x, y, z), (qx, qy, qz, qw) = place.tolist(), turn.tolist()
        yield message("/VMC/Ext/Bone/Pos", name, -x, y, z, qx, -qy, -qz, qw)
