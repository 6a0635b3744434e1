"""From an event to the command that records its mail: read the mail, analyse it, look up its recipients.

A mail that cannot be read or stored now is skipped and holds up no other. Its lease ends, and then it is
fetched again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

import structlog

from services.router.decide.existence import FinalRecipients, addresses_to_check, apply_lookups
from services.router.decide.recipients import surplus_of
from services.router.evidence.evidence import EvidenceClass
from services.router.resolving.analysis import AnalysedMail, HeaderAnalysis, analyse_mail
from shared.contract.events import MessageFetched
from shared.custody.commands import RoutedMail
from shared.model.account import Account
from shared.model.errors import MailferryError
from shared.ports.blobs import Blobs
from shared.ports.directory import Directories, LookupResult
from shared.runtime.checkpoints import reached
from shared.runtime.raw_mail import store_raw_mail

LARGE_AT_ONCE = 4
"""Mails that may be read from blobs at the same time."""

log = structlog.get_logger("mailferry.router")


class ResolvedMail(NamedTuple):
    """The command that records the mail of `event`, the deciding class of evidence, and the analysis."""

    event: MessageFetched
    routed: RoutedMail
    evidence: EvidenceClass
    analysis: HeaderAnalysis


class Resolver:
    """Resolves the recipients of mails of `accounts`."""

    def __init__(self, accounts: Mapping[str, Account], blobs: Blobs, directories: Directories) -> None:
        self._accounts = accounts
        self._blobs = blobs
        self._directories = directories
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def analyse(self, event: MessageFetched) -> AnalysedMail | None:
        """Read and analyse the mail of `event`; None where it is left to its lease."""
        account = self._accounts.get(event.account)
        if account is None:
            log.warning(
                "mail of an unknown account left to its lease", account=event.account, message=event.message
            )
            return None
        if not account.enabled:
            log.info("mail of a disabled account left to its lease", message=event.message)
            return None
        try:
            return self._with_directory(await self._read(event, account))
        except MailferryError as error:
            log.warning("mail left to its lease", message=event.message, error=error)
        except Exception:
            log.exception("mail left to its lease, over a mistake in Mailferry", message=event.message)
        return None

    async def resolve(self, mail: AnalysedMail, lookups: Mapping[str, LookupResult]) -> ResolvedMail | None:
        """Decide on the recipients by the results of `lookups`.

        A mail that is to be parked, in part or as a whole, is stored in a blob first. None where that fails:
        then the mail is left to its lease.
        """
        recipients = apply_lookups(mail.analysis.resolution, mail.account.routing, lookups)
        try:
            routed = await self._command(mail, recipients)
        except MailferryError as error:
            log.warning("mail left to its lease", message=mail.event.message, error=error)
            return None
        return ResolvedMail(mail.event, routed, mail.analysis.evidence.kind, mail.analysis)

    async def with_stored_mail(self, resolved: ResolvedMail) -> ResolvedMail | None:
        """Store the raw mail in a blob and name it in the command; None where storing fails."""
        try:
            blob = await self._store(resolved.event)
        except MailferryError as error:
            log.warning("mail left to its lease", message=resolved.event.message, error=error)
            return None
        return resolved._replace(routed=resolved.routed._replace(blob=blob))

    async def _read(self, event: MessageFetched, account: Account) -> AnalysedMail:
        if event.payload.inline is not None:
            return await analyse_mail(event, account, self._blobs)
        async with self._large:
            return await analyse_mail(event, account, self._blobs)

    def _with_directory(self, mail: AnalysedMail) -> AnalysedMail:
        if mail.event.park_reason is not None:
            return _without_recipients(mail, mail.event.park_reason)
        to_check = addresses_to_check(mail.analysis.resolution, mail.account.routing)
        if not to_check:
            return mail
        return mail._replace(to_check=to_check, directory=self._directories.directory_for(mail.account))

    async def _command(self, mail: AnalysedMail, recipients: FinalRecipients) -> RoutedMail:
        event, analysis = mail.event, mail.analysis
        resolution = analysis.resolution
        is_parked = resolution.park_reason is not None or recipients.has_parked
        return RoutedMail(
            message=event.message,
            fetch_no=event.fetch_no,
            identity=mail.identities.own,
            near=mail.identities.near,
            message_id=analysis.message_id,
            reverse_path=analysis.reverse_path,
            target=mail.account.target,
            evidence=resolution.evidence,
            evidence_value=analysis.evidence.value,
            recipients=recipients.chosen,
            rejected=tuple([f"{each.value}: {each.reason}" for each in recipients.rejected]),
            park_reason=resolution.park_reason,
            blob=await self._store(event) if is_parked else None,
            surplus=surplus_of(resolution, mail.account.routing),
        )

    async def _store(self, event: MessageFetched) -> str:
        blob = await store_raw_mail(self._blobs, event.message, event.payload)
        reached("router.blob-kept")
        return blob


def _without_recipients(mail: AnalysedMail, reason: str) -> AnalysedMail:
    """Return the mail with no recipients: it is parked as a whole, for `reason`."""
    resolution = mail.analysis.resolution._replace(recipients=(), park_reason=reason)
    return mail._replace(analysis=mail.analysis._replace(resolution=resolution))
