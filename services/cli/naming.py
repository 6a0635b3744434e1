"""Accounts and targets as the command line names them: in full, or without the tenant if that is unique."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

import click

from shared.config import Configuration
from shared.model.errors import quoted


def account_ids(configuration: Configuration, names: Sequence[str]) -> list[str]:
    """Return the ids of accounts that are named `tenant/name`, or by the name alone where only one tenant has
    it.

    Raises `click.UsageError`.
    """
    return [_resolved(name, configuration.accounts, "account") for name in names]


def target_names(configuration: Configuration, names: Sequence[str]) -> list[str]:
    """Return the targets that are named. Raises `click.UsageError`."""
    return [_resolved(name, configuration.targets, "target") for name in names]


def servers(configuration: Configuration, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the accounts and the targets among `names`; all of them where none is named.

    Raises `click.UsageError`.
    """
    if not names:
        return list(configuration.accounts), list(configuration.targets)
    targets = [name for name in names if name in configuration.targets]
    known = {*configuration.accounts, *configuration.targets}
    accounts = [
        _matching(name, configuration.accounts) or _unknown(name, known, "account or target")
        for name in names
        if name not in configuration.targets
    ]
    return accounts, targets


def _resolved(name: str, known: Iterable[str], kind: str) -> str:
    return _matching(name, known) or _unknown(name, known, kind)


def _matching(name: str, known: Iterable[str]) -> str | None:
    if name in known:
        return name
    same = [each for each in known if each.partition("/")[2] == name]
    if len(same) > 1:
        raise click.UsageError(f'"{quoted(name)}" may be {" or ".join(same)}; name it with its tenant.')
    return same[0] if same else None


def _unknown(name: str, known: Iterable[str], kind: str) -> str:
    short = {each.rpartition("/")[2]: each for each in known}
    close = difflib.get_close_matches(name, [*known, *short], n=1)
    hint = f' Did you mean "{close[0]}"?' if close else ""
    raise click.UsageError(f'There is no {kind} "{quoted(name)}" in the configuration.{hint}')
