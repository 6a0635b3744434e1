"""Who exists at the targets: what directories say, and which targets cannot tell."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence

from shared.adapters.directories import ConfiguredDirectories
from shared.adapters.rcpt_directory import PROBE_PREFIX
from shared.adapters.system_clock import SystemClock
from shared.config import Configuration
from shared.model.account import KEEP, Account, ExistenceCheck
from shared.model.domains import ANY_BELOW
from shared.operations.oauth_context import operator_grants
from shared.ports.directory import LookupResult


async def look_up(
    configuration: Configuration, account: Account, addresses: Collection[str]
) -> Mapping[str, LookupResult]:
    """Ask the account's directory (its list, or its target) who of `addresses` exists."""
    async with operator_grants(configuration) as grants:
        directories = ConfiguredDirectories(
            configuration.targets,
            helo_name=configuration.relay.helo_name,
            clock=SystemClock(),
            entropy=os.urandom,
            grants=grants,
        )
        directory = directories.directory_for(account)
        try:
            return await directory.look_up(addresses) if directory and addresses else {}
        finally:
            await directories.close()


def queried_targets(configuration: Configuration) -> frozenset[str]:
    """Return the targets that some account asks who exists."""
    return frozenset(
        account.target
        for account in configuration.accounts.values()
        if account.routing.existence is ExistenceCheck.RCPT
    )


def queried_domains(configuration: Configuration, target: str) -> list[str]:
    """Return the domains about whose addresses accounts ask this target, by their names at the target.

    Patterns are left out: which domains they match is not known beforehand.
    """
    domains = [
        accepted if becomes == KEEP else becomes
        for account in configuration.accounts.values()
        if account.target == target and account.routing.existence is ExistenceCheck.RCPT
        for accepted, becomes in account.routing.domains.items()
    ]
    return [each for each in dict.fromkeys(domains) if not each.startswith(ANY_BELOW)]


def invented_address(domain: str) -> str:
    """Return an address in `domain` that does not exist."""
    return f"{PROBE_PREFIX}{os.urandom(10).hex()}@{domain}"


def accepts_all(domains: Sequence[str]) -> str:
    """Say, as a part of a sentence, that a target takes every address of these domains."""
    return f"accepts every address at {', '.join(domains)}, so it cannot tell who exists"
