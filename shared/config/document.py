"""A configuration before validation: its data, and where each value comes from."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from shared.config.toml_errors import syntax_problem
from shared.config.toml_lines import KeyPath, lines_of, nearest_line
from shared.model.errors import ConfigurationError
from shared.model.text_file import text_of


class Included(NamedTuple):
    """A file that a document includes. Its tables are in the document's arrays, from these indexes on."""

    document: Document
    starts: Mapping[str, int]


class Document:
    """The data of a configuration. Relative paths start from the directory `base`.

    `overrides` names the environment variable that set a value. `text` is None if no file was read.
    `included` are the files that some of the tables come from.
    """

    def __init__(
        self,
        data: Mapping[str, Any],
        origin: str,
        base: Path,
        text: str | None = None,
        overrides: Mapping[KeyPath, str] | None = None,
        included: Sequence[Included] = (),
    ) -> None:
        self.data = data
        self.origin = origin
        self.base = base
        self.text = text
        self.overrides = overrides or {}
        self.included = included

    def with_overrides(self, data: Mapping[str, Any], overrides: Mapping[KeyPath, str]) -> Document:
        """Return the document with values of the environment."""
        return Document(data, self.origin, self.base, self.text, overrides, self.included)

    def with_included(self, data: Mapping[str, Any], included: Sequence[Included]) -> Document:
        """Return the document with the tables of other files."""
        return Document(data, self.origin, self.base, self.text, self.overrides, included)

    @cached_property
    def _lines(self) -> dict[KeyPath, int]:
        return lines_of(self.text) if self.text is not None else {}

    def line_of(self, path: KeyPath) -> int | None:
        """Return the line on which `path`, or else the table around it, begins, in the file that has it."""
        part, own = self.part_of(path)
        return nearest_line(part._lines, own)

    def position_of(self, path: KeyPath) -> tuple[int, int]:
        """Return where `path` comes in the order of files and lines."""
        part, _ = self.part_of(path)
        files = [self, *(each.document for each in self.included)]
        return files.index(part), self.line_of(path) or 0

    def part_of(self, path: KeyPath) -> tuple[Document, KeyPath]:
        """Return the document that has `path`, this one or an included one, and the path there."""
        match path:
            case (str(array), int(index), *rest):
                for document, starts in reversed(self.included):
                    if array in document.data and index >= starts.get(array, index + 1):
                        return document, (array, index - starts[array], *rest)
        return self, path

    def has_key(self, path: KeyPath) -> bool:
        """Whether there is a value at `path`."""
        found: Any = self.data
        for key in path:
            try:
                found = found[key]
            except (LookupError, TypeError):
                return False
        return True

    def location_of(self, path: KeyPath) -> str:
        """Return where an operator changes the value at `path`: file and line, or environment variable."""
        if variable := self.overrides.get(path[:2]):
            return f"environment variable {variable}"
        line = self.line_of(path)
        origin = self.part_of(path)[0].origin
        return origin if line is None else f"{origin}:{line}"

    def absolute_path(self, path: str) -> Path:
        """Return the path, which starts from `base` if it is relative."""
        return self.base / Path(path)


def read_document(path: Path, base: Path | None = None) -> Document:
    """Read the TOML file at `path`; relative paths in it start from its directory, or from `base`.

    Raises `ConfigurationError`, with the line of a syntax error.
    """
    try:
        written = text_of(path.read_bytes())
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError([f"{path}: cannot be read: it is not UTF-8 text"]) from error
    text = written.replace("\r\n", "\n").replace("\r", "\n")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line, sentence = syntax_problem(text, str(error))
        raise ConfigurationError([f"{path}:{line}: not valid TOML: {sentence}"]) from error
    return Document(data, str(path), base or path.absolute().parent, text)


def home_hint(path: str | Path) -> str:
    """Return what to add to a sentence about a path that begins with `~`, which only a shell replaces."""
    is_home = any(part.startswith("~") for part in Path(path).parts)
    return '; "~" is not replaced here: write the whole path of the home directory' if is_home else ""
