"""Sends notices: a digest of parked mail to each tenant's postmaster, and, if configured, a delivery status
notification to the sender of a failed mail.

All have the null sender and are sent to the target of the account by the relay's own client. Before a notice
is sent, the database records the time that it covers: so a restart sends none twice, and only one of several
relays sends it. A digest that the target does not accept is sent later. A notification that it does not
accept is given up, and so is a notice in which Mailferry meets a bug: it stops no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby

import structlog

from services.relay.delivery.transport import Transport
from services.relay.maintenance.notice_rules import sender_to_notify, was_attempted
from services.relay.maintenance.notice_texts import MAX_HEADER, NoticeOrigin, delivery_status, digest
from shared.config.settings import NoticesSettings
from shared.model.errors import MailferryError
from shared.model.header_bounds import end_of_header_at, read_opening
from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.store import MaintenanceStore, Parked
from shared.runtime.registry import Registry
from shared.smtp.envelope import Envelope

INTERVAL = 60.0
DELAY = 30.0
"""Seconds after which a parked recipient is reported, so that those parked together are reported together."""
BATCH = 200
MAX_LISTED = 1000
BOUNCES = "bounces"
DIGEST = "digest "

log = structlog.get_logger("mailferry.relay")


@dataclass(slots=True)
class Notifier:
    """Sends the notices that are due. `token` returns a unique id."""

    registry: Registry
    section: NoticesSettings
    notices: MaintenanceStore
    blobs: Blobs
    transport: Transport
    clock: Clock
    host: str
    token: Callable[[], str]

    async def run(self) -> None:
        """Send due notices now and then, until cancelled; return at once if none are configured."""
        while self.section.digest is not None or self.section.bounces:
            await self.clock.sleep(INTERVAL)
            try:
                await self.send_due()
            except MailferryError as error:
                log.warning("due notices not sent", error=error)

    async def send_due(self) -> None:
        """Send the notices that are due now. Raises `StoreUnavailable`."""
        reported_until = await self.notices.notices()
        until = self.clock.now() - DELAY
        if self.section.digest is not None:
            for tenant, latest in (await self.notices.parked_tenants()).items():
                with _log_bugs(tenant=tenant):
                    await self._send_digest(tenant, latest, reported_until.get(DIGEST + tenant), until)
        if self.section.bounces:
            await self._notify_senders(reported_until.get(BOUNCES), until)

    async def _send_digest(self, tenant: str, latest: float, known: float | None, until: float) -> None:
        """Send a digest if one is due and something was parked since the last."""
        assert self.section.digest is not None
        after = known or 0.0
        if latest <= after or until < after + self.section.digest:
            return
        own = await self.notices.parked_between(after, until, MAX_LISTED, tenant)
        await self._load_accounts(own)
        postmaster = self._postmaster(tenant, own)
        name = DIGEST + tenant
        if postmaster is None or not await self.notices.claim_notice(name, known, until):
            return
        target, to = postmaster
        if not await self._send_notice(target, to, digest(tenant, to, own, self._origin())):
            await self.notices.claim_notice(name, until, after)

    async def _notify_senders(self, known: float | None, until: float) -> None:
        """Notify the senders of mails that were parked since notifications were switched on."""
        if known is None:
            await self.notices.claim_notice(BOUNCES, None, until)
            return
        found = await self.notices.parked_between(known, until, BATCH)
        parked = _complete_times(found)
        end = parked[-1].parked_at if len(found) >= BATCH else until
        if not parked or not await self.notices.claim_notice(BOUNCES, known, end):
            return
        notified = [each for each in parked if was_attempted(each)]
        await self._load_accounts(notified)
        for message, those in groupby(notified, key=lambda each: each.message.id):
            with _log_bugs(message=message):
                await self._notify_sender(list(those))

    async def _notify_sender(self, parked: Sequence[Parked]) -> None:
        message = parked[0].message
        account = self.registry.accounts.get(message.account)
        if account is None or account.routing.park_unknown or message.blob is None:
            return
        try:
            header = await self._header(message.blob)
        except MailferryError as error:
            log.warning("sender not notified", message=message.id, error=error)
            return
        sender = sender_to_notify(header)
        if sender is not None:
            await self._send_notice(
                account.target, sender, delivery_status(sender, parked, header, self._origin())
            )

    async def _load_accounts(self, parked: Sequence[Parked]) -> None:
        """Have the accounts of parked mail at hand, with their targets."""
        await self.registry.load([each.message.account for each in parked])

    async def _header(self, blob: str) -> bytes:
        beginning = bytearray()
        async for piece in self.blobs.read(blob):
            beginning += piece
            if len(beginning) >= MAX_HEADER:
                break
        start = read_opening(beginning).start
        end = end_of_header_at(beginning, start, MAX_HEADER)
        return bytes(beginning[start : MAX_HEADER if end is None else end]).replace(b"\r\n", b"\n")

    async def _send_notice(self, target: str, to: str, mail: bytes) -> bool:
        """Send a notice; return whether the target accepted it."""
        try:
            replies = await self.transport.deliver_mail(target, Envelope("", (to,)), mail)
        except MailferryError as error:
            log.warning("notice not sent", target=target, error=error)
            return False
        accepted = all(each.reply.positive for each in replies)
        if not accepted:
            log.warning("notice refused", target=target, reply=replies[0].reply.text)
        return accepted

    def _postmaster(self, tenant: str, parked: Sequence[Parked]) -> tuple[str, str] | None:
        """Return target and address of the tenant's postmaster, or of its first account that has one."""
        known = self.registry.accounts
        named = (known.get(each.message.account) for each in parked)
        accounts = [account for account in named if account is not None]
        configured = self.section.postmasters.get(tenant)
        for account in accounts:
            to = configured or account.routing.unknown_recipients
            if to is not None:
                return account.target, str(to)
        return None

    def _origin(self) -> NoticeOrigin:
        return NoticeOrigin(self.host, self.clock.now(), self.token())


@contextmanager
def _log_bugs(**about: str) -> Iterator[None]:
    """Log a bug met by one notice, so that it stops no other."""
    try:
        yield
    except MailferryError:
        raise
    except Exception:
        log.exception("notice failed unexpectedly", **about)


def _complete_times(parked: Sequence[Parked]) -> Sequence[Parked]:
    """Return those with a time of which all are surely listed: all but the last, if the list is full."""
    if len(parked) < BATCH:
        return parked
    earlier = [each for each in parked if each.parked_at < parked[-1].parked_at]
    return earlier or parked
