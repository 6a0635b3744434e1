"""What the commands say about existence: who of a mail's recipients exists, and which targets cannot tell."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from services.router.existence import addresses_to_check
from services.router.recipients import Resolution
from shared.adapters.directories import ConfiguredDirectories
from shared.adapters.rcpt_directory import INVENTED
from shared.adapters.system_clock import SystemClock
from shared.model.account import KEEP, Account, ExistenceCheck
from shared.model.domains import ANY_BELOW
from shared.ops.config import Configuration
from shared.ports.directory import Finding


async def look_up(
    configuration: Configuration, account: Account, resolutions: Sequence[Resolution]
) -> Mapping[str, Finding]:
    """What the account's directory says of the recipients that it is asked about, all at once."""
    directories = ConfiguredDirectories(
        configuration.targets,
        helo_name=configuration.relay.helo_name,
        clock=SystemClock(),
        entropy=os.urandom,
    )
    addresses = [each for found in resolutions for each in addresses_to_check(found, account.routing)]
    directory = directories.of(account)
    try:
        return await directory.look_up(list(dict.fromkeys(addresses))) if directory and addresses else {}
    finally:
        await directories.close()


def asked_targets(configuration: Configuration) -> frozenset[str]:
    """The targets that some account asks who exists."""
    return frozenset(
        account.target
        for account in configuration.accounts.values()
        if account.routing.existence is ExistenceCheck.RCPT
    )


def asked_domains(configuration: Configuration, target: str) -> list[str]:
    """The domains about whose addresses this target is asked, as it knows them; those of patterns, which are
    not known beforehand, left out.
    """
    domains = [
        accepted if becomes == KEEP else becomes
        for account in configuration.accounts.values()
        if account.target == target and account.routing.existence is ExistenceCheck.RCPT
        for accepted, becomes in account.routing.domains.items()
    ]
    return [each for each in dict.fromkeys(domains) if not each.startswith(ANY_BELOW)]


def nobodys_address(domain: str) -> str:
    """An address in `domain` that nobody has."""
    return f"{INVENTED}{os.urandom(10).hex()}@{domain}"


def accepts_all(domains: Sequence[str]) -> str:
    """That a target does so, as a part of a sentence."""
    return f"accepts every address at {', '.join(domains)}, so it cannot tell who exists"
