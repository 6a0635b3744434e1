"""The sections of a configuration file of getmail, with their values in its types."""

from __future__ import annotations

import ast

from shared.importing.ini import Section, Value
from shared.importing.result import UnreadableImport

YES, NO = frozenset({"1", "yes", "true", "on"}), frozenset({"0", "no", "false", "off"})


class File:
    """The sections, with their values in the types of getmail."""

    def __init__(self, found: dict[str, Section]) -> None:
        self.sections = found

    def value(self, section: str, name: str) -> Value | None:
        """Return a value that is not empty."""
        found = self.sections[section].options.get(name) if section in self.sections else None
        return found if found is not None and found.text else None

    def text(self, section: str, name: str) -> str:
        """Return the text of a value; "" where there is none."""
        found = self.value(section, name)
        return found.text if found is not None else ""

    def is_on(self, section: str, name: str) -> bool:
        """Return whether a switch is on. Raises `UnreadableImport`."""
        found = self.value(section, name)
        if found is None or found.text.lower() in NO:
            return False
        if found.text.lower() in YES:
            return True
        raise UnreadableImport(found.line, f'"{name}" must be true or false')

    def number(self, section: str, name: str) -> int:
        """Return a number; 0 where there is none. Raises `UnreadableImport`."""
        found = self.value(section, name)
        if found is None:
            return 0
        if not (found.text.isascii() and found.text.isdigit() and len(found.text) < 16):
            raise UnreadableImport(found.line, f'"{name}" must be a number')
        return int(found.text)

    def texts(self, section: str, name: str) -> list[str]:
        """Return a tuple of texts, as Python writes it. Raises `UnreadableImport`."""
        found = self.value(section, name)
        if found is None:
            return []
        try:
            value = ast.literal_eval(found.text.replace("\n", " "))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise UnreadableImport(found.line, f'"{name}" must be texts in quotes, in ( )') from None
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, (list, tuple)) or not all(isinstance(each, str) for each in values):
            raise UnreadableImport(found.line, f'"{name}" must be texts in quotes, in ( )')
        return [str(each) for each in values]

    def line(self, section: str, name: str = "") -> int:
        """Return the line of a value, or else of its section, or else 1."""
        if section not in self.sections:
            return 1
        found = self.sections[section].options.get(name)
        return found.line if found is not None else self.sections[section].line
