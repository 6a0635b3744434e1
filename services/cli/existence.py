"""What the commands say about existence: who of a mail's recipients exists, and which targets cannot tell."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from services.router.decide.existence import addresses_to_check, apply_lookups
from services.router.decide.recipients import AcceptedRecipient, RejectedAddress
from services.router.resolving.analysis import HeaderAnalysis
from shared.adapters.directories import ConfiguredDirectories
from shared.adapters.rcpt_directory import PROBE_PREFIX
from shared.adapters.system_clock import SystemClock
from shared.config import Configuration
from shared.model.account import KEEP, Account, ExistenceCheck
from shared.model.domains import ANY_BELOW
from shared.ports.directory import LookupResult


async def with_existence(
    configuration: Configuration, account: Account, analyses: Sequence[HeaderAnalysis]
) -> list[HeaderAnalysis]:
    """The analyses as they are after the account's directory was asked about all recipients at once."""
    lookups = await _looked_up(configuration, account, analyses)
    return [_after(each, account, lookups) for each in analyses]


async def _looked_up(
    configuration: Configuration, account: Account, analyses: Sequence[HeaderAnalysis]
) -> Mapping[str, LookupResult]:
    addresses = {
        address: None for each in analyses for address in addresses_to_check(each.resolution, account.routing)
    }
    directories = ConfiguredDirectories(
        configuration.targets,
        helo_name=configuration.relay.helo_name,
        clock=SystemClock(),
        entropy=os.urandom,
    )
    directory = directories.directory_for(account)
    try:
        return await directory.look_up(list(addresses)) if directory and addresses else {}
    finally:
        await directories.close()


def _after(analysis: HeaderAnalysis, account: Account, lookups: Mapping[str, LookupResult]) -> HeaderAnalysis:
    """Who would be parked is told among those who are not served."""
    recipients = apply_lookups(analysis.resolution, account.routing, lookups)
    served = [AcceptedRecipient(*each[:3]) for each in recipients.chosen if not each.parked]
    parked = [
        RejectedAddress(each.address, f"{each.reason}; parked") for each in recipients.chosen if each.parked
    ]
    resolution = analysis.resolution._replace(
        recipients=tuple(served), rejected=(*recipients.rejected, *parked)
    )
    return analysis._replace(resolution=resolution)


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
    return f"{PROBE_PREFIX}{os.urandom(10).hex()}@{domain}"


def accepts_all(domains: Sequence[str]) -> str:
    """That a target does so, as a part of a sentence."""
    return f"accepts every address at {', '.join(domains)}, so it cannot tell who exists"
