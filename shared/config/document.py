"""A configuration before validation: its data, and where each value comes from."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from shared.config.toml_lines import KeyPath, lines_of, nearest_line
from shared.model.errors import ConfigurationError
from shared.model.text_file import text_of

_LAST_LINE = "at end of document"
_LINE = re.compile(r"\s*\(at line (\d+), column (\d+)\)")


class Document:
    """The data of a configuration. Relative paths start from the directory `base`.

    `overrides` names the environment variable that set a value. `text` is None if no file was read.
    """

    def __init__(
        self,
        data: Mapping[str, Any],
        origin: str,
        base: Path,
        text: str | None = None,
        overrides: Mapping[KeyPath, str] | None = None,
    ) -> None:
        self.data = data
        self.origin = origin
        self.base = base
        self.text = text
        self.overrides = overrides or {}

    @cached_property
    def _lines(self) -> dict[KeyPath, int]:
        return lines_of(self.text) if self.text is not None else {}

    def line_of(self, path: KeyPath) -> int | None:
        """Return the line on which `path`, or else the table around it, begins."""
        return nearest_line(self._lines, path)

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
        return self.origin if line is None else f"{self.origin}:{line}"

    def absolute_path(self, path: str) -> Path:
        """Return the path, which starts from `base` if it is relative."""
        return self.base / Path(path)


def read_document(path: Path) -> Document:
    """Read the TOML file at `path`. Raises `ConfigurationError`, with the line of a syntax error."""
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
        raise ConfigurationError([_syntax_problem(path, text, str(error))]) from error
    return Document(data, str(path), path.absolute().parent, text)


def _syntax_problem(path: Path, text: str, message: str) -> str:
    match = _LINE.search(message)
    line = int(match[1]) if match else text.rstrip("\n").count("\n") + 1
    reason = _LINE.sub("", message).replace(f" ({_LAST_LINE})", "")
    return f"{path}:{line}: not valid TOML: {reason}"
