"""Reads an INI file as Python's configparser does, but remembers the line of each value."""

from __future__ import annotations

import re
from typing import NamedTuple

from shared.importing.result import UnreadableImport

_SECTION = re.compile(r"\[([^\]]+)\]\s*$")
_OPTION = re.compile(r"([^\s=:][^=:]*?)\s*[=:]\s*(.*)$")
COMMENTS = ("#", ";")


class Value(NamedTuple):
    """The text of an option, several lines joined by LF, and the line where it begins."""

    text: str
    line: int


class Section(NamedTuple):
    """The options of a section by their names in lower case, and the line of its header."""

    line: int
    options: dict[str, Value]


def sections(text: str) -> dict[str, Section]:
    """Return the sections of a text whose line end is LF, by name. Raises `UnreadableImport`."""
    found: dict[str, Section] = {}
    section: Section | None = None
    name = ""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith(COMMENTS):
            continue
        if line[0] in " \t" and section is not None and name:
            value = section.options[name]
            section.options[name] = value._replace(text=f"{value.text}\n{line.strip()}")
        elif header := _SECTION.match(line.strip()):
            section, name = _new_section(found, header[1].strip(), number), ""
        elif section is not None and (option := _OPTION.match(line.strip())):
            name = _new_option(section, option[1], option[2], number)
        else:
            raise UnreadableImport(number, "expected [section], or a name, = and a value")
    return found


def _new_section(found: dict[str, Section], name: str, line: int) -> Section:
    if name in found:
        raise UnreadableImport(
            line, f"there is a second [{name}]; a file is about one account, so split this one"
        )
    found[name] = Section(line, {})
    return found[name]


def _new_option(section: Section, written: str, value: str, line: int) -> str:
    name = written.lower()
    if name in section.options:
        raise UnreadableImport(line, f'"{name}" is given twice')
    section.options[name] = Value(value.strip(), line)
    return name
