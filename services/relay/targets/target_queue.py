"""A lane per target: its connections and a bounded number of mails waiting for them.

One slow or dead target fills its own lane and no other; what finds its lane full is put off without an
attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from services.relay.delivery.transport import Content
from shared.model.errors import Fault, MailferryError
from shared.model.target import Target
from shared.net.protection import Shortfall
from shared.ports.clock import Clock
from shared.smtp.client import SmtpClient
from shared.smtp.envelope import Envelope, RecipientReply
from shared.smtp.pool import ConnectionPool, Usage
from shared.smtp.target import connect_target

QUICK = 5.0
"""Seconds. A target that takes a mail sooner than this is not slow."""


Learn = Callable[[str, Shortfall | None], None]


def _nothing(_target: str, _shortfall: Shortfall | None) -> None:
    return


class UnknownTarget(MailferryError):
    """This relay's configuration does not have the target that the mail is for."""

    fault = Fault.OPERATOR


class TargetQueue:
    """The way to one target for at most `capacity` mails at a time.

    While there is no other target that they could delay, a quick one may have more: over RabbitMQ, where
    events travel together, a relay holds more than it asked for, and what is put off comes back later than it
    would have been delivered.
    """

    def __init__(self, target: Target, pool: ConnectionPool, capacity: int, clock: Clock) -> None:
        self.target = target
        self.pool = pool
        self._capacity = capacity
        self._clock = clock
        self._under_way: dict[object, float] = {}
        self.is_alone = False

    @property
    def is_full(self) -> bool:
        """Whether another mail has to be put off."""
        if len(self._under_way) < self._capacity:
            return False
        return not self.is_alone or self.held_for >= QUICK

    @property
    def held_for(self) -> float:
        """Seconds since the oldest mail under way came: about as long as the next one will need."""
        oldest = next(iter(self._under_way.values()), None)
        return 0.0 if oldest is None else self._clock.monotonic() - oldest

    async def send(self, envelope: Envelope, content: Content) -> Sequence[RecipientReply]:
        """Send over one of the lane's connections; raises what the SMTP client raises."""
        mail = object()
        self._under_way[mail] = self._clock.monotonic()
        try:
            return await self.pool.send(envelope, content)
        finally:
            del self._under_way[mail]


class TargetQueues:
    """All lanes of a relay. Nobody waits longer than `patience` seconds for a connection: an attempt that has
    not begun to send when the message's lease is over would be made a second time. `learn` is told what each
    connection lacks of the TLS that was wanted.
    """

    def __init__(
        self,
        targets: Mapping[str, Target],
        *,
        helo_name: str,
        capacity: int,
        clock: Clock,
        patience: float | None = None,
        learn: Learn = _nothing,
    ) -> None:
        self._learn = learn
        self._helo_name = helo_name
        self._capacity = capacity
        self._clock = clock
        self._patience = patience
        self._lanes: Mapping[str, TargetQueue] = {}
        self._use({name: self._made(target) for name, target in targets.items()})

    async def change(self, targets: Mapping[str, Target]) -> None:
        """Have lanes to these targets; those that stay the same keep their connections."""
        before = self._lanes
        self._use(
            {
                name: before[name] if name in before and before[name].target == target else self._made(target)
                for name, target in targets.items()
            }
        )
        for name, lane in before.items():
            if self._lanes.get(name) is not lane:
                await lane.pool.close()

    def _use(self, lanes: Mapping[str, TargetQueue]) -> None:
        self._lanes = lanes
        for lane in lanes.values():
            lane.is_alone = len(lanes) == 1

    def _made(self, target: Target) -> TargetQueue:
        pool = _pool(target, self._helo_name, self._clock.monotonic, self._patience, self._learn)
        return TargetQueue(target, pool, self._capacity, self._clock)

    def is_full(self, target: str) -> bool:
        """Whether mail for `target` has to be put off."""
        lane = self._lanes.get(target)
        return lane is not None and lane.is_full

    def held_for(self, target: str) -> float:
        """Seconds that the oldest mail on its way to `target` has taken so far."""
        lane = self._lanes.get(target)
        return 0.0 if lane is None else lane.held_for

    async def send(self, target: str, envelope: Envelope, content: Content) -> Sequence[RecipientReply]:
        """Send to `target`. Raises `UnknownTarget`, and what the SMTP client raises."""
        lane = self._lanes.get(target)
        if lane is None:
            raise UnknownTarget(f"target {target} is not in this relay's configuration")
        return await lane.send(envelope, content)

    async def close_idle(self) -> None:
        """Close the connections that were idle for too long."""
        for lane in self._lanes.values():
            await lane.pool.close_idle()

    async def close(self) -> None:
        """Say goodbye to all targets."""
        for lane in self._lanes.values():
            await lane.pool.close()


def _pool(
    target: Target, helo_name: str, clock: Callable[[], float], patience: float | None, learn: Learn
) -> ConnectionPool:
    async def open_connection() -> SmtpClient:
        client = await connect_target(target, helo_name=helo_name)
        learn(target.name, client.shortfall)
        return client

    options = target.delivery_options
    usage = Usage(
        limit=target.connections,
        mails=options.connection_mails,
        age=options.connection_age,
        patience=patience,
    )
    return ConnectionPool(target.endpoint, usage, connect=open_connection, clock=clock)
