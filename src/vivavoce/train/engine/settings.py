"""`--set key=value`: change the settings of stages, checked before anything runs.

--set steps=100                    every stage that is asked for
--set lips.steps=100               the stage `lips`
--set losses.gap=3                 the weight of a loss
--set optimisers.generator.lr=1e-4
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vivavoce.errors import RequestError, UnknownName
from vivavoce.systems.stage import Stage

_FREE = ("curriculum",)  # whose keys are not known beforehand


def apply(stages: Sequence[Stage], pairs: Sequence[str]) -> tuple[Stage, ...]:
    """The stages with each "key=value" of `pairs` applied.

    Raises: RequestError: a pair without "=", or a value of the wrong kind. UnknownName: no stage
    has such a setting; the nearest are suggested.
    """
    plain = {stage.name: asdict(stage) for stage in stages}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise RequestError(f"--set takes key=value, not {pair!r}; for example steps=1000.")
        _set(plain, key.strip(), value.strip())
    return tuple(build(values) for values in plain.values())


def build(values: dict[str, Any]) -> Stage:
    """A stage from its plain settings.

    Raises: RequestError: a setting has a value of the wrong kind.
    """
    try:
        return TypeAdapter(Stage).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RequestError(
            f"The setting {where} of stage {values.get('name')!r} cannot be "
            f"{first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}."
        ) from None


def _set(plain: dict[str, dict[str, Any]], key: str, value: str) -> None:
    head, _, rest = key.partition(".")
    chosen, path = ([plain[head]], rest) if rest and head in plain else (list(plain.values()), key)
    holders = [values for values in chosen if _has(values, path.split("."))]
    if not holders or path.split(".")[0] == "name":
        known = sorted({name for values in chosen for name in _names(values) if name != "name"})
        raise UnknownName("setting", path, known, _hint(path, known))
    for values in holders:
        *way, last = path.split(".")
        for part in way:
            values = values[part]
        values[last] = _parsed(value)


def _has(values: Any, path: list[str]) -> bool:
    if path[0] in _FREE and len(path) == 1:
        return True
    if not isinstance(values, dict) or path[0] not in values:
        return False
    return len(path) == 1 or _has(values[path[0]], path[1:])


def _names(values: dict[str, Any], before: str = "") -> list[str]:
    """All settings with their paths."""
    found: list[str] = []
    for name, value in values.items():
        nested = isinstance(value, dict) and name not in _FREE
        found += _names(value, f"{before}{name}.") if nested else [before + name]
    return found


def _hint(path: str, known: list[str]) -> str:
    """Those that end in the same word: `lr` may be `optimisers.generator.lr`."""
    same = [name for name in known if name.rpartition(".")[2] == path.rpartition(".")[2]]
    return f"Perhaps {' or '.join(same[:3])}?" if same else ""


def _parsed(value: str) -> Any:
    """Numbers, lists and null as JSON writes them; anything else is a word."""
    try:
        return json.loads(value)
    except ValueError:
        return value
