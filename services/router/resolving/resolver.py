"""From an event to what is to be recorded of its mail: read, examined, and its recipients looked up.

What cannot be read or kept safe now is left to its lease, and stops no other mail.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import structlog

from services.router.decide.existence import Choice, addresses_to_check, choose
from services.router.decide.surplus import surplus_of
from services.router.evidence.evidence import EvidenceClass
from services.router.resolving.examination import Examination
from services.router.resolving.reading import Reading, read_mail
from shared.contract.events import MessageFetched
from shared.custody.commands import RoutedMail
from shared.model.account import Account
from shared.model.errors import MailferryError
from shared.ports.blobs import Blobs
from shared.ports.directory import Directories, Directory, Finding
from shared.runtime.checkpoints import reached
from shared.runtime.raw_mail import store_raw_mail

LARGE_AT_ONCE = 4

log = structlog.get_logger("mailferry.router")


class Examined(NamedTuple):
    """A mail that was read; `directory` is to say whether the recipients `to_check` exist."""

    event: MessageFetched
    account: Account
    reading: Reading
    to_check: Sequence[str] = ()
    directory: Directory | None = None


class Resolved(NamedTuple):
    """What is to be recorded of the mail of `event`, the class of evidence that decided, what was read."""

    event: MessageFetched
    mail: RoutedMail
    evidence: EvidenceClass
    examination: Examination


class Resolver:
    """Resolves the mails of `accounts`, which may be replaced."""

    def __init__(self, accounts: Mapping[str, Account], blobs: Blobs, directories: Directories) -> None:
        self.accounts = accounts
        self._blobs = blobs
        self._directories = directories
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def examined(self, event: MessageFetched) -> Examined | None:
        """The examination of a mail; None for one that is left to its lease."""
        account = self.accounts.get(event.account)
        if account is None:
            log.warning(
                "mail of an unknown account left to its lease", account=event.account, message=event.message
            )
            return None
        if not account.enabled:
            log.info("mail of a disabled account left to its lease", message=event.message)
            return None
        try:
            return self._with_directory(event, account, await self._read(event, account))
        except MailferryError as error:
            log.warning("mail left to its lease", message=event.message, error=error)
        except Exception:
            log.exception("mail left to its lease, over a mistake in Mailferry", message=event.message)
        return None

    async def resolved(self, mail: Examined, findings: Mapping[str, Finding]) -> Resolved | None:
        """What follows from an examination and the findings about its recipients; None for a mail that is to
        be parked, in part or as a whole, and cannot be kept safe now: it is left to its lease.
        """
        examination = mail.reading.examination
        choice = choose(examination.resolution, mail.account.routing, findings)
        try:
            wish = await self._wish(mail, choice)
        except MailferryError as error:
            log.warning("mail left to its lease", message=mail.event.message, error=error)
            return None
        return Resolved(mail.event, wish, examination.evidence.kind, examination)

    async def kept_safe(self, resolved: Resolved) -> Resolved | None:
        """The same with its raw mail in a blob; None where that cannot be now: it is left to its lease."""
        try:
            blob = await self._kept_safe(resolved.event)
        except MailferryError as error:
            log.warning("mail left to its lease", message=resolved.event.message, error=error)
            return None
        return resolved._replace(mail=resolved.mail._replace(blob=blob))

    async def _read(self, event: MessageFetched, account: Account) -> Reading:
        if event.payload.inline is not None:
            return await read_mail(event, account, self._blobs)
        async with self._large:
            return await read_mail(event, account, self._blobs)

    def _with_directory(self, event: MessageFetched, account: Account, reading: Reading) -> Examined:
        if event.park_reason is not None:
            return Examined(event, account, _for_nobody(reading, event.park_reason))
        to_check = addresses_to_check(reading.examination.resolution, account.routing)
        directory = self._directories.of(account) if to_check else None
        return Examined(event, account, reading, to_check, directory)

    async def _wish(self, mail: Examined, choice: Choice) -> RoutedMail:
        event, examination = mail.event, mail.reading.examination
        resolution = examination.resolution
        is_parked = resolution.park_reason is not None or choice.parks
        return RoutedMail(
            message=event.message,
            fetch_no=event.fetch_no,
            identity=mail.reading.identities.own,
            near=mail.reading.identities.near,
            message_id=examination.message_id,
            reverse_path=examination.reverse_path,
            target=mail.account.target,
            evidence=resolution.evidence,
            evidence_value=examination.evidence.value,
            recipients=choice.recipients,
            rejected=tuple([f"{each.value}: {each.reason}" for each in choice.rejected]),
            park_reason=resolution.park_reason,
            blob=await self._kept_safe(event) if is_parked else None,
            surplus=surplus_of(resolution, mail.account.routing),
        )

    async def _kept_safe(self, event: MessageFetched) -> str:
        blob = await store_raw_mail(self._blobs, event.message, event.payload)
        reached("router.blob-kept")
        return blob


def _for_nobody(reading: Reading, reason: str) -> Reading:
    """The same with no recipients: an operator has to see the mail first."""
    examination = reading.examination
    resolution = examination.resolution._replace(recipients=(), park_reason=reason)
    return reading._replace(examination=examination._replace(resolution=resolution))
