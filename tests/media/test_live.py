"""Live Link Face and VMC on the wire, each read by a reader that is written here from what the
format's makers publish."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from vivavoce.errors import RequestError
from vivavoce.media import livelink, osc
from vivavoce.media.live import Address, ahead, send_motion
from vivavoce.types import ARKIT, METRES, Motion, quaternions, rotation_matrix

UNREAL = tuple(
    re.findall(
        r"\w+",
        """
EyeBlinkLeft EyeLookDownLeft EyeLookInLeft EyeLookOutLeft EyeLookUpLeft EyeSquintLeft EyeWideLeft
EyeBlinkRight EyeLookDownRight EyeLookInRight EyeLookOutRight EyeLookUpRight EyeSquintRight
EyeWideRight JawForward JawLeft JawRight JawOpen MouthClose MouthFunnel MouthPucker MouthLeft
MouthRight MouthSmileLeft MouthSmileRight MouthFrownLeft MouthFrownRight MouthDimpleLeft
MouthDimpleRight MouthStretchLeft MouthStretchRight MouthRollLower MouthRollUpper MouthShrugLower
MouthShrugUpper MouthPressLeft MouthPressRight MouthLowerDownLeft MouthLowerDownRight
MouthUpperUpLeft MouthUpperUpRight BrowDownLeft BrowDownRight BrowInnerUp BrowOuterUpLeft
BrowOuterUpRight CheekPuff CheekSquintLeft CheekSquintRight NoseSneerLeft NoseSneerRight TongueOut
HeadYaw HeadPitch HeadRoll LeftEyeYaw LeftEyePitch LeftEyeRoll RightEyeYaw RightEyePitch
RightEyeRoll
""",
    )
)
"""Unreal's EARFaceBlendShape, in its order."""


def one(frames: int = 3, fps: int = 60) -> Motion:
    rng = np.random.default_rng(1)
    parts = [rng.uniform(0, 1, (frames, n)).astype(np.float32) for n in (52, 6, 2)]
    return Motion(*parts, fps=fps)


def opened(packet: bytes) -> dict[str, Any]:
    """A Live Link Face packet, read as Unreal's plugin does."""
    assert packet[0] == 6
    at, words = 1, []
    for _ in range(2):
        (length,) = struct.unpack_from("!i", packet, at)
        words.append(packet[at + 4 : at + 4 + length].decode())
        at += 4 + length
    frame, sub, rate, denominator, count = struct.unpack_from("!ifiiB", packet, at)
    values = struct.unpack_from(f"!{count}f", packet, at + 17)
    assert len(packet) == at + 17 + 4 * count
    return {
        "device": words[0], "subject": words[1], "frame": frame, "sub": sub,
        "rate": rate / denominator, "values": dict(zip(UNREAL, values, strict=True)),
    }  # fmt: skip


def test_live_link_packets_read_back_by_place() -> None:
    motion = one()
    for k, packet in enumerate(livelink.packets(motion, 4321)):
        got = opened(packet)
        assert (got["subject"], got["frame"], got["sub"], got["rate"]) == (
            "vivavoce", 4321 + k, 0, 60,
        )  # fmt: skip
        assert len(got["device"]) == 36
        for name, value in zip(ARKIT, motion.expression[k], strict=True):
            assert got["values"][name[0].upper() + name[1:]] == value, name
        turned = [got["values"][n] for n in ("HeadYaw", "HeadPitch", "HeadRoll")]
        assert turned == motion.pose[k, :3].tolist()
        for eye in ("Left", "Right"):
            look = [got["values"][f"{eye}Eye{axis}"] for axis in ("Yaw", "Pitch", "Roll")]
            assert look == [*motion.gaze[k].tolist(), 0]


