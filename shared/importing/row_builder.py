"""Collects the keys of one account, where each comes from, and what has no counterpart."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from shared.importing.result import Choices, Finding, ImportedRow, Origin
from shared.model.errors import quoted

LONGEST_NAME = 64
DELETE = "delete"
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._+-]+")
NO_CREDENTIAL = "there is no password; write one, or add `password_file` to the TOML that --as-toml writes"
KEPT = (
    "mail that was delivered stayed at the source, and it would be delivered anew; give a file of state "
    "(--state) if there is one, or say with --begin from when on mail is delivered (all, now, or a date)"
)


class RowBuilder:
    """One account in the making, which begins at `line` of its file."""

    def __init__(self, line: int, choices: Choices) -> None:
        self.line = line
        self.choices = choices
        self.target: dict[str, Any] | None = None
        self._keys: dict[str, Any] = {}
        self._origins: dict[str, Origin] = {}
        self._findings: list[Finding] = []
        if choices.tenant is not None:
            self.put("tenant", choices.tenant, line, "--tenant")
        if choices.target is not None:
            self.put("target", choices.target, line, "--target")

    def __contains__(self, key: str) -> bool:
        return key in self._keys

    def get(self, key: str) -> Any:
        """Return the value of a key; None where there is none."""
        return self._keys.get(key)

    def put(self, key: str, value: object, line: int, option: str) -> None:
        """Set a key to what `option` says on `line`."""
        self._keys[key] = value
        self._origins[key] = Origin(line, option)

    def note(self, line: int, option: str, sentence: str) -> None:
        """Say what becomes of an option without a counterpart."""
        self._findings.append(Finding(line, option, sentence))

    def block(self, line: int, option: str, sentence: str) -> None:
        """Say why the row cannot be saved."""
        self._findings.append(Finding(line, option, sentence, blocks=True))

    def put_password(self, password: str | None, line: int, option: str) -> None:
        """Set the password, or say that there is none."""
        if password:
            self.put("password", SecretStr(password), line, option)
        else:
            self.block(line, option, NO_CREDENTIAL)

    def put_source(self, scheme: str, host: str, port: int | None, line: int, option: str) -> None:
        """Set the URL of the source. The user name has a key of its own, so that nothing is escaped."""
        place = f"[{host}]" if ":" in host else host
        self.put("source", f"{scheme}://{place}" + (f":{port}" if port is not None else ""), line, option)

    def put_retention(self, retention: str, line: int, option: str) -> None:
        """Set the retention. Where copies stayed, it must be known from when on mail is to be delivered.

        Where none stayed, all mail that is there waits to be delivered, so `--begin` does not hold.
        """
        self.put("retention", retention, line, option)
        if retention == DELETE:
            return
        if self.choices.begin is not None:
            self.put("begin", self.choices.begin, line, "--begin")
        elif not self.choices.has_state:
            self.block(line, option, KEPT)

    def put_recipient(self, name: str, line: int, option: str, domain: str | None = None) -> None:
        """Make the mailbox that of one person. `domain` completes a name without one."""
        self.put("mailbox", "single", line, option)
        domain = domain or self.choices.domain
        if "@" not in name and domain is None:
            self.block(
                line,
                option,
                f'"{quoted(name)}" is the name of a local user; say with --domain where it has its mail',
            )
            return
        self.put("recipient", name if "@" in name else f"{name}@{domain}", line, option)

    def put_target(self, url: str, line: int, option: str, **others: object) -> None:
        """Deliver to the server at `url`, unless the operator named a target."""
        if self.choices.target is not None:
            return
        name = slug(url.partition("://")[2])
        self.target = {"name": name, "url": url, **others}
        self.put("target", name, line, option)

    def finish(self) -> ImportedRow:
        """Return the row, named after its user."""
        self._keys.setdefault(
            "name", name_of(str(self._keys.get("username", "")), str(self._keys.get("source", "")))
        )
        return ImportedRow(self.line, self._keys, self.target, tuple(self._findings), self._origins)


def name_of(username: str, source: str) -> str:
    """Return a name for an account: of its user, with the host where the user name has no domain."""
    host = source.partition("://")[2].partition(":")[0]
    return slug(username if "@" in username else f"{username}-{host}")


def slug(text: str) -> str:
    """Return the text as a name: letters, digits and a few signs."""
    return _NOT_IN_NAMES.sub("-", text).strip("-._+")[:LONGEST_NAME].rstrip("-._+") or "account"


def with_unique_names(rows: Sequence[ImportedRow]) -> list[ImportedRow]:
    """Return the rows with a number behind each name that came before in the same tenant."""
    taken: set[str] = set()
    named = []
    for row in rows:
        number, name, account = 1, str(row.account["name"]), row.account
        while _id(account).lower() in taken:
            number += 1
            account = {**row.account, "name": f"{name[: LONGEST_NAME - 1 - len(str(number))]}-{number}"}
        taken.add(_id(account).lower())
        named.append(replace(row, account=account))
    return named


def _id(account: Mapping[str, Any]) -> str:
    return f"{account.get('tenant', 'default')}/{account['name']}"
