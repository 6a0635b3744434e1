"""Says in words what is wrong with a text that is no valid TOML. `tomllib` speaks of its grammar.

A sentence repeats the key of the line and never its value, which may be a secret.
"""

from __future__ import annotations

import re

_AT = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")
_KEY = re.compile(r"""\s*([A-Za-z0-9_.\-"' ]*?)\s*=\s*(.?)""")
_NAMES = re.compile(r"'([^']*)'")
_SENTENCES = {
    "Unterminated string": 'text that begins with a quotation mark does not end with one; write "…"',
    "Unclosed array": "a list is opened by [ and not closed, or its values are not separated by commas",
    "Unclosed inline table": "a table is opened by { and not closed, or its keys are not separated by commas",
    "Expected '=' after a key in a key/value pair": 'a key stands without its value; write key = "value"',
    "Expected ']' at the end of a table declaration": "the name of a section is not closed; write [name]",
    "Expected ']]' at the end of an array declaration": "the name of a table is not closed; write [[name]]",
    "Invalid initial character for a key part": "a key is expected here; one with other characters than "
    'letters, digits, - and _ stands in quotes: "acme.com" = "keep"',
    "Invalid statement": "a line begins with a key, with [section], or with # for a comment; "
    'write key = "value"',
    "Unescaped '\\' in a string": "a backslash begins an escape in \"…\"; write '…' to have it as it is, "
    "or \\\\ for one",
    "Cannot overwrite a value": "this key is there already; keep one of them",
    "Invalid date or datetime": "there is no such date or time",
    "Invalid hex value": "\\x, \\u and \\U are followed by hexadecimal digits; write '…' to have a backslash "
    "as it is",
}
_ENDED = "the file ends here, and a value, a quotation mark or a closing bracket is still expected"
_AFTER = 'something stands behind the value; only a comment may, and text stands in quotes: key = "a b"'


def syntax_problem(text: str, message: str) -> tuple[int, str]:
    """Return the line, counted from 1, and what is wrong there. `message` is the one of `tomllib`."""
    at = _AT.search(message)
    is_end = at is None or at[1] is None
    number = text.rstrip("\n").count("\n") + 1 if at is None or at[1] is None else int(at[1])
    lines = text.split("\n")
    line = lines[number - 1] if number <= len(lines) else ""
    return number, _in_words(_AT.sub("", message), line, is_end=is_end)


def _in_words(reason: str, line: str, *, is_end: bool) -> str:
    names = ".".join(_NAMES.findall(reason))
    if reason.startswith("Cannot declare") and names:
        return f"[{names}] is there twice; put its keys together, or write [[{names}]] for each of several"
    if reason.startswith(("Cannot mutate immutable", "Cannot redefine")):
        return f'"{names}" is given in two ways that exclude each other; keep one of them'
    if reason.startswith("Duplicate inline table key"):
        return f'the key "{names}" is there twice in one table'
    if reason.startswith("Expected newline"):
        return _AFTER
    if reason.startswith("Illegal character '\\n'"):
        return 'the line ends within quotation marks; close them with "'
    if reason.startswith(("Illegal character", "Found invalid character")):
        return "a character that cannot be seen stands here; delete it"
    if reason.startswith("Expected"):
        return _SENTENCES.get(reason, _SENTENCES["Unterminated string"])
    if reason == "Invalid value":
        return _ENDED if is_end else _value(line)
    return _SENTENCES.get(reason, reason)


def _value(line: str) -> str:
    """What is wrong with a value that does not begin as one."""
    if (match := _KEY.match(line)) is None:
        return "a value cannot be read; text stands in quotes"
    key, first = match[1].strip("\"' "), match[2]
    if first in ("", "#"):
        return f'"{key}" has no value'
    if first in "“”„‘’":
        return f'the value of "{key}" is in typographic quotation marks; write {match[1]} = "…"'
    return f'the value of "{key}" cannot be read; text stands in quotes: {match[1]} = "…"'