def test_left_and_right_change_places_in_a_packet() -> None:
    """Unreal has the jaw's and the mouth's left before right, where ours have right before left."""
    row = np.zeros((1, 52), np.float32)
    row[0, ARKIT.index("jawRight")], row[0, ARKIT.index("mouthRight")] = 0.25, 0.5
    still = Motion(row, np.zeros((1, 6), np.float32), np.zeros((1, 2), np.float32))
    values = struct.unpack("!61f", next(livelink.packets(still, 0))[-244:])
    assert [values[k] for k in (15, 16, 21, 22)] == [0, 0.25, 0, 0.5]
    assert livelink.by_place()[15:17] == [16, 15]
    assert livelink.by_place()[21:23] == [22, 21]


def osc_messages(packet: bytes) -> Iterator[tuple[str, list[Any]]]:
    """The messages of an OSC 1.0 bundle."""
    assert packet[:8] == b"#bundle\x00"
    assert len(packet) % 4 == 0
    at = 16
    while at < len(packet):
        (size,) = struct.unpack_from("!i", packet, at)
        part, at = packet[at + 4 : at + 4 + size], at + 4 + size
        address, place = osc_words(part, 0)
        kinds, place = osc_words(part, place)
        values: list[Any] = []
        for kind in kinds[1:]:
            if kind == "s":
                word, place = osc_words(part, place)
                values.append(word)
            else:
                values += struct.unpack_from({"i": "!i", "f": "!f"}[kind], part, place)
                place += 4
        assert place == len(part)
        yield address, values


