"""Problems in a configuration, each as one sentence that names file, line and key.

All problems are collected before the configuration is refused, so that one run shows everything to repair.
A sentence never repeats a value, except where the key takes one of a few known words.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.config.document import Document
from shared.config.toml_lines import KeyPath
from shared.model.errors import quoted
from shared.model.setting import Settings, former_names

PathOf = Callable[[KeyPath], KeyPath]

_EXPECTED = {
    "string_type": "text in quotes",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "list_type": "a list in [ ]",
    "tuple_type": "a list in [ ]",
    "dict_type": "a table",
}
_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    (str, "text"),
    ((int, float), "a number"),
    (list, "a list"),
    (dict, "a table"),
)


class Problems:
    """The problems found in one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._found: dict[str, tuple[int, int]] = {}
        self._paths: dict[KeyPath, str] = {}

    def add_problem(self, path: KeyPath, sentence: str) -> None:
        """Add what is wrong at `path`. Only the first problem with a key is kept."""
        if path in self._paths:
            return
        self._paths[path] = sentence
        label = _label(self.document.data, path)
        parts = [self.document.location_of(path), *([label] if label else []), sentence]
        self._found.setdefault(": ".join(parts), self.document.position_of(path))

    def add_unknown(self, path: KeyPath, what: str, known: Collection[str]) -> None:
        """Add that the last part of `path` is not a known section or key. Name the known one it resembles."""
        written = str(path[-1])
        resembling = difflib.get_close_matches(written, known, n=1)
        hint = f'; did you mean "{resembling[0]}"?' if resembling else ""
        self.add_problem(path, f'unknown {what} "{quoted(written)}"{hint}')

    def add_invalid(self, path_of: PathOf, model: type[BaseModel], error: ValidationError) -> None:
        """Add everything that pydantic found wrong in a table. `path_of` returns the path of a key."""
        for details in error.errors(include_url=False):
            self._add_details(path_of, model, details)

    def add_invalid_present(self, path_of: PathOf, model: type[BaseModel], error: ValidationError) -> None:
        """Add what `add_invalid` does, except missing keys."""
        for details in error.errors(include_url=False):
            if details["type"] != "missing":
                self._add_details(path_of, model, details)

    def sentences(self) -> list[str]:
        """Return all problems, in the order of their lines."""
        return sorted(self._found, key=lambda sentence: self._found[sentence])

    def by_path(self) -> Mapping[KeyPath, str]:
        """Return what is wrong at each path, in the order in which it was found."""
        return dict(self._paths)

    def _add_details(self, path_of: PathOf, model: type[BaseModel], details: ErrorDetails) -> None:
        key = details["loc"]
        if details["type"] == "extra_forbidden":
            self._add_extra(path_of(key), model)
        elif details["type"] == "missing":
            self.add_problem(path_of(key), f"{_written_key(key)} is missing")
        else:
            self.add_problem(path_of(key), f"{_written_key(key)}: {_reason(details)}")

    def _add_extra(self, path: KeyPath, model: type[BaseModel]) -> None:
        """Note a key that is not known, or not any more."""
        removed = model.removed_keys if issubclass(model, Settings) else {}
        if now := former_names(model).get(str(path[-1])):
            self.add_problem(path, f'"{path[-1]}" is called "{now}" now')
        elif instead := removed.get(str(path[-1])):
            self.add_problem(path, f'"{path[-1]}" was removed. {instead}')
        else:
            self.add_unknown(path, "key", model.model_fields.keys())


def _label(data: Mapping[str, Any], path: KeyPath) -> str:
    """Return the name of the table that `path` is in."""
    match path:
        case (str(array), int(index), *_):
            return f"{array} {_item_name(data, array, index)}"
        case (str(section), _, *_):
            return f"[{section}]"
        case _:
            return ""


def _item_name(data: Mapping[str, Any], array: str, index: int) -> str:
    items = data.get(array)
    item = items[index] if isinstance(items, list) and index < len(items) else None
    name = item.get("name") if isinstance(item, dict) else None
    if not isinstance(name, str) or not isinstance(item, dict):
        return f"number {index + 1}"
    if array != "accounts":
        return f'"{quoted(name)}"'
    defaults = data.get("defaults")
    tenant = item.get(
        "tenant", defaults.get("tenant", "default") if isinstance(defaults, dict) else "default"
    )
    return f'"{quoted(str(tenant))}/{quoted(name)}"'


def _written_key(key: KeyPath) -> str:
    """Return the key within its table. Items of a list are counted from 1."""
    positions = [f", value {part + 1}" for part in key[1:] if isinstance(part, int)]
    return f'"{quoted(str(key[0]))}"{"".join(positions)}'


def _reason(details: ErrorDetails) -> str:
    kind, facts = details["type"], details.get("ctx", {})
    if kind == "value_error":
        return str(facts["error"])
    if kind in ("literal_error", "enum"):
        expected = str(facts["expected"]).replace("'", '"')
        given = details["input"]
        return f"expected {expected}" + (f', not "{quoted(given, 40)}"' if isinstance(given, str) else "")
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, not {_kind_of(details['input'])}"
    if kind == "greater_than":
        return f"must be more than {facts['gt']:g}"
    if kind == "greater_than_equal":
        return f"must be at least {facts['ge']:g}"
    if kind == "less_than_equal":
        return f"must be at most {facts['le']}"
    if kind == "too_short":
        return "must not be empty"
    return details["msg"]


def _kind_of(value: object) -> str:
    return next((name for types, name in _KINDS if isinstance(value, types)), "a date or time")
