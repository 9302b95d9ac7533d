"""The one page of all reports: sections of text, tables and pictures, in a single HTML file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATE = Path(__file__).with_name("page.html")


@dataclass(frozen=True)
class Cell:
    """One cell of a table."""

    text: str
    """The words in it."""
    kind: str = ""
    """The class of the cell, which decides its colour: "pass", "FAIL", "info", "unmeasured",
    "note", or "" for a plain one."""
    small: str = ""
    """A second, smaller line; of heads only."""


@dataclass(frozen=True)
class Picture:
    """A picture that lies inside the page."""

    data: bytes
    """The picture's file as bytes."""
    kind: Literal["png", "jpeg"]
    """The format of `data`."""
    title: str = ""
    """The heading above it, which is also its text for those who do not see it."""
    note: str = ""
    """A paragraph above it."""

    @property
    def base64(self) -> str:
        """The file in base64, as a page holds it."""
        return base64.b64encode(self.data).decode("ascii")


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading; what is empty is left out."""

    title: str
    """The heading."""
    note: str = ""
    """A paragraph below the heading."""
    heads: Sequence[Cell] = ()
    """The heads of a table's columns; without them there is no table."""
    rows: Sequence[Sequence[Cell]] = ()
    """The table's rows, as many cells each as there are heads."""
    items: Sequence[str] = ()
    """The lines of a list."""
    pictures: Sequence[Picture] = ()
    """Pictures, one below the other."""


def as_html(title: str, about: Mapping[str, str], sections: Sequence[Section]) -> str:
    """A whole page; `about` is the list of facts at its head."""
    return _template().render(title=title, about=about, sections=sections)


@cache
def _template() -> Template:
    from jinja2 import Environment

    return Environment(autoescape=True, trim_blocks=True).from_string(TEMPLATE.read_text("utf-8"))
