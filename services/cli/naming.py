"""Accounts and targets as the command line names them: in full, or without the tenant if that is unique.

The file is looked at first. The database is asked only about names that the file does not have.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from functools import partial

import click

from services.cli.running import operate
from shared.config import Configuration
from shared.model.errors import MailferryError, quoted
from shared.model.spec import Kind
from shared.operations.objects.errors import NotThere
from shared.operations.objects.naming import (
    SeveralOfThisName,
    find_id,
    first_ids,
    has_database,
    tenant_has_accounts,
)

MOST_SERVERS = 500
"""Accounts of the registry that are meant where none is named. Nobody reads more results."""


def account_ids(configuration: Configuration, names: Sequence[str]) -> list[str]:
    """Return the ids of accounts that are named `tenant/name`, or by the name alone where only one tenant has
    it.

    Raises `click.UsageError`.
    """
    return [_resolved(configuration, name, configuration.accounts, Kind.ACCOUNT) for name in names]


def target_names(configuration: Configuration, names: Sequence[str]) -> list[str]:
    """Return the targets that are named. Raises `click.UsageError`."""
    return [_resolved(configuration, name, configuration.targets, Kind.TARGET) for name in names]


def servers(configuration: Configuration, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the accounts and the targets among `names`. Where none is named: all of the file, or of the
    registry where the file has none.

    Raises `click.UsageError`.
    """
    if not names:
        accounts, targets = list(configuration.accounts), list(configuration.targets)
        if not accounts and not targets:
            accounts, targets = _all(configuration, Kind.ACCOUNT), _all(configuration, Kind.TARGET)
        return accounts, targets
    accounts, targets = [], []
    for name in names:
        if name in configuration.targets:
            targets.append(name)
        elif found := _matching(name, configuration.accounts):
            accounts.append(found)
        else:
            kind, found = _registered(configuration, name, (Kind.TARGET, Kind.ACCOUNT))
            (targets if kind is Kind.TARGET else accounts).append(found)
    return accounts, targets


def has_tenant(configuration: Configuration, tenant: str) -> bool:
    """Whether a tenant has accounts, in the file or in the registry."""
    if any(account.tenant == tenant for account in configuration.accounts.values()):
        return True
    return has_database(configuration) and operate(configuration, partial(tenant_has_accounts, tenant))


def _all(configuration: Configuration, kind: Kind) -> list[str]:
    """The ids of all objects of a kind. Raises `click.UsageError` where they are too many."""
    if not has_database(configuration):
        return []
    found = operate(configuration, partial(first_ids, kind, MOST_SERVERS + 1))
    if len(found) > MOST_SERVERS:
        raise click.UsageError(f"There are more than {MOST_SERVERS} {kind.value}s; name some of them.")
    return found


def _resolved(configuration: Configuration, name: str, known: Iterable[str], kind: Kind) -> str:
    return _matching(name, known) or _registered(configuration, name, (kind,))[1]


def _matching(name: str, known: Iterable[str]) -> str | None:
    if name in known:
        return name
    same = [each for each in known if each.partition("/")[2] == name]
    if len(same) > 1:
        raise click.UsageError(f'"{quoted(name)}" may be {" or ".join(same)}; name it with its tenant.')
    return same[0] if same else None


def _registered(configuration: Configuration, name: str, kinds: Sequence[Kind]) -> tuple[Kind, str]:
    """The object of this name in the registry. Raises `click.UsageError`."""
    why = ""
    for kind in kinds if has_database(configuration) else ():
        try:
            return kind, operate(configuration, partial(find_id, kind, name))
        except SeveralOfThisName as several:
            raise click.UsageError(f"{several}.") from None
        except NotThere:
            continue
        except MailferryError as error:
            why = f" The registry could not be asked: {error}"
            break
    raise click.UsageError(_unknown(configuration, name, kinds) + why)


def _unknown(configuration: Configuration, name: str, kinds: Sequence[Kind]) -> str:
    """The sentence about a name that nothing has, with the closest one of the file."""
    known = [
        *(configuration.accounts if Kind.ACCOUNT in kinds else ()),
        *(configuration.targets if Kind.TARGET in kinds else ()),
    ]
    short = {each.rpartition("/")[2]: each for each in known}
    close = difflib.get_close_matches(name, [*known, *short], n=1)
    hint = f' Did you mean "{close[0]}"?' if close else ""
    what = " or ".join(sorted(kind.value for kind in kinds))
    return f'There is no {what} "{quoted(name)}" in the configuration or in the registry.{hint}'
