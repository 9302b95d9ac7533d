"""The options that only one system has: typed, documented once, checked wherever they come from.

Each is written once, as a field: `vivavoce systems NAME` shows it, `--set name=value` and keyword
arguments set it, and config.json may change its default for a checkpoint ("options").
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from vivavoce.errors import RequestError, UnknownName


@dataclass(frozen=True)
class Described:
    """One option, as `vivavoce systems NAME` shows it."""

    name: str
    kind: str
    """Its type in words, or the values it can have."""
    default: str
    """Its default as --set would write it."""
    meaning: str
    """Meaning of the option, from its docstring."""


class Options(BaseModel):
    """A system's own options; a child class writes each as a field with a docstring."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @classmethod
    def chosen(cls, system: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Self:
        """The options with what was `given`, over a checkpoint's `defaults`.

        Raises: UnknownName: no option, or no value, of that name. RequestError: a value of the
        wrong kind or out of range.
        """
        for name in given.keys() | defaults.keys():
            if not cls.model_fields:
                raise RequestError(
                    f"The system {system} has no options of its own, so no {name!r}."
                )
            if name not in cls.model_fields:
                hint = f"`vivavoce systems {system}` lists them."
                raise UnknownName(f"option of {system}", name, cls.model_fields, hint)
        try:
            return cls(**{**defaults, **given})
        except ValidationError as error:
            first = error.errors()[0]
        name, value = str(first["loc"][0]), first["input"]
        values = list(_values(cls.model_fields[name].annotation))
        if first["type"] == "literal_error":
            raise UnknownName(f"{name} of {system}", str(value), values)
        why = first["msg"][0].lower() + first["msg"][1:]
        if len(first["loc"]) > 1:  # of several kinds none fits
            why = f"it takes {_words(cls.model_fields[name].annotation)}"
        raise RequestError(f"The option {name} of {system} cannot be {value!r}: {why}.")

    @classmethod
    def described(cls, defaults: Mapping[str, Any]) -> list[Described]:
        """Every option with its type, its default (a checkpoint's `defaults` come first), and its
        meaning."""
        rows = []
        for name, about in cls.model_fields.items():
            kind = _words(about.annotation)
            default = defaults.get(name, about.default)
            if isinstance(default, frozenset | set):
                default = sorted(default)
            text = default if isinstance(default, str) else json.dumps(default)
            meaning = " ".join((about.description or "").split())
            rows.append(Described(name, kind, text, meaning))
        return rows


class NoOptions(Options):
    """The options of a system that has none of its own."""


def parsed(pairs: Sequence[str]) -> dict[str, Any]:
    """The "name=value" pairs of --set; values are numbers, lists and null as JSON writes them,
    anything else is a word.

    Raises: RequestError: a pair without "=".
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise RequestError(f"--set takes name=value, not {pair!r}; for example steps=10.")
        try:
            found[name.strip().replace("-", "_")] = json.loads(value)
        except ValueError:
            found[name.strip().replace("-", "_")] = value.strip()
    return found


def split_words(value: Any) -> Any:
    """A list of the words of "a,b": lets --set give several of a set."""
    return [word.strip() for word in value.split(",")] if isinstance(value, str) else value


def _values(annotation: Any) -> Iterator[str]:
    """The values of the Literals in a type."""
    if get_origin(annotation) is Literal:
        yield from map(str, get_args(annotation))
    else:
        for inner in get_args(annotation):
            yield from _values(inner)


def _words(annotation: Any) -> str:
    """A type in words: what can be given."""
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    if annotation in names:
        return names[annotation]
    if get_origin(annotation) is Literal:
        return ", ".join(map(str, get_args(annotation)))
    inner = [_words(a) for a in get_args(annotation) if a is not type(None) and not _is_check(a)]
    return ", ".join(dict.fromkeys(filter(None, inner)))


def _is_check(annotation: Any) -> bool:
    """Whether it is a bound or a validator of an Annotated type, and no type itself."""
    return not isinstance(annotation, type) and get_origin(annotation) is None
