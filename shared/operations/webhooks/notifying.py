"""Notices changes of state, and tells webhooks of them until they accept it or hours have passed."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import structlog

from shared.model.errors import MailferryError
from shared.model.sealed import SecretName
from shared.operations.context import OperatorContext
from shared.operations.webhooks.hooks import FIELD, KIND
from shared.operations.webhooks.sending import Answered, Receivers, send
from shared.operations.webhooks.signing import (
    BAD,
    GOOD,
    SIGNATURE_HEADER,
    Event,
    changes,
    next_attempt,
    signature,
)
from shared.ports.store import Delivery, Webhook
from shared.ports.store.webhooks import NotedState

LOOK_EVERY = 30.0
"""Seconds between two looks at accounts and targets, each of which is one query over all accounts."""
SEND_EVERY = 2.0
AT_ONCE = 20
"""Deliveries under way: a receiver that hangs holds one for ten seconds."""
LEASE = 60.0
"""Seconds after which a delivery whose process was killed is tried again."""
KEPT = 30 * 86400.0
MOST_WEBHOOKS = 1000

log = structlog.get_logger("mailferry.control")
EVENTS: Mapping[tuple[str, str], Event] = {
    ("account", BAD): Event.ACCOUNT_FAILING,
    ("account", GOOD): Event.ACCOUNT_RECOVERED,
    ("target", BAD): Event.TARGET_DOWN,
    ("target", GOOD): Event.TARGET_UP,
}


@dataclass(frozen=True, slots=True)
class Notifier:
    """Tells webhooks what changed. Any number of processes may run one."""

    context: OperatorContext
    receivers: Receivers = Receivers()

    async def run(self) -> None:
        """Work until cancelled. While the database is away, nothing is told."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self.notice, LOOK_EVERY))
            group.create_task(self._repeat(self.deliver, SEND_EVERY))

    async def notice(self) -> int:
        """Look at accounts and targets; return how many deliveries follow from what changed."""
        store, now = self.context.webhooks, self.context.clock.now()
        hooks = [each for each in await store.webhooks(None, "", MOST_WEBHOOKS) if each.enabled]
        if not hooks:
            return 0
        noted = await store.noted_states()
        found = await self._states(now, noted)
        new, deliveries = {}, []
        for name, state in found.items():
            before = noted.get(name)
            if before is None or before.state != state:
                new[name] = NotedState(state, now)
                if changes(None if before is None else before.state, state):
                    deliveries += _deliveries(hooks, name, state, before, now)
        if new:
            await store.note_states(new, deliveries)
        await store.prune_deliveries(now - KEPT)
        return len(deliveries)

    async def deliver(self) -> int:
        """Send what is due; return how many deliveries were tried."""
        now = self.context.clock.now()
        due = await self.context.webhooks.take_due(now, now + LEASE, AT_ONCE)
        await asyncio.gather(*(self._attempt(each) for each in due))
        return len(due)

    async def _states(self, now: float, noted: Mapping[str, NotedState]) -> dict[str, str]:
        accounts = await self.context.store.account_states()
        states = {
            f"account {each.account}": BAD if each.failures else GOOD
            for each in accounts
            if each.enabled and each.visited_at is not None
        }
        down = {f"target {each.target}" for each in await self.context.store.outages(now)}
        known = {name for name in noted if name.startswith("target ")}
        return states | {name: BAD if name in down else GOOD for name in down | known}

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

    async def _repeat(self, work: Callable[[], Awaitable[int]], seconds: float) -> None:
        while True:
            try:
                await work()
            except MailferryError as error:
                log.warning("webhooks wait", error=error)
            await self.context.clock.sleep(seconds)


def _deliveries(
    hooks: Sequence[Webhook], name: str, state: str, before: NotedState | None, now: float
) -> list[Delivery]:
    """What is to be told of a change. The id is the same in every process that notices it."""
    kind, _, thing = name.partition(" ")
    event = EVENTS[kind, state]
    tenant = thing.partition("/")[0] if "/" in thing else None
    since = 0.0 if before is None else before.since
    told = {"event": event.value, kind: thing, "at": datetime.fromtimestamp(now, UTC).isoformat()}
    body = json.dumps(told, sort_keys=True).encode()
    return [
        Delivery(
            hashlib.sha256(f"{hook.id} {name} {state} {since}".encode()).hexdigest()[:32],
            hook.id,
            event.value,
            body,
            now,
            next_at=now,
        )
        for hook in hooks
        if event.value in hook.events and hook.tenant in {None, tenant}
    ]
