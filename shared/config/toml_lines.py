"""Finds the line of each key in a TOML text, so that a problem can name it. `tomllib` reports no lines.

`tomllib` must already have accepted the text. So the scanner trusts its syntax, and only finds where keys and
values begin and end.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

KeyPath = tuple[str | int, ...]

_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_QUOTED_KEY = re.compile(r'"(?:\\.|[^"\\])*"|\'[^\']*\'')
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:\\.|[^"\\])*"' r"|'[^']*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


def lines_of(text: str) -> dict[KeyPath, int]:
    """Return the line, counted from 1, on which each table, key and list item of a valid TOML text begins."""
    return _Scanner(text).lines()


def nearest_line(lines: dict[KeyPath, int], path: KeyPath) -> int | None:
    """Return the line of `path`, else of the innermost table around it; None if neither is in the text."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


class _Scanner:
    """Reads the text once. `at` is the position of the next character."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._line_starts = [match.end() for match in re.finditer("\n", text)]
        self._found: dict[KeyPath, int] = {}
        self._last_items: dict[KeyPath, int] = {}
        self.at = 0

    def lines(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        self._skip(_GAP)
        while self.at < len(self._text):
            if self._text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_GAP)
        return self._found

    def _header(self) -> KeyPath:
        start = self.at
        is_item = self._text.startswith("[[", self.at)
        self.at += 2 if is_item else 1
        keys = self._keys()
        self.at += 2 if is_item else 1
        table = (*self._inside_items((), keys[:-1], start), keys[-1])
        self._note(table, start)
        if is_item:
            self._last_items[table] = self._last_items.get(table, -1) + 1
            table += (self._last_items[table],)
            self._note(table, start)
        return table

    def _inside_items(self, path: KeyPath, keys: list[str], start: int) -> KeyPath:
        """Return the path below `path`. A list of tables on the way means its latest item."""
        for key in keys:
            path += (key,)
            self._note(path, start)
            if path in self._last_items:
                path += (self._last_items[path],)
        return path

    def _pair(self, table: KeyPath) -> None:
        start = self.at
        path = table
        for key in self._keys():
            path += (key,)
            self._note(path, start)
        self.at += 1
        self._skip(_BLANK)
        self._value(path)

    def _keys(self) -> list[str]:
        """Read a dotted key and the blanks after it, and return its parts."""
        keys = []
        while True:
            self._skip(_BLANK)
            keys.append(self._key())
            self._skip(_BLANK)
            if not self._text.startswith(".", self.at):
                return keys
            self.at += 1

    def _key(self) -> str:
        if written := _QUOTED_KEY.match(self._text, self.at):
            self.at = written.end()
            return next(iter(tomllib.loads(f"{written[0]} = 0")))
        bare = _BARE_KEY.match(self._text, self.at)
        assert bare, "tomllib accepted the text, so a key is here"
        self.at = bare.end()
        return bare[0]

    def _value(self, path: KeyPath) -> None:
        match self._text[self.at]:
            case "[":
                self._list(path)
            case "{":
                self._inline_table(path)
            case "'" | '"':
                self._skip(_STRING)
            case _:
                self._skip(_SCALAR)

    def _list(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        while self._another("]"):
            self._note((*path, index), self.at)
            self._value((*path, index))
            index += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.at += 1
        while self._another("}"):
            self._pair(path)

    def _another(self, closing: str) -> bool:
        """Whether another item follows. Moves to its beginning, or behind `closing`."""
        self._skip(_GAP)
        if self._text[self.at] == ",":
            self.at += 1
            self._skip(_GAP)
        if self._text[self.at] != closing:
            return True
        self.at += 1
        return False

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self.at)
        assert match, "tomllib accepted the text, so this is here"
        self.at = match.end()

    def _note(self, path: KeyPath, position: int) -> None:
        self._found.setdefault(path, bisect_right(self._line_starts, position) + 1)
