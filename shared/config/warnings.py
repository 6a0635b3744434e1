"""Warnings about a configuration that is valid and probably not what the operator meant.

Each is a sentence like those of `problems`. An environment variable that nothing reads is not an error: some
platforms set variables of their own that begin with the name of the service.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from shared.config import urls
from shared.config.blank_secrets import blank_secrets
from shared.config.configuration import KeyLocation
from shared.config.document import Document, home_hint
from shared.config.environment import PREFIX, SEPARATOR
from shared.config.exposed_secrets import add_exposed_secrets
from shared.config.hosts import hosts_of
from shared.config.problems import Problems
from shared.config.settings import DEFAULT_KEYS, DEFAULTS, SECTIONS
from shared.config.toml_lines import KeyPath
from shared.imap.folder_choice import may_be_read
from shared.model.account import KEEP, Account
from shared.model.errors import quoted
from shared.model.mailbox import folder_name

READ_ELSEWHERE = frozenset(
    {"MAILFERRY_CONFIG", "MAILFERRY_DIE_AT", "MAILFERRY_PASSWORD", "MAILFERRY_TARGET_PASSWORD"}
)
USUAL_PORTS = frozenset({110, 143, 993, 995})
SIMILARITY = 0.7
MAX_SUGGESTIONS = 10
"""Per kind of warning. After leaving a provider, many of its hosts are unused and none is a typing error."""
MAX_NAMES = 300
"""A suggestion compares with each name: about ten milliseconds for all of them."""


def warnings_of(
    document: Document, environ: Mapping[str, str], accounts: Mapping[str, Account], keys: KeyLocation
) -> list[str]:
    """Return all warnings. `accounts` and `keys` were built from the document."""
    problems, data = Problems(document), document.data
    _accounts(problems, accounts)
    add_exposed_secrets(problems, document, keys)
    _oauth_apps(problems, data)
    _home_directories(problems, data)
    if accounts:
        _folders(problems, data, accounts)
        _domains(problems, data)
        _same_mailboxes(problems, accounts)
        _hosts(problems, data, {account.endpoint.host for account in accounts.values()})
        _postmasters(problems, data, {account.tenant for account in accounts.values()})
    return [*_variables(environ, data), *problems.sentences(), *blank_secrets(document, environ)]


def _accounts(problems: Problems, accounts: Mapping[str, Account]) -> None:
    """Warn where nothing of the file is fetched. Without accounts in the file, the registry may have some."""
    if accounts and not any(account.enabled for account in accounts.values()):
        problems.add_problem((), "every account is disabled, so nothing is fetched")


def _folders(problems: Problems, data: Mapping[str, Any], accounts: Mapping[str, Account]) -> None:
    """Warn of accounts whose folders contradict one another; keys of `[defaults]` are for others, too."""
    for index, (table, account) in enumerate(zip(data["accounts"], accounts.values(), strict=True)):
        read = account.folders.folders
        place = ("accounts", index)
        for folder in table.get("folder_recipients", ()):
            if not may_be_read(read, folder_name(folder)):
                sentence = (
                    f'"folder_recipients": "{quoted(folder)}" is not among "folders", so none of its mail'
                )
                problems.add_problem((*place, "folder_recipients"), f"{sentence} is fetched; add it there")
        target = folder_name(account.folders.removal.folder)
        if "removal" in table and target and target in map(folder_name, read):
            sentence = (
                f'"removal": "{quoted(target)}" is among "folders", so delivered mail stays where it is'
            )
            problems.add_problem((*place, "removal"), f"{sentence}; name another folder")


def _home_directories(problems: Problems, data: Mapping[str, Any]) -> None:
    """Warn of places that begin with ~, and would become a directory of that name."""
    for section, key in (("store", "url"), ("blobs", "url"), ("secrets", "key_file")):
        written = data.get(section, {}).get(key)
        if isinstance(written, str) and (hint := home_hint(written.partition(":")[2] or written)):
            problems.add_problem((section, key), f'"{key}": {hint.removeprefix("; ")}')


def _domains(problems: Problems, data: Mapping[str, Any]) -> None:
    """Warn where a domain becomes another one that is nearly the word for keeping it."""
    tables: list[tuple[KeyPath, Mapping[str, Any]]] = [(("defaults",), data.get(DEFAULTS, {}))]
    tables += [(("accounts", index), table) for index, table in enumerate(data["accounts"])]
    for place, table in tables:
        for domain, becomes in table.get("domains", {}).items():
            if _is_nearly(becomes, KEEP):
                sentence = f'"domains": "{quoted(domain)}" becomes the domain "{quoted(becomes)}"'
                problems.add_problem((*place, "domains", domain), f'{sentence}; did you mean "{KEEP}"?')


def _is_nearly(written: str, word: str) -> bool:
    is_candidate = written != word and len(written) <= len(word) + 2 and "." not in written
    return is_candidate and bool(difflib.get_close_matches(written.lower(), [word], cutoff=SIMILARITY))


def _same_mailboxes(problems: Problems, accounts: Mapping[str, Account]) -> None:
    """Warn of accounts that fetch the same mailbox. Those that read different folders do not."""
    seen: dict[tuple[str, str, int], list[Account]] = defaultdict(list)
    found = 0
    for index, account in enumerate(accounts.values()):
        endpoint, login = account.endpoint, account.login
        others = seen[endpoint.host.lower(), login.username, _port(account)]
        other = next((each for each in others if _share_folders(each, account)), None)
        found += other is not None
        if other is not None and found <= MAX_SUGGESTIONS:
            sentence = (
                f'"username": {other.id} fetches the same mailbox ({quoted(login.username)} at '
                f"{endpoint.host}), so one deletes what the other has to fetch; remove one"
            )
            problems.add_problem(("accounts", index, "username"), sentence)
        if other is None:
            others.append(account)
    if found > MAX_SUGGESTIONS:
        more = found - MAX_SUGGESTIONS
        problems.add_problem((), f"{more} more accounts fetch a mailbox that another one fetches")


def _port(account: Account) -> int:
    """The port if it is an unusual one, behind which another server may be; 0 for the usual ones."""
    return 0 if account.endpoint.port in USUAL_PORTS else account.endpoint.port


def _share_folders(one: Account, other: Account) -> bool:
    return any(may_be_read(one.folders.folders, folder_name(each)) for each in other.folders.folders) or any(
        may_be_read(other.folders.folders, folder_name(each)) for each in one.folders.folders
    )


class _Suggestions:
    """Suggests the name that was probably meant. A mapping gives the name to show for each."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._sorted = sorted(names) if len(names) <= MAX_NAMES else []
        self._left = MAX_SUGGESTIONS

    def like(self, written: str) -> str:
        """Return a question about the most similar name; empty if none is similar."""
        if not self._left:
            return ""
        self._left -= 1
        close = difflib.get_close_matches(written, self._sorted, n=1, cutoff=SIMILARITY)
        name = self._names[close[0]] if close and isinstance(self._names, Mapping) else "".join(close)
        return f'; did you mean "{quoted(name)}"?' if close else ""


