"""Motion in real time, to another program: each frame leaves when its moment has come."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from queue import Queue
from threading import Thread
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import numpy as np

from vivavoce.errors import CannotWrite, RequestError
from vivavoce.media import livelink, osc
from vivavoce.media.export import check_arkit
from vivavoce.types import Motion

Item = TypeVar("Item")

PORTS = {"udp": 11111, "vmc": 39539}
"""The ways to send, by the beginning of the address, with their usual ports: Live Link Face and
VMC."""
AHEAD = 8
"""Pieces of motion that are made before their time has come."""


class Mouth(Protocol):
    """Whoever knows how VRM's mouth is open at times in seconds."""

    def vrm(self, at: np.ndarray) -> dict[str, np.ndarray]:
        """Weights [T] of aa, ih, ou, ee and oh at the times `at` [T]."""


@dataclass(frozen=True)
class Address:
    """Where motion goes, and in which form."""

    form: str
    """"udp" for Live Link Face, "vmc" for VMC."""
    host: str
    port: int
    arkit: bool = False
    """Whether VMC carries ARKit's 52 coefficients instead of VRM's own expressions."""

    @classmethod
    def parse(cls, words: str) -> Address:
        """An address from "udp://127.0.0.1:11111", "vmc://127.0.0.1:39539" or "vmc://.../arkit".

        Raises: RequestError: it is none of these.
        """
        try:
            parts = urlsplit(words)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        extra = parts.path.strip("/")
        fits = extra == "" or (parts.scheme == "vmc" and extra in ("arkit", "vrm"))
        if parts.scheme not in PORTS or not parts.hostname or not fits:
            raise RequestError(
                f"--to {words} is no address. Give udp://127.0.0.1:11111 for Live Link Face, "
                "vmc://127.0.0.1:39539 for VMC with VRM's names, or vmc://127.0.0.1:39539/arkit."
            )
        return cls(parts.scheme, parts.hostname, port or PORTS[parts.scheme], extra == "arkit")


@dataclass(frozen=True)
class Sent:
    """Facts about motion that was sent."""

    seconds: float
    """Length of the motion in seconds."""
    frames: int
    """Number of frames."""
    latest_s: float
    """How late the latest frame left, in seconds."""


def send_motion(
    motions: Iterable[Motion],
    address: Address,
    mouth: Mouth,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Sent:
    """Send "arkit52" motion, frame by frame, at its own rate.

    Frame k leaves k / fps seconds after the first, so nothing drifts. Motion is made in a thread
    ahead of its time. UDP has no answer: nobody need listen.

    Raises: RequestError: the motion is not in "arkit52", or there is no such host. CannotWrite: the
    network refuses it.
    """
    begun, frames, latest, seconds = None, 0, 0.0, 0.0
    today = datetime.now()
    of_day = (today - today.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    with _socket(address) as out:
        for motion in ahead(motions):
            check_arkit(motion, address.form)
            begun = now() if begun is None else begun
            first = round(of_day * motion.fps)
            for k, parts in enumerate(_packets(motion, address, mouth, frames, first)):
                due = begun + (frames + k) / motion.fps
                if (wait := due - now()) > 0:
                    sleep(wait)
                latest = max(latest, now() - due)
                _send(out, parts, address)
            frames += len(motion)
            seconds = frames / motion.fps
    return Sent(seconds, frames, latest)


def _packets(
    motion: Motion, address: Address, mouth: Mouth, frame: int, first: int
) -> Iterator[list[bytes]]:
    """The packets of every frame of `motion`, which begins at frame `frame` of the whole; Live Link
    counts from `first`, the frame of the day."""
    if address.form == "udp":
        yield from ([packet] for packet in livelink.packets(motion, first + frame))
        return
    at = (frame + np.arange(len(motion))) / motion.fps
    weights = mouth.vrm(at) if len(motion) else {}
    for k, seconds in enumerate(at):
        yield osc.frame(motion, weights, k, float(seconds), address.arkit)


def _socket(address: Address) -> socket.socket:
    try:
        family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)[0][0]
        return socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        raise RequestError(f"Nothing can be sent to {address.host} ({error}).") from None


def _send(out: socket.socket, packets: list[bytes], address: Address) -> None:
    for packet in packets:
        try:
            out.sendto(packet, (address.host, address.port))
        except ConnectionError:
            pass  # nobody listens at the moment
        except OSError as error:
            raise CannotWrite(
                f"Nothing can be sent to {address.host}:{address.port} ({error.strerror})."
            ) from None


def ahead(items: Iterable[Item], count: int = AHEAD) -> Iterator[Item]:
    """The same items, made in a thread of their own up to `count` before they are asked for.

    An error is raised where the item would have come. A reader that stops early stops the thread.
    """
    waiting: Queue[tuple[Item | None, BaseException | None]] = Queue(count)
    stopped = False

    def make() -> None:
        try:
            for item in items:
                waiting.put((item, None))
                if stopped:
                    return
        except BaseException as error:  # handed to the reader, whatever it is
            waiting.put((None, error))
        else:
            waiting.put((None, StopIteration()))

    maker = Thread(target=make, name="motion", daemon=True)
    maker.start()
    try:
        while True:
            item, error = waiting.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        stopped = True
        while maker.is_alive():
            while not waiting.empty():
                waiting.get()
            maker.join(0.01)
