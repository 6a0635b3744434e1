"""What is odd in a configuration that can be used: it was hardly meant so, and nothing is wrong enough to
refuse it. Each is a sentence like those of `problems`.

A variable of the environment is odd where nothing reads it. It is no error: some platforms set variables of
their own that begin with the name of the service.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from shared.config import urls
from shared.config.document import Document
from shared.config.environment import PREFIX, SEPARATOR
from shared.config.exposure import note_exposed
from shared.config.hosts import hosts_of
from shared.config.problems import Problems
from shared.config.settings import DEFAULT_KEYS, DEFAULTS, SECTIONS
from shared.model.account import Account
from shared.model.errors import quoted

READ_ELSEWHERE = frozenset(
    {"MAILFERRY_CONFIG", "MAILFERRY_DIE_AT", "MAILFERRY_PASSWORD", "MAILFERRY_TARGET_PASSWORD"}
)
LIKENESS = 0.7
MOST_GUESSES = 10
"""Of a kind. Whoever left a provider has many hosts that nobody uses, and means no others by them."""
MOST_NAMES = 300
"""A guess compares with each: some ten milliseconds in all."""


def oddities(document: Document, environ: Mapping[str, str], accounts: Mapping[str, Account]) -> list[str]:
    """All of them; `accounts` were made of the document."""
    problems, data = Problems(document), document.data
    _accounts(problems, accounts)
    note_exposed(problems, document)
    if accounts:
        _hosts(problems, data, {account.endpoint.host for account in accounts.values()})
        _postmasters(problems, data, {account.tenant for account in accounts.values()})
    return [*_variables(environ, data), *problems.sentences()]


def _accounts(problems: Problems, accounts: Mapping[str, Account]) -> None:
    if not accounts:
        problems.add((), "there is no account, so nothing is fetched")
    elif not any(account.enabled for account in accounts.values()):
        problems.add((), "every account is disabled, so nothing is fetched")


class _Meant:
    """Names of which one may have been meant where something else was written; a mapping knows what to call
    it.
    """

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._sorted = sorted(names) if len(names) <= MOST_NAMES else []
        self._left = MOST_GUESSES

    def by(self, written: str) -> str:
        """A question about what is meant, where something is like it."""
        if not self._left:
            return ""
        self._left -= 1
        close = difflib.get_close_matches(written, self._sorted, n=1, cutoff=LIKENESS)
        name = self._names[close[0]] if close and isinstance(self._names, Mapping) else "".join(close)
        return f'; did you mean "{quoted(name)}"?' if close else ""


def _hosts(problems: Problems, data: Mapping[str, Any], used: set[str]) -> None:
    meant = _Meant(used)
    for index, table in enumerate(data.get("hosts", ())):
        hosts = hosts_of(urls.host_name(table["name"]))
        if used.isdisjoint(hosts):
            sentence = '"name": no account has its mailbox there' + meant.by(hosts[0])
            problems.add(("hosts", index, "name"), sentence)


def _postmasters(problems: Problems, data: Mapping[str, Any], tenants: set[str]) -> None:
    meant = _Meant(tenants)
    for tenant in data.get("notices", {}).get("postmasters", {}):
        if tenant not in tenants:
            sentence = f'"postmasters": no account is of tenant "{quoted(tenant)}"'
            problems.add(("notices", "postmasters", tenant), sentence + meant.by(tenant))


def _variables(environ: Mapping[str, str], data: Mapping[str, Any]) -> Iterator[str]:
    read = READ_ELSEWHERE | set(_named_variables(data))
    meant = _Meant({variable.removeprefix(PREFIX): variable for variable in (*_settable(), *read)})
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and SEPARATOR not in variable and variable not in read:
            hint = meant.by(variable.removeprefix(PREFIX))
            yield f"environment variable {quoted(variable)}: nothing reads it{hint}"


def _settable() -> Iterator[str]:
    """The variables that set keys."""
    for section, model in SECTIONS.items():
        for key in model.model_fields:
            yield f"{PREFIX}{section}{SEPARATOR}{key}".upper()
    for key in sorted(DEFAULT_KEYS):
        yield f"{PREFIX}{DEFAULTS}{SEPARATOR}{key}".upper()


def _named_variables(data: object) -> Iterator[str]:
    """The variables that the document takes secrets from."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            if isinstance(value, str) and key.endswith("_env"):
                yield value
            yield from _named_variables(value)
    elif isinstance(data, list):
        for item in data:
            yield from _named_variables(item)
