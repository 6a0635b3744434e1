"""Reads accounts from comma-separated text whose first line names the columns: our keys, or a usual name."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence

from pydantic import SecretStr

from shared.config.settings import SECRETS, AccountSettings
from shared.importing.result import Choices, Finding, Import, ImportedRow, UnreadableImport
from shared.importing.row_builder import RowBuilder, with_unique_names
from shared.importing.tabular import delimiter_of, records
from shared.importing.text import decoded
from shared.model.errors import quoted

USUAL: Mapping[str, str] = {
    "user": "username",
    "login": "username",
    "email": "username",
    "mailaddress": "username",
    "pass": "password",
    "pwd": "password",
    "kennwort": "password",
    "passwort": "password",
    "benutzer": "username",
    "benutzername": "username",
    "host": "host",
    "server": "host",
    "hostname": "host",
    "port": "port",
    "protocol": "protocol",
    "protokoll": "protocol",
    "type": "protocol",
    "ssl": "ssl",
    "encryption": "ssl",
    "security": "ssl",
    "to": "recipient",
    "deliverto": "recipient",
    "empfaenger": "recipient",
    "empfänger": "recipient",
    "customer": "tenant",
    "kunde": "tenant",
    "account": "name",
    "url": "source",
    "interval": "poll",
    "active": "enabled",
}
"""Usual names of columns, in lower case and without blanks and signs, and what they are."""
PARTS = ("host", "port", "protocol", "ssl")
"""Columns that make the source together, where there is no `source`."""
KEYS = frozenset(AccountSettings.model_fields)
TLS = {"ssl": True, "tls": True, "ssl/tls": True, "implicit": True, "yes": True, "true": True, "1": True}
NO_TLS = {"", "starttls", "no", "false", "0", "none", "plain", "off"}
YES, NO = frozenset({"true", "yes", "1", "on", "ja"}), frozenset({"false", "no", "0", "off", "nein"})
_DELIMITER = re.compile(r"sep=([;,\t|])")
"""The line that Excel understands, above the header."""
_SIGNS = re.compile(r"[\s_.-]+")
LISTS = frozenset(
    {"auth", "detect", "folders", "recipient_headers", "own_addresses", "trusted_hosts", "deny_addresses"}
)
WORDS = frozenset({"auto", "oauth"})
"""What stands in place of a list."""
TABLES = frozenset({"domains", "aliases", "folder_recipients"})
FLAGS = frozenset(name for name, field in AccountSettings.model_fields.items() if field.annotation is bool)
NUMBERS = frozenset(name for name, field in AccountSettings.model_fields.items() if field.annotation is int)


def read_csv(content: bytes, choices: Choices) -> Import:
    """Read accounts from a table. Raises `UnreadableImport`."""
    text, findings = decoded(content)
    lines = text.split("\n")
    start = next((number for number, line in enumerate(lines) if line.strip()), None)
    if start is None:
        raise UnreadableImport(1, "the file is empty; its first line names the columns")
    told = _DELIMITER.fullmatch(lines[start])
    start += told is not None
    header_line = lines[start] if start < len(lines) else ""
    delimiter = told[1] if told is not None else delimiter_of(header_line)
    found = records("\n".join(lines[start:]), delimiter, start + 1)
    header = next(found, None)
    if header is None:
        raise UnreadableImport(start + 1, "the line that names the columns is missing")
    columns, unknown = _columns(header.values, header.line)
    rows = [_row(columns, record.values, record.line, choices) for record in found]
    return Import(with_unique_names(rows), (*findings, *unknown))


def _columns(titles: Sequence[str], line: int) -> tuple[list[str | None], list[Finding]]:
    """Return what each column is, None for an unknown one, and a finding for each of those."""
    columns: list[str | None] = []
    findings = []
    for title in titles:
        name = title.strip().lower()
        column = name if name in KEYS else USUAL.get(_SIGNS.sub("", name))
        if column is not None and column in columns:
            raise UnreadableImport(line, f'two columns are the "{column}"')
        if column is None and name:
            findings.append(
                Finding(line, title, "no key of an account has this name, so the column is left out")
            )
        columns.append(column)
    if not any(columns):
        raise UnreadableImport(line, "the first line names the columns, and none of these is known")
    return columns, findings


def _row(columns: Sequence[str | None], values: Sequence[str], line: int, choices: Choices) -> ImportedRow:
    row = RowBuilder(line, choices)
    if len(values) > len(columns) and any(value.strip() for value in values[len(columns) :]):
        row.block(line, "line", f"it has {len(values)} values for {len(columns)} columns")
    given = {
        column: value.strip() if column != "password" else value
        for column, value in zip(columns, values, strict=False)
        if column is not None and value.strip()
    }
    for key, value in given.items():
        if key in PARTS:
            continue
        if key == "target" and choices.target is not None:
            row.note(line, key, "mail goes to the target that --target names")
        elif key == "tenant" and choices.tenant is not None:
            row.note(line, key, "the account belongs to the tenant that --tenant names")
        else:
            _put(row, key, value, line)
    if "source" not in given and "provider" not in given:
        _put_source(row, given, line)
    for key, implied in _implied(row, given):
        row.put(key, implied, line, key)
    return row.finish()


def _implied(row: RowBuilder, given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if "mailbox" not in given:
        yield "mailbox", "catch-all" if "domains" in given else "single"
    recipient = given.get("recipient", "")
    if recipient and "@" not in recipient and row.choices.domain is not None:
        yield "recipient", f"{recipient}@{row.choices.domain}"
    if (
        "begin" not in given
        and given.get("retention", "delete") != "delete"
        and row.choices.begin is not None
    ):
        yield "begin", row.choices.begin


def _put(row: RowBuilder, key: str, value: str, line: int) -> None:
    """Set a key to the value of a cell, in the type that the key takes."""
    if key in SECRETS:
        row.put(key, SecretStr(value), line, key)
    elif key in FLAGS and value.lower() in YES | NO:
        row.put(key, value.lower() in YES, line, key)
    elif key in NUMBERS and value.isascii() and value.isdigit():
        row.put(key, int(value), line, key)
    elif key in LISTS and value not in WORDS:
        row.put(key, _listed(value), line, key)
    elif key in TABLES:
        _put_table(row, key, value, line)
    else:
        row.put(key, value, line, key)


def _listed(value: str) -> list[str]:
    """Return the parts of a cell, which are separated by blanks, or by `|` where one has a blank in it."""
    return [part.strip() for part in (value.split("|") if "|" in value else value.split()) if part.strip()]


def _put_table(row: RowBuilder, key: str, value: str, line: int) -> None:
    """Set a table, written as in the configuration file, as JSON, or as `a=b c=d`; a lone domain is kept."""
    try:
        if value.startswith("{"):
            try:
                row.put(key, tomllib.loads(f"value = {value}")["value"], line, key)
            except tomllib.TOMLDecodeError:
                row.put(key, json.loads(value), line, key)
            return
    except (ValueError, RecursionError):
        row.block(line, key, "it is neither a table as in the configuration file nor JSON")
        return
    pairs = [part.partition("=") for part in _listed(value)]
    if key != "domains" and any(not sign for _, sign, _ in pairs):
        row.block(line, key, f'expected pairs such as "a=b", not "{quoted(value, 40)}"')
        return
    row.put(key, {left: right or "keep" for left, _, right in pairs}, line, key)


def _put_source(row: RowBuilder, given: Mapping[str, str], line: int) -> None:
    """Make the source of its parts, which must tell protocol and protection without a doubt."""
    host, port, protocol = given.get("host", ""), given.get("port", ""), given.get("protocol", "").lower()
    protection = given.get("ssl", "").lower()
    if not host:
        row.block(
            line, "source", "the server is missing: give `source`, `provider`, or `host` and `protocol`"
        )
        return
    plain = protocol.removesuffix("s")
    if plain == "pop":
        plain = "pop3"
    if plain not in {"pop3", "imap"}:
        row.block(line, "protocol", "it is not said whether the server speaks POP3 or IMAP")
        return
    if protection not in TLS and protection not in NO_TLS:
        row.block(line, "ssl", f'"{quoted(protection, 40)}" is not understood; write ssl, starttls or none')
        return
    if port and not (port.isascii() and port.isdigit()):
        row.block(line, "port", "it is no number")
        return
    implicit = protocol.endswith("s") or protection in TLS or port in {"993", "995"}
    row.put_source(plain + "s" if implicit else plain, host, int(port) if port else None, line, "host")
    if protection in {"none", "plain", "off", "no", "false", "0"} and not implicit and "tls" not in row:
        row.put("tls", "off", line, "ssl")
