"""Writes values of settings as TOML: for `config show` and the reference."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from shared.model.address import Address
from shared.model.duration import written
from shared.model.refusal import RefusalRule
from shared.model.setting import Unit, facts
from shared.model.size import written_size

MASK = "********"
Plain = bool | int | float | str | list[Any] | dict[str, Any]


def toml_value(value: object, field: FieldInfo) -> Plain | None:
    """Return a setting's value in the types of TOML, with secrets masked; None if there is none."""
    return None if value is None else _plain(value, facts(field).get("unit"))


def toml_text(value: object) -> str:
    """Return a plain value as TOML text on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml_text(key)} = {toml_text(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml_text(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _plain(value: object, unit: str | None) -> Plain:
    match value:
        case SecretStr():
            return MASK
        case Enum():
            return str(value.value)
        case Address():
            return str(value)
        case RefusalRule():
            return {"code": str(value.pattern), "action": value.action.value}
        case bool() | str():
            return value
        case Mapping():
            return {str(key): _plain(item, unit) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, unit) for item in value]
        case int() | float():
            return _number(value, unit)
    return str(value)


def _number(value: float, unit: str | None) -> Plain:
    if unit == Unit.DURATION:
        return written(value)
    return written_size(int(value)) if unit == Unit.SIZE else value