def osc_words(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(b"\x00", at)
    return data[at:end].decode(), (end // 4 + 1) * 4


def vmc(motion: Motion, k: int, arkit: bool) -> list[tuple[str, list[Any]]]:
    mouth = {n: np.full(len(motion), i / 10) for i, n in enumerate(osc.VRM)}
    packets = osc.frame(motion, mouth, k, 0.5, arkit)
    assert all(len(packet) <= 1400 for packet in packets)
    return [found for packet in packets for found in osc_messages(packet)]


def test_an_osc_message_is_byte_for_byte_that_of_the_specification() -> None:
    """The example of OSC 1.0: /oscillator/4/frequency with the float 440."""
    assert osc.message("/oscillator/4/frequency", 440.0) == bytes.fromhex(
        "2f6f7363696c6c61746f722f342f6672657175656e6379002c66000043dc0000"
    )
    assert osc.message("/foo", 1000, -1, "hello", 1.234)[:36] == bytes.fromhex(
        "2f666f6f000000002c69697366000000000003e8ffffffff68656c6c6f0000003f9df3b6"
    )


@pytest.mark.parametrize("arkit", [False, True])
def test_vmc_frames(arkit: bool) -> None:
    motion = one()
    found = vmc(motion, 1, arkit)
    assert found[0] == ("/VMC/Ext/OK", [1])
    assert found[1] == ("/VMC/Ext/T", [0.5])
    assert found[-1] == ("/VMC/Ext/Blend/Apply", [])
    values = {v[0]: v[1] for address, v in found if address == "/VMC/Ext/Blend/Val"}
    if arkit:
        assert len(values) == 52
        assert values["JawRight"] == motion.expression[1, ARKIT.index("jawRight")]
    else:
        expected = {"A": 0.0, "I": 0.1, "U": 0.2, "E": 0.3, "O": 0.4}
        assert {n: values[n] for n in expected} == pytest.approx(expected)
        assert values["Blink_L"] == motion.expression[1, ARKIT.index("eyeBlinkLeft")]
        assert len(values) == 7


def test_vmc_bones_turn_as_the_head_does_in_unitys_axes() -> None:
    """Unity's x points the other way: mirrored, the quaternion is our rotation again."""
    motion = one()
    bones = {v[0]: v[1:] for address, v in vmc(motion, 2, False) if "Bone" in address}
    assert set(bones) == {"Head", "LeftEye", "RightEye"}
    mirror = np.diag([-1, 1, 1])
    x, y, z, qx, qy, qz, qw = bones["Head"]
    assert [-x, y, z] == pytest.approx((motion.pose[2, 3:] * METRES).tolist(), abs=1e-6)
    assert np.allclose(
        mirror @ matrix(qx, qy, qz, qw) @ mirror, rotation_matrix(motion.pose[2, :3]), atol=1e-5
    )


def matrix(x: float, y: float, z: float, w: float) -> np.ndarray:
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def test_quaternions_are_the_rotation() -> None:
    angles = np.random.default_rng(0).uniform(-1.5, 1.5, (20, 3))
    for quaternion, angle in zip(quaternions(angles), angles, strict=True):
        assert np.allclose(matrix(*quaternion), rotation_matrix(angle), atol=1e-6)


def test_addresses() -> None:
    assert Address.parse("udp://127.0.0.1:11111") == Address("udp", "127.0.0.1", 11111)
    assert Address.parse("udp://localhost") == Address("udp", "localhost", 11111)
    assert Address.parse("vmc://[::1]:4000/arkit") == Address("vmc", "::1", 4000, True)
    assert Address.parse("vmc://10.0.0.7").port == 39539
    for bad in (
        "127.0.0.1:11111",
        "http://a",
        "udp://",
        "udp://a:x",
        "udp://a:1/arkit",
        "vmc://a/b",
    ):
        with pytest.raises(RequestError, match=r"is no address. Give udp://127.0.0.1:11111"):
            Address.parse(bad)


class Silent:
    def vrm(self, at: np.ndarray) -> dict[str, np.ndarray]:
        return {name: np.zeros(len(at), np.float32) for name in osc.VRM}


class FakeTime:
    def __init__(self) -> None:
        self.time, self.slept = 100.0, 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        self.slept += seconds


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heard:
        heard.bind(("127.0.0.1", 0))
        heard.settimeout(5)
        yield heard


@pytest.mark.parametrize("form", ["udp", "vmc"])
def test_frames_are_sent_at_their_times(listener: socket.socket, form: str) -> None:
    """120 frames at 60 a second take 119/60 s of the clock until the last one leaves."""
    clock = FakeTime()
    pieces = [one(7) for _ in range(17)] + [one(1)]
    address = Address(form, *listener.getsockname())
    sent = send_motion(pieces, address, Silent(), clock.now, clock.sleep)
    assert (sent.frames, sent.seconds) == (120, 2.0)
    assert clock.slept == pytest.approx(119 / 60)
    assert sent.latest_s == pytest.approx(0, abs=1e-9)
    got = [listener.recv(2000) for _ in range(120)]
    if form == "udp":
        frames = [opened(packet)["frame"] for packet in got]
        assert np.diff(frames).tolist() == [1] * 119
    else:
        times = [v[0] for p in got for a, v in osc_messages(p) if a == "/VMC/Ext/T"]
        assert np.allclose(times, np.arange(120) / 60, atol=1e-6)


def test_real_time_is_kept(listener: socket.socket) -> None:
    import time

    began = time.monotonic()
    send_motion([one(13)], Address("udp", *listener.getsockname()), Silent())
    assert 12 / 60 <= time.monotonic() - began < 2


def test_nobody_needs_to_listen_and_errors_are_told() -> None:
    clock = FakeTime()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        nobody = Address("udp", *free.getsockname())
    assert send_motion([one(3)], nobody, Silent(), clock.now, clock.sleep).frames == 3
    with pytest.raises(RequestError, match=r"Nothing can be sent to no.such.host.invalid"):
        send_motion([one(3)], Address("udp", "no.such.host.invalid", 1), Silent())
    other = Motion(*(np.zeros((2, n), np.float32) for n in (7, 6, 2)), "latent7")
    with pytest.raises(RequestError, match="latent7"):
        send_motion([other], nobody, Silent())
    assert send_motion([], nobody, Silent()).frames == 0


def test_items_are_made_ahead_and_the_thread_ends() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for k in range(1000):
            made.append(k)
            yield k

    assert list(ahead(iter(range(20)), 3)) == list(range(20))
    reader = ahead(items(), 4)
    assert next(reader) == 0
    reader.close()
    assert len(made) <= 8
    assert not [t for t in threading.enumerate() if t.name == "motion"]

    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    reader = ahead(broken())
    assert next(reader) == 1
    with pytest.raises(ValueError, match="broken"):
        next(reader)
