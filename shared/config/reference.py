"""Writes the reference of all settings as a page in Markdown, from their definitions."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from shared.config.settings import ARRAYS, SECTIONS, Settings
from shared.config.toml_values import toml_text, toml_value
from shared.config.values import AUTOMATIC
from shared.model.setting import facts, ordered_fields

HEAD = """# Configuration reference

<!-- Made by `make reference` from the definitions in shared/config/settings. Do not edit. -->

Mailferry reads one TOML file. An unknown key is an error. `mailferry config check` reports all errors at
once. `mailferry config show` prints what is in force and where each value comes from.

The environment goes before the file: `MAILFERRY_RELAY__GIVE_UP=3d` sets `give_up` of `[relay]`. Keys of
`[[accounts]]` can be set for all accounts in `[defaults]`.

A duration is written as `90s`, `15m`, `4h` or `5d`, or as a number of seconds. A size is written as
`256KiB`, `32MiB` or `1GiB`, or as a number of octets. Relative paths start from the directory of the file.

`include = ["accounts.d/*.toml"]`, above all sections, names further files with `[[tenants]]`, `[[targets]]` and
`[[accounts]]`, and nothing else. Relative paths in them start from the directory of the first file, too.
"""
MEANING_OF_EMPTY = {"auth": AUTOMATIC}
"""How to write a default that is an empty list with a meaning of its own."""


def reference() -> str:
    """Return the whole page."""
    parts = [HEAD]
    for name, model in SECTIONS.items():
        parts.append(_section(f"[{name}]", model))
    for name, model in ARRAYS.items():
        parts.append(_section(f"[[{name}]]", model))
    return "\n".join(parts)


def _section(header: str, model: type[Settings]) -> str:
    rows = "".join(_row(name, field) for name, field in ordered_fields(model).items())
    return (
        f"## {header}\n\n{inspect.getdoc(model)}\n\n"
        f"| Key | Value | Default | Meaning |\n|---|---|---|---|\n{rows}"
    )


def _row(name: str, field: FieldInfo) -> str:
    known = facts(field)
    meaning = (field.description or "") + _only(known)
    if "example" in known:
        meaning += f" Example: `{toml_text(known['example'])}`"
    cells = (f"`{name}`", known.get("form") or _form(field), _default(name, field), meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _only(known: Mapping[str, Any]) -> str:
    """Return the protocol that a setting, or a value of it, is for."""
    if "only" not in known:
        return ""
    only = known["only"]
    values = " and ".join(f"`{value}`" for value in only["values"])
    return (
        f" {values} only for {only['protocol'].upper()}."
        if values
        else f" Only for {only['protocol'].upper()}."
    )


def _default(name: str, field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    if name in MEANING_OF_EMPTY and not field.default:
        return f"`{toml_text(MEANING_OF_EMPTY[name])}`"
    default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    value = toml_value(default, field)
    return "" if value in (None, "", [], {}) else f"`{toml_text(value)}`"


def _form(field: FieldInfo) -> str:
    """Return how a value is written, from its type."""
    if unit := facts(field).get("unit"):
        return f"{unit}{_bounds(field)}"
    choices = list(_choices(field.annotation))
    return ", ".join(choices) + _bounds(field)


def _choices(annotation: Any) -> Iterator[str]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _choices(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for choice in get_args(annotation):
            yield from _choices(choice)
    elif origin is Literal:
        yield from (f"`{toml_text(choice)}`" for choice in get_args(annotation))
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        yield from (f"`{toml_text(choice.value)}`" for choice in annotation)
    elif annotation is bool:
        yield "true or false"
    elif annotation is int:
        yield "whole number"
    elif annotation in (str, SecretStr):
        yield "text"


def _bounds(field: FieldInfo) -> str:
    least = next((each.ge for each in field.metadata if hasattr(each, "ge")), None)
    most = next((each.le for each in field.metadata if hasattr(each, "le")), None)
    shown = [
        f"{word} {toml_value(bound, field)}"
        for word, bound in (("at least", least), ("at most", most))
        if bound not in (None, 0)
    ]
    return f", {', '.join(shown)}" if shown else ""
