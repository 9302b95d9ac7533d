"""What systems share that imagine a person: the still that portrait's renderer moves."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from vivavoce.errors import RequestError
from vivavoce.media.clip import Clip
from vivavoce.media.clock import Clock
from vivavoce.media.provenance import Provenance
from vivavoce.systems import load_system
from vivavoce.systems.talker import NoOptions, Request, Talker
from vivavoce.types import Bytes, Face

DRAWN = "drawn"
"""The system that imagines where none is named."""


def imagining(system: str | None, render: str | None) -> str:
    """The system that imagines: the one that is named, or the one that --render names.

    Raises: RequestError: the two do not go together.
    """
    if render == DRAWN and system not in (None, DRAWN):
        raise RequestError(
            f"--render {DRAWN} paints a person of its own: leave out --system {system}."
        )
    if render not in (None, DRAWN) and system in (None, DRAWN):
        raise RequestError(
            f"--render {render} is drawn by a system: name it by --system, e.g. --system s2tf."
        )
    return system or DRAWN


@lru_cache(maxsize=1)
def _portrait() -> Talker[Any]:
    return load_system("portrait")


def moved(picture: Bytes | Face, request: Request, clock: Clock, made_by: Provenance) -> Clip:
    """The clip in which a person, uint8 RGB [H, W, 3] or looked at before, says what is asked for:
    the system portrait moves the still, at the request's size.

    Raises: NoFace: no face was found in the picture. Others: as `Talker.__call__`.
    """
    portrait = _portrait()
    with clock("look"):
        person = portrait.look(picture)
    asked = replace(request, portrait=person, pose=None, prompt=None, face=None)
    clip = portrait.make(asked, NoOptions(), clock)
    clip.provenance = replace(made_by, voice=clip.provenance.voice)
    return clip