def _hosts(problems: Problems, data: Mapping[str, Any], used: set[str]) -> None:
    suggestions = _Suggestions(used)
    for index, table in enumerate(data.get("hosts", ())):
        hosts = hosts_of(urls.host_name(table["name"]))
        if used.isdisjoint(hosts):
            sentence = '"name": no account has its mailbox there' + suggestions.like(hosts[0])
            problems.add_problem(("hosts", index, "name"), sentence)


def _oauth_apps(problems: Problems, data: Mapping[str, Any]) -> None:
    """Warn of apps that the file does not have; they may be in the database, which is not asked here."""
    known = {table["name"] for table in data.get("oauth_apps", ())}
    suggestions = _Suggestions(known)
    for array in ("accounts", "targets"):
        for index, table in enumerate(data.get(array, ())):
            name = table.get("oauth_app")
            if name is not None and name not in known:
                sentence = (
                    f'"oauth_app": [[oauth_apps]] has no "{quoted(name)}", so it has to be in the database'
                )
                problems.add_problem((array, index, "oauth_app"), sentence + suggestions.like(name))


def _postmasters(problems: Problems, data: Mapping[str, Any], tenants: set[str]) -> None:
    suggestions = _Suggestions(tenants)
    for tenant in data.get("notices", {}).get("postmasters", {}):
        if tenant not in tenants:
            sentence = f'"postmasters": no account is of tenant "{quoted(tenant)}"'
            problems.add_problem(("notices", "postmasters", tenant), sentence + suggestions.like(tenant))


def _variables(environ: Mapping[str, str], data: Mapping[str, Any]) -> Iterator[str]:
    read = READ_ELSEWHERE | set(_named_variables(data))
    names = {variable.removeprefix(PREFIX): variable for variable in (*_settable(), *read)}
    suggestions = _Suggestions(names)
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and SEPARATOR not in variable and variable not in read:
            hint = suggestions.like(variable.removeprefix(PREFIX))
            yield f"environment variable {quoted(variable)}: nothing reads it{hint}"


def _settable() -> Iterator[str]:
    """Yield the variables that set keys."""
    for section, model in SECTIONS.items():
        for key in model.model_fields:
            yield f"{PREFIX}{section}{SEPARATOR}{key}".upper()
    for key in sorted(DEFAULT_KEYS):
        yield f"{PREFIX}{DEFAULTS}{SEPARATOR}{key}".upper()


def _named_variables(data: object) -> Iterator[str]:
    """Yield the variables that the document takes secrets from."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            if isinstance(value, str) and key.endswith("_env"):
                yield value
            yield from _named_variables(value)
    elif isinstance(data, list):
        for item in data:
            yield from _named_variables(item)
