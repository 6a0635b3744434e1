"""What the commands say about existence: who of a mail's recipients exists, and which targets cannot tell."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from services.router.decide.existence import addresses_to_check, choose
from services.router.decide.recipients import Accepted, Rejected
from services.router.resolving.examination import Examination
from shared.adapters.directories import ConfiguredDirectories
from shared.adapters.rcpt_directory import INVENTED
from shared.adapters.system_clock import SystemClock
from shared.config import Configuration
from shared.model.account import KEEP, Account, ExistenceCheck
from shared.model.domains import ANY_BELOW
from shared.ports.directory import Finding


async def with_existence(
    configuration: Configuration, account: Account, examinations: Sequence[Examination]
) -> list[Examination]:
    """The examinations as they are after the account's directory was asked about all recipients at once."""
    findings = await _looked_up(configuration, account, examinations)
    return [_after(each, account, findings) for each in examinations]


async def _looked_up(
    configuration: Configuration, account: Account, examinations: Sequence[Examination]
) -> Mapping[str, Finding]:
    addresses = {
        address: None
        for each in examinations
        for address in addresses_to_check(each.resolution, account.routing)
    }
    directories = ConfiguredDirectories(
        configuration.targets,
        helo_name=configuration.relay.helo_name,
        clock=SystemClock(),
        entropy=os.urandom,
    )
    directory = directories.of(account)
    try:
        return await directory.look_up(list(addresses)) if directory and addresses else {}
    finally:
        await directories.close()


def _after(examination: Examination, account: Account, findings: Mapping[str, Finding]) -> Examination:
    """Who would be parked is told among those who are not served."""
    choice = choose(examination.resolution, account.routing, findings)
    served = [Accepted(*each[:3]) for each in choice.recipients if not each.parked]
    parked = [Rejected(each.address, f"{each.reason}; parked") for each in choice.recipients if each.parked]
    resolution = examination.resolution._replace(
        recipients=tuple(served), rejected=(*choice.rejected, *parked)
    )
    return examination._replace(resolution=resolution)


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
