"""Reads the list of accounts that scripts around imapsync use, one account on each line:

    host1;user1;password1;host2;user2;password2;further options

Lines that begin with `#` are comments. There are no quotation marks: a script splits at each semicolon.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from shared.importing.result import Choices, Import, ImportedRow
from shared.importing.row_builder import RowBuilder, with_unique_names
from shared.importing.text import decoded
from shared.model.errors import quoted

COLUMNS = ("host1", "user1", "password1", "host2", "user2", "password2", "options")
NEEDED = 3
SWITCHES: Mapping[str, str] = {"--ssl1": "ssl", "--tls1": "tls", "--nossl1": "", "--notls1": ""}
NO_TARGET = "name a target for host2 by --target; imapsync writes by IMAP, Mailferry delivers by SMTP or LMTP"
FOLDERS = "only INBOX is fetched; imapsync copied all folders. See `folders`"


def read_imapsync_csv(content: bytes, choices: Choices) -> Import:
    """Read a list of accounts. Raises `UnreadableImport`."""
    text, findings = decoded(content)
    rows = [
        _row(line, number, choices)
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip() and not line.startswith("#") and not _is_header(line)
    ]
    return Import(with_unique_names(rows), findings)


def _is_header(line: str) -> bool:
    return [each.strip().lower() for each in line.split(";")][:NEEDED] == list(COLUMNS[:NEEDED])


def _row(text: str, line: int, choices: Choices) -> ImportedRow:
    row = RowBuilder(line, choices)
    values = dict(zip(COLUMNS, text.split(";", len(COLUMNS) - 1), strict=False))
    if len(values) < NEEDED:
        row.block(line, "line", "expected host1;user1;password1;host2;user2;password2")
    options, unknown = _options(values.get("options", ""))
    _put_source(row, values.get("host1", "").strip(), options, line)
    row.put("username", values.get("user1", "").strip(), line, "user1")
    row.put_password(values.get("password1"), line, "password1")
    _put_recipient(row, values.get("user2", "").strip(), line)
    if choices.target is None:
        row.block(line, "host2", NO_TARGET)
    if values.get("password2"):
        row.note(line, "password2", "Mailferry needs no password of the recipient")
    _put_retention(row, options, line)
    row.note(line, "folders", FOLDERS)
    for word in unknown:
        row.note(line, word, "this option of imapsync has no counterpart, or is not known")
    return row.finish()


def _options(text: str) -> tuple[dict[str, str], list[str]]:
    """Return the options that have a counterpart, and the names of all others."""
    try:
        words = shlex.split(text.strip().rstrip(";"))
    except ValueError:
        return {}, [quoted(text, 60)]
    found: dict[str, str] = {}
    unknown: list[str] = []
    pending = ""
    for word in words:
        name, _, value = word.partition("=")
        if pending:
            found[pending], pending = word, ""
        elif name in {"--port1", "--folder"} and not value:
            pending = name
        elif name in {"--port1", "--folder"}:
            found[name] = value
        elif name in SWITCHES or name in {"--delete1", "--delete"}:
            found[name] = ""
        elif word.startswith("--"):
            unknown.append(word)
    return found, unknown


def _put_source(row: RowBuilder, host: str, options: Mapping[str, str], line: int) -> None:
    """Set the source. Without an option imapsync begins with TLS; that needs port 993 or none."""
    port = options.get("--port1", "")
    if not host:
        row.block(line, "host1", "the server is missing")
        return
    if port and not (port.isascii() and port.isdigit()):
        row.block(line, "--port1", "it is no number")
        return
    number = int(port) if port else None
    starttls = "--tls1" in options
    clear = "--nossl1" in options and not starttls
    row.put_source("imap" if starttls or clear or port == "143" else "imaps", host, number, line, "host1")
    if clear:
        row.put("tls", "wanted" if "--notls1" not in options else "off", line, "--nossl1")
    if "--folder" in options:
        row.put("folders", [options["--folder"]], line, "--folder")


def _put_recipient(row: RowBuilder, user: str, line: int) -> None:
    if user:
        row.put_recipient(user, line, "user2")
    else:
        row.put("mailbox", "single", line, "user2")
        row.block(line, "user2", "the recipient is missing")


def _put_retention(row: RowBuilder, options: Mapping[str, str], line: int) -> None:
    deleted = next((each for each in ("--delete1", "--delete") if each in options), None)
    row.put_retention("delete" if deleted else "keep", line, deleted or "no --delete1")
