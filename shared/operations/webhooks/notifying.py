"""Tells webhooks what they are to be told, until they accept it or hours have passed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import structlog

from shared.model.errors import MailferryError
from shared.model.sealed import SecretName
from shared.operations.context import OperatorContext
from shared.operations.webhooks.hooks import FIELD, KIND
from shared.operations.webhooks.sending import Answered, Receivers, send
from shared.operations.webhooks.signing import (
    SIGNATURE_HEADER,
    next_attempt,
    signature,
)
from shared.ports.store import Delivery

SEND_EVERY = 2.0
AT_ONCE = 20
"""Deliveries under way: a receiver that hangs holds one for ten seconds."""
LEASE = 60.0
"""Seconds after which a delivery whose process was killed is tried again."""

log = structlog.get_logger("mailferry.control")


@dataclass(frozen=True, slots=True)
class Notifier:
    """Tells webhooks what happened. Any number of processes may run one."""

    context: OperatorContext
    receivers: Receivers = Receivers()

    async def run(self) -> None:
        """Work until cancelled. While the database is away, nothing is told."""
        while True:
            try:
                await self.deliver()
            except MailferryError as error:
                log.warning("webhooks wait", error=error)
            await self.context.clock.sleep(SEND_EVERY)

    async def deliver(self) -> int:
        """Send what is due; return how many deliveries were tried."""
        now = self.context.clock.now()
        due = await self.context.webhooks.take_due(now, now + LEASE, AT_ONCE)
        await asyncio.gather(*(self._attempt(each) for each in due))
        return len(due)

    async def _attempt(self, delivery: Delivery) -> None:
        hook = await self.context.webhooks.webhook(delivery.webhook)
        secret = await self._secret(delivery.webhook)
        now, attempts = self.context.clock.now(), delivery.attempts + 1
        if hook is None or secret is None or not hook.enabled:
            answered = Answered(False, "the webhook was switched off or removed")
            after = None
        else:
            headers = {
                SIGNATURE_HEADER: signature(secret, int(now), delivery.body),
                "X-Mailferry-Delivery": delivery.id,
                "X-Mailferry-Event": delivery.event,
            }
            answered = await send(hook.url, delivery.body, headers, self.receivers)
            after = None if answered.accepted else next_attempt(attempts, now)
        done = now if answered.accepted else None
        ended = replace(
            delivery, attempts=attempts, next_at=after, delivered_at=done, answer=answered.sentence
        )
        await self.context.webhooks.end_attempt(ended)

    async def _secret(self, webhook: str) -> str | None:
        sealed = (await self.context.secrets.sealed_secrets(KIND, [webhook])).get((webhook, FIELD))
        if sealed is None:
            return None
        return self.context.registry.box.open(SecretName(KIND, webhook, FIELD), sealed).get_secret_value()
