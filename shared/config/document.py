"""A configuration as it was written, before it is understood: its data, and where each part of it came
from.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any

from shared.config.locate import Path, lines_of, nearest_line
from shared.model.errors import ConfigurationError
from shared.model.text_file import text_of

_LAST_LINE = "at end of document"
_LINE = re.compile(r"\s*\(at line (\d+), column (\d+)\)")


class Document:
    """The data of a configuration; `base` is the directory that relative paths start from.

    `overrides` names the environment variable that set a value. `text` is None where no file was read.
    """

    def __init__(
        self,
        data: Mapping[str, Any],
        origin: str,
        base: FilePath,
        text: str | None = None,
        overrides: Mapping[Path, str] | None = None,
    ) -> None:
        self.data = data
        self.origin = origin
        self.base = base
        self.text = text
        self.overrides = overrides or {}

    @cached_property
    def _lines(self) -> dict[Path, int]:
        return lines_of(self.text) if self.text is not None else {}

    def line(self, path: Path) -> int | None:
        """The line of the file that `path`, or else the table around it, begins on."""
        return nearest_line(self._lines, path)

    def has(self, path: Path) -> bool:
        """Whether there is something at `path`."""
        found: Any = self.data
        for key in path:
            try:
                found = found[key]
            except (LookupError, TypeError):
                return False
        return True

    def place(self, path: Path) -> str:
        """Where the value at `path` is to be changed, as a problem names it: file and line, or variable."""
        if variable := self.overrides.get(path[:2]):
            return f"environment variable {variable}"
        line = self.line(path)
        return self.origin if line is None else f"{self.origin}:{line}"

    def resolved(self, path: str) -> FilePath:
        """A path from the configuration, seen from `base`."""
        return self.base / FilePath(path)


def read_document(path: FilePath) -> Document:
    """The document in the TOML file at `path`. Raises `ConfigurationError`, with the line of a syntax
    error.
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
        raise ConfigurationError([_syntax_problem(path, text, str(error))]) from error
    return Document(data, str(path), path.absolute().parent, text)


def _syntax_problem(path: FilePath, text: str, message: str) -> str:
    match = _LINE.search(message)
    line = int(match[1]) if match else text.rstrip("\n").count("\n") + 1
    reason = _LINE.sub("", message).replace(f" ({_LAST_LINE})", "")
    return f"{path}:{line}: not valid TOML: {reason}"
