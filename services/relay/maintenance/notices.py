"""Notices: a digest of parked mail to each tenant's postmaster, and, only where asked for, a delivery status
notification to the sender of a mail that failed.

All have the null sender and go through the target of the account, by the relay's own client. Before one is
sent the database notes up to when it tells; so a restart sends none twice, and of several relays one sends. A
target that does not take a digest gets it later; a notification that is not taken is given up, and so is a
notice of either kind over which Mailferry itself stumbles: it hinders no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby

import structlog

from services.relay.delivery.transport import Transport
from services.relay.maintenance.notice_rules import may_be_told, sender_to_tell
from services.relay.maintenance.notice_texts import MOST_HEADER, Origin, delivery_status, digest
from shared.config.settings import NoticesSettings
from shared.model.account import Account
from shared.model.errors import MailferryError
from shared.model.header_bounds import end_of_header_at, read_opening
from shared.ports.blobs import Blobs
from shared.ports.clock import Clock
from shared.ports.store import Notices, Parked
from shared.smtp.envelope import Envelope

LOOK = 60.0
SETTLED = 30.0
"""Seconds for which nothing that was parked is told of, so that what was parked together is told together."""
AT_ONCE = 200
MOST_LISTED = 1000
BOUNCES = "bounces"
DIGEST = "digest "

log = structlog.get_logger("mailferry.relay")


@dataclass(slots=True)
class Notifier:
    """Sends what is due; `accounts` gives those of now, `token` makes ids that are not used twice."""

    accounts: Callable[[], Mapping[str, Account]]
    section: NoticesSettings
    notices: Notices
    blobs: Blobs
    way: Transport
    clock: Clock
    host: str
    token: Callable[[], str]

    async def run(self) -> None:
        """Look now and then, until cancelled; at once over, where nothing is wanted."""
        while self.section.digest is not None or self.section.bounces:
            await self.clock.sleep(LOOK)
            try:
                await self.once()
            except MailferryError as error:
                log.warning("notices not looked for", error=error)

    async def once(self) -> None:
        """Send what is due now. Raises `StoreUnavailable`."""
        told = await self.notices.notices()
        until = self.clock.now() - SETTLED
        if self.section.digest is not None:
            for tenant, latest in (await self.notices.parked_tenants()).items():
                with _stumbling_alone(tenant=tenant):
                    await self._tell_postmaster(tenant, latest, told.get(DIGEST + tenant), until)
        if self.section.bounces:
            await self._tell_senders(told.get(BOUNCES), until)

    async def _tell_postmaster(self, tenant: str, latest: float, known: float | None, until: float) -> None:
        """At most one digest in the time that is configured, and none without news."""
        assert self.section.digest is not None
        after = known or 0.0
        if latest <= after or until < after + self.section.digest:
            return
        own = await self.notices.parked_between(after, until, MOST_LISTED, tenant)
        place = self._postmaster(tenant, own)
        name = DIGEST + tenant
        if place is None or not await self.notices.claim_notice(name, known, until):
            return
        target, to = place
        if not await self._sent(target, to, digest(tenant, to, own, self._origin())):
            await self.notices.claim_notice(name, until, after)

    async def _tell_senders(self, known: float | None, until: float) -> None:
        """What was parked before notifications were switched on is not told of."""
        if known is None:
            await self.notices.claim_notice(BOUNCES, None, until)
            return
        found = await self.notices.parked_between(known, until, AT_ONCE)
        parked = _whole_moments(found)
        end = parked[-1].parked_at if len(found) >= AT_ONCE else until
        if not parked or not await self.notices.claim_notice(BOUNCES, known, end):
            return
        telling = [each for each in parked if may_be_told(each)]
        for message, those in groupby(telling, key=lambda each: each.message.id):
            with _stumbling_alone(message=message):
                await self._tell_sender(list(those))

    async def _tell_sender(self, parked: Sequence[Parked]) -> None:
        message = parked[0].message
        account = self.accounts().get(message.account)
        if account is None or account.routing.park_unknown or message.blob is None:
            return
        try:
            header = await self._header(message.blob)
        except MailferryError as error:
            log.warning("sender not told", message=message.id, error=error)
            return
        sender = sender_to_tell(header)
        if sender is not None:
            await self._sent(account.target, sender, delivery_status(sender, parked, header, self._origin()))

    async def _header(self, blob: str) -> bytes:
        beginning = bytearray()
        async for piece in self.blobs.read(blob):
            beginning += piece
            if len(beginning) >= MOST_HEADER:
                break
        start = read_opening(beginning).start
        end = end_of_header_at(beginning, start, MOST_HEADER)
        return bytes(beginning[start : MOST_HEADER if end is None else end]).replace(b"\r\n", b"\n")

    async def _sent(self, target: str, to: str, mail: bytes) -> bool:
        """Whether the target took it."""
        try:
            replies = await self.way.send(target, Envelope("", (to,)), mail)
        except MailferryError as error:
            log.warning("notice not sent", target=target, error=error)
            return False
        taken = all(each.reply.positive for each in replies)
        if not taken:
            log.warning("notice refused", target=target, reply=replies[0].reply.text)
        return taken

    def _postmaster(self, tenant: str, parked: Sequence[Parked]) -> tuple[str, str] | None:
        """Target and address: the tenant's configured one, or the first account's that has one."""
        known = self.accounts()
        named = (known.get(each.message.account) for each in parked)
        accounts = [account for account in named if account is not None]
        configured = self.section.postmasters.get(tenant)
        for account in accounts:
            to = configured or account.routing.unknown_recipients
            if to is not None:
                return account.target, str(to)
        return None

    def _origin(self) -> Origin:
        return Origin(self.host, self.clock.now(), self.token())


@contextmanager
def _stumbling_alone(**about: str) -> Iterator[None]:
    """A mistake of ours in one notice is logged, and ends nothing else."""
    try:
        yield
    except MailferryError:
        raise
    except Exception:
        log.exception("notice failed unexpectedly", **about)


def _whole_moments(parked: Sequence[Parked]) -> Sequence[Parked]:
    """Without those of the last moment where there may be more of it, unless it is the only one."""
    if len(parked) < AT_ONCE:
        return parked
    earlier = [each for each in parked if each.parked_at < parked[-1].parked_at]
    return earlier or parked
