"""Writes imported rows as TOML for the configuration file, without secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from shared.config.toml_values import toml_text
from shared.importing.result import ImportedRow

SECRETS_DIRECTORY = "/etc/mailferry/secrets"
FIRST = ("tenant", "name", "source", "username", "password", "password_file")
"""Keys that come first; the others follow in the order in which they were found."""


def as_toml(rows: Sequence[ImportedRow]) -> str:
    """Return the targets and accounts of the rows. Findings are comments above their account.

    A secret becomes the path of a file that is to hold it.
    """
    targets: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if row.target is not None:
            targets.setdefault(str(row.target["name"]), row.target)
    blocks = [
        "\n".join(_table("targets", each, f"{SECRETS_DIRECTORY}/target-{each['name']}"))
        for each in targets.values()
    ]
    return "\n\n".join([*blocks, *map(_account, rows)]) + "\n"


def password_file(row: ImportedRow) -> str:
    """Return the path of the file that is to hold the password of an account."""
    return f"{SECRETS_DIRECTORY}/{row.account_id.replace('/', '-')}"


def _account(row: ImportedRow) -> str:
    comments = [f"# {'Not usable: ' if each.blocks else ''}{each}" for each in row.findings]
    return "\n".join([*comments, *_table("accounts", row.account, password_file(row))])


def _table(name: str, keys: Mapping[str, Any], secret: str) -> Iterator[str]:
    yield f"[[{name}]]"
    order = [*(key for key in FIRST if key in keys), *(key for key in keys if key not in FIRST)]
    for key in order:
        value = keys[key]
        if isinstance(value, SecretStr):
            suffix = "" if key == "password" else f".{key}"
            yield f"{key}_file = {toml_text(secret + suffix)}"
        else:
            yield f"{key} = {toml_text(value)}"
