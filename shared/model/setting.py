"""How a setting is defined: one pydantic field with its type, default, meaning and example.

Everything else comes from that field: parsing and its errors, the environment variable, `config show`, and
the reference page. A setting is added in one place.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo


class Unit(StrEnum):
    """What a number counts, where people write it with a unit."""

    DURATION = "duration"
    SIZE = "size"


class Settings(BaseModel):
    """A table of settings: unknown keys are errors, and nothing is converted silently.

    `removed_keys`: keys of older versions, each with a sentence that says what to use instead.
    """

    removed_keys: ClassVar[Mapping[str, str]] = {}
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, defer_build=True
    )


Part = TypeVar("Part", bound=Settings)


def setting(
    default: Any,
    meaning: str,
    *,
    form: str = "",
    example: object = None,
    unit: Unit | None = None,
    formerly: str | None = None,
    only: Mapping[str, Any] | None = None,
    **limits: Any,
) -> Any:
    """A setting with a default.

    `form`: how the value is written, where the type does not say it. `example`: as it stands in the file.
    `unit`: what a number counts. `formerly`: the key's name in older versions, which is refused by name.
    `only`: the protocol that it is for, see `only_for`. `limits` are those of pydantic's `Field`.
    """
    extra = {
        "form": form,
        "example": example,
        "unit": unit and unit.value,
        "formerly": formerly,
        "only": only,
    }
    return Field(default, description=meaning, json_schema_extra=_given(extra), **limits)


def required(meaning: str, *, form: str = "", example: object = None) -> FieldInfo:
    """What belongs into the annotation of a setting that has no default."""
    extra = {"form": form, "example": example}
    return FieldInfo(description=meaning, json_schema_extra=_given(extra))


def duration(default: Any, meaning: str, **more: Any) -> Any:
    """A setting in seconds, written as `90s`, `15m`, `4h` or `5d`; `more` is that of `setting`."""
    return setting(default, meaning, unit=Unit.DURATION, **more)


def size(default: Any, meaning: str, **more: Any) -> Any:
    """A setting in octets, written as `256KiB` or `32MiB`; `more` is that of `setting`."""
    return setting(default, meaning, unit=Unit.SIZE, **more)


def only_for(protocol: str, why: str, *values: str) -> Mapping[str, Any]:
    """Say that a setting of accounts, or only these `values` of it, is for one protocol.

    `why`: a clause that follows "as" and tells what the other protocol does instead.
    """
    return {"protocol": protocol, "why": why, "values": list(values)}


def part(model: type[Part], settings: Settings) -> Part:
    """Those of the settings that `model` has; they were checked when `settings` were read."""
    values = {name: getattr(settings, name) for name in model.model_fields}
    return cast(Part, model.model_construct(**values))


def facts(field: FieldInfo) -> dict[str, Any]:
    """What `setting` was told about a field beside its type, default and meaning."""
    extra = field.json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}


def ordered_fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model for a reader: its own first, then those of its bases."""
    names = [name for each in model.__mro__ for name in inspect.get_annotations(each)]
    return {name: model.model_fields[name] for name in dict.fromkeys(names) if name in model.model_fields}


def former_names(model: type[BaseModel]) -> dict[str, str]:
    """The names that keys had in older versions, each with the present one."""
    fields = model.model_fields.items()
    return {facts(field)["formerly"]: name for name, field in fields if facts(field).get("formerly")}


def _given(extra: dict[str, object]) -> dict[str, Any]:
    return {key: value for key, value in extra.items() if value not in (None, "")}
