"""Values from the environment: `MAILFERRY_SECTION__KEY` goes before the file.

A value is read as TOML (a number, true, a list). It is plain text if it is not TOML or if the key takes text.
Lists of tables (accounts, targets) cannot be set this way.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

from shared.config.document import Document
from shared.config.secrets import without_other_ways
from shared.config.settings import ARRAYS, DEFAULTS, SECRETS, SECTIONS, AccountSettings
from shared.config.toml_lines import KeyPath
from shared.config.urls import ServerUrl
from shared.config.values import Listen
from shared.model.address import Address
from shared.model.begin import Begin
from shared.model.retention import Retention

PREFIX = "MAILFERRY_"
SEPARATOR = "__"
TEXTUAL = (str, SecretStr, ServerUrl, Address, Begin, Retention, Listen)


def with_environment(document: Document, environ: Mapping[str, str]) -> tuple[Document, list[str]]:
    """Return the document with the values of the environment in it, and problems that name their variable."""
    data = dict(document.data)
    overrides: dict[KeyPath, str] = {}
    problems: list[str] = []
    for variable in sorted(environ):
        section, separator, key = variable.removeprefix(PREFIX).lower().partition(SEPARATOR)
        if not variable.startswith(PREFIX) or not separator:
            continue
        model = SECTIONS.get(section, AccountSettings if section == DEFAULTS else None)
        if model is None:
            problems.append(_unknown_section(variable, section))
            continue
        value = typed_value(model, key, environ[variable])
        data[section] = _with(data.get(section, {}), key, value)
        overrides[section, key] = variable
    if not overrides:
        return document, problems
    return document.with_overrides(data, overrides), problems


def _unknown_section(variable: str, section: str) -> str:
    if section in ARRAYS:
        return (
            f"environment variable {variable}: {section} cannot be set by the environment, only by the file"
        )
    known = ", ".join((*SECTIONS, DEFAULTS))
    return f'environment variable {variable}: unknown section "{section}"; known are {known}'


def _with(table: Any, key: str, value: object) -> Any:
    """Return the table with the value in it. Anything but a table is left for validation to refuse."""
    if not isinstance(table, dict):
        return table
    kept = table
    for secret in SECRETS:
        kept = without_other_ways(kept, secret, {key})
    return {**kept, key: value}


def typed_value(model: type[BaseModel], key: str, written: str) -> object:
    """Return a value as it is written outside of a file: in TOML, or as plain text."""
    field = model.model_fields.get(key)
    if field is None or _takes_text(field.annotation):
        return written
    try:
        read = tomllib.loads(f"value = {written}")
    except tomllib.TOMLDecodeError:
        return written
    return read["value"] if len(read) == 1 else written


def _takes_text(annotation: Any) -> bool:
    """Whether the key takes text, or text and nothing."""
    if get_origin(annotation) is Annotated:
        return _takes_text(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return any(_takes_text(choice) for choice in get_args(annotation))
    return annotation in TEXTUAL
