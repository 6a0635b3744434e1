"""Further files with tenants, targets and accounts: `include = ["accounts.d/*.toml"]`."""

from __future__ import annotations

from collections.abc import Iterator
from glob import glob, has_magic
from pathlib import Path
from typing import Any

from shared.config.document import Document, Included, home_hint, read_document
from shared.config.toml_lines import KeyPath
from shared.model.errors import ConfigurationError

INCLUDE = "include"
INCLUDABLE = ("tenants", "targets", "accounts")
EXPECTED = f'"{INCLUDE}" must be a list of paths in [ ], in which * stands for any text'


def with_included(document: Document) -> Document:
    """Return the document with the tables of the files that it includes behind its own.

    Relative paths start from the directory of the document, also those in included files. Raises
    `ConfigurationError` with every problem.
    """
    patterns = document.data.get(INCLUDE, [])
    if not isinstance(patterns, list) or not all(isinstance(each, str) and each for each in patterns):
        raise ConfigurationError([f"{document.location_of((INCLUDE,))}: {EXPECTED}"])
    problems: list[str] = []
    data: dict[str, Any] = dict(document.data)
    included: list[Included] = []
    for path in _files(document, patterns, problems):
        try:
            part = read_document(path, document.base)
        except ConfigurationError as error:
            problems += error.problems
            continue
        problems += _unfit(part)
        starts: dict[str, int] = {}
        for array in INCLUDABLE:
            tables, found = data.get(array, []), part.data.get(array, [])
            if isinstance(tables, list) and isinstance(found, list):
                starts[array] = len(tables)
                data[array] = [*tables, *found]
        included.append(Included(part, starts))
    if problems:
        raise ConfigurationError(problems)
    return document.with_included(data, included) if included else document


def without_included(document: Document) -> Document:
    """Return a document that includes files without all tenants, targets and accounts.

    For processes that read them from the registry alone. Those of the document itself may need the others.
    """
    if INCLUDE not in document.data:
        return document
    left = {key: value for key, value in document.data.items() if key not in (INCLUDE, *INCLUDABLE)}
    return document.with_included(left, ())


def _files(document: Document, patterns: list[str], problems: list[str]) -> Iterator[Path]:
    """Yield the files that are named, each once, those of a pattern by name.

    Add a problem for a name without a pattern that is no file.
    """
    seen: dict[Path, None] = {}
    for index, pattern in enumerate(patterns):
        written = str(document.absolute_path(pattern))
        found = sorted(glob(written)) if has_magic(written) else [written]  # noqa: PTH207 - it may be absolute
        for name in map(Path, found):
            if not name.is_file() and not has_magic(written):
                place = document.location_of((INCLUDE, index))
                problems.append(f'{place}: "{INCLUDE}": there is no file {name}{home_hint(name)}')
            elif name.is_file():
                seen[name] = None
    yield from seen


def _unfit(part: Document) -> Iterator[str]:
    """Yield a sentence for each thing that an included file must not have."""
    for key, value in part.data.items():
        path: KeyPath = (key,)
        if key not in INCLUDABLE:
            allowed = ", ".join(f"[[{each}]]" for each in INCLUDABLE)
            yield f'{part.location_of(path)}: "{key}": an included file may have only {allowed}'
        elif not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            yield f'{part.location_of(path)}: "{key}" must be tables, each beginning with [[{key}]]'
