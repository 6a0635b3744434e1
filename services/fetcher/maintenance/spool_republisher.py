"""Publishes mails again of which only a blob is left, when their event is lost (rule 6).

Their blob is all that is needed, so this goes on also where the source cannot be reached, or does not show
them any more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from services.fetcher.decide.oversize import park_reason
from shared.contract.codec import EVENT_CODEC
from shared.contract.events import MessageFetched, Payload
from shared.contract.topology import FETCHED_KEY
from shared.custody.state import Message
from shared.model.errors import MailferryError
from shared.ports.broker import Broker, Publication
from shared.ports.clock import Clock
from shared.ports.store import MaintenanceStore
from shared.runtime.checkpoints import reached
from shared.runtime.registry import Registry

INTERVAL = 5.0
BATCH = 100

log = structlog.get_logger("mailferry.fetcher")


class SpoolRepublisher:
    """Publishes for the fetcher called `name`. `lease` is that of a message, `longest_lease` the longest that
    it can have been extended to; both in seconds.
    """

    def __init__(
        self,
        registry: Registry,
        recovery: MaintenanceStore,
        broker: Broker,
        clock: Clock,
        *,
        name: str,
        lease: float,
        longest_lease: float,
    ) -> None:
        self._registry = registry
        self._recovery = recovery
        self._broker = broker
        self._clock = clock
        self._name = name
        self._lease = lease
        self._longest_lease = longest_lease

    async def run(self) -> None:
        """Publish what is due now and then, until cancelled."""
        while True:
            await self._clock.sleep(INTERVAL)
            try:
                await self.publish_all()
            except MailferryError as error:
                log.warning("spooled mails not republished", error=error)

    async def publish_all(
        self, about_to_publish: Callable[[Sequence[str]], None] = lambda _messages: None
    ) -> int:
        """Publish what is due now, as long as the broker is there; return how many mails."""
        count = 0
        while self._broker.problem() is None:
            found = await self._recovery.republish_mails(
                self._name, self._clock.now(), self._lease, self._longest_lease, BATCH
            )
            if not found:
                break
            await self._registry.load([each.account for each in found])
            reached("fetcher.respool-recorded")
            about_to_publish([each.id for each in found])
            await self._broker.publish([self._publication(each) for each in found])
            reached("fetcher.respooled")
            count += len(found)
        if count:
            log.info("mails republished from their blobs", count=count)
        return count

    def _publication(self, message: Message) -> Publication:
        account = self._registry.accounts.get(message.account)
        event = MessageFetched(
            message=message.id,
            tenant=message.tenant,
            account=message.account,
            fetch_no=message.fetch_no,
            key=message.key,
            fetched_at=message.first_fetched_at,
            payload=Payload(octets=message.octets, blob=message.blob),
            park_reason=park_reason(account, message.octets) if account else None,
            revision=self._registry.revision,
        )
        return Publication(FETCHED_KEY, EVENT_CODEC.encode_event(event))
