"""`--set key=value`: change the settings of stages, checked before anything runs.

--set steps=100                    every stage that is asked for
--set lips.steps=100               the stage `lips`
--set losses.gap=3                 the weight of a loss
--set optimisers.generator.lr=1e-4
--set model.width=192              a setting of the network, see the system's settings
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from vivavoce.errors import RequestError, UnknownName
from vivavoce.systems.stage import Stage

Model = TypeVar("Model", bound=BaseModel)
_FREE = ("curriculum",)  # whose keys are not known beforehand
_MODEL = "model."


def split(pairs: Sequence[str]) -> tuple[list[str], list[str]]:
    """The pairs that set the network, without their "model.", and those that set stages."""
    model = [pair.removeprefix(_MODEL) for pair in pairs if pair.startswith(_MODEL)]
    return model, [pair for pair in pairs if not pair.startswith(_MODEL)]


def changed(model: Model, pairs: Sequence[str]) -> Model:
    """The settings of a network with each "key=value" of `pairs` applied.

    Raises: RequestError: a value of the wrong kind. UnknownName: there is no such setting.
    """
    plain = {"model": model.model_dump()}
    for pair in pairs:
        _set(plain, *_key_and_value(pair))
    try:
        return type(model)(**plain["model"])
    except ValidationError as error:
        raise RequestError(f"The setting {_MODEL}{_reason(error)}") from None


def apply(stages: Sequence[Stage], pairs: Sequence[str]) -> tuple[Stage, ...]:
    """The stages with each "key=value" of `pairs` applied.

    Raises: RequestError: a pair without "=", or a value of the wrong kind. UnknownName: no stage
    has such a setting; the nearest are suggested.
    """
    plain = {stage.name: asdict(stage) for stage in stages}
    for pair in pairs:
        _set(plain, *_key_and_value(pair))
    return tuple(build(values) for values in plain.values())


def build(values: dict[str, Any]) -> Stage:
    """A stage from its plain settings.

    Raises: RequestError: a setting has a value of the wrong kind.
    """
    try:
        return TypeAdapter(Stage).validate_python(values)
    except ValidationError as error:
        raise RequestError(
            f"In stage {values.get('name')!r}, the setting {_reason(error)}"
        ) from None


def _key_and_value(pair: str) -> tuple[str, str]:
    key, equals, value = pair.partition("=")
    if not equals or not key.strip():
        raise RequestError(f"--set takes key=value, not {pair!r}; for example steps=1000.")
    return key.strip(), value.strip()


def _reason(error: ValidationError) -> str:
    """The first fault, as "NAME cannot be VALUE: why."."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where} cannot be {first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}."


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
    """Names of all settings, nested ones with their path: `optimisers.generator.lr`."""
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
