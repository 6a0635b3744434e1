"""The broker: it carries events from process to process. It may be emptied: nothing is known only here.

Obligations of an adapter
- `publish` returns after the broker has confirmed every publication, or raises. It publishes ahead of the
  confirms, up to a bounded number. Where the broker blocks publishers (disk or memory alarm) it raises
  `BrokerUnavailable` after a bounded time; it never hangs.
- A mandatory publication that no queue takes raises `Unroutable`; the others of the batch were published.
- An event that is too large raises `TooLarge` before anything of its batch is sent, so that the rest can be
  published alone.
- After `BrokerUnavailable` it is unknown which of the batch were published. To publish them again does no
  harm.
- A delivery that was not acknowledged comes again, to this or another consumer, after its consumer is gone.
  It may come several times. Events that were published together may come again together, also those that
  were acknowledged, as long as one of them was not.
- With its connection a session is lost. The adapter connects again by itself with back-off, declares the
  topology again and resumes the subscriptions. A delivery belongs to the session in which it came; settling
  it in a later one does nothing.
- A consumer holds at most `prefetch` unsettled messages of the broker. A message is one event, or several
  that were published together.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from shared.model.errors import Fault, MailferryError


class BrokerUnavailable(MailferryError):
    """The broker cannot be reached, does not confirm, or blocks publishers for the time being."""

    fault = Fault.BROKER


class Unroutable(MailferryError):
    """No queue took these mandatory publications: the topology is damaged."""

    fault = Fault.BROKER

    def __init__(self, publications: Sequence[Publication]) -> None:
        keys = ", ".join(sorted({publication.key for publication in publications}))
        super().__init__(
            f"no queue takes {keys}: the topology is damaged; `mailferry topology apply` mends it"
        )
        self.publications = tuple(publications)


class TooLarge(MailferryError):
    """These events are larger than the broker accepts."""

    temporary = False
    fault = Fault.BROKER

    def __init__(self, publications: Sequence[Publication], limit: int) -> None:
        largest = max(publications, key=lambda publication: len(publication.body))
        super().__init__(
            f"a {largest.key} event of {len(largest.body)} bytes exceeds the broker's limit of {limit}"
        )
        self.publications = tuple(publications)


class Publication(NamedTuple):
    """An event to publish under a routing key. It is `mandatory` unless it is a hint that may find no queue.

    Events of one `flow`, a tenant's name, keep their order. Where the adapter can, it serves flows in turn,
    so that one with thousands of events does not delay another.
    """

    key: str
    body: bytes
    mandatory: bool = True
    flow: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """An event that arrived. `epoch` names its session, `tag` the delivery within that. `flow` is empty where
    the adapter does not keep it.
    """

    body: bytes
    tag: int
    epoch: int
    redelivered: bool = False
    flow: str = ""


class Subscription(Protocol):
    """A queue being consumed."""

    @property
    def is_full(self) -> bool:
        """Whether it holds as many messages as it may: no more come before some of them are settled."""
        ...

    async def batch(self, limit: int, linger: float) -> Sequence[Delivery]:
        """Wait for the first delivery, and `linger` seconds for up to `limit` of them; return these.

        It waits as long as it takes, also through the loss of a connection; to stop waiting, cancel.
        """
        ...

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledge handled deliveries, after the commit. Those of an earlier session are ignored."""
        ...

    async def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """Give back deliveries that were not handled, to be delivered again."""
        ...


class QueueState(NamedTuple):
    """A queue: `messages` that wait in it, and how many consume it. What consumers hold does not count.

    On RabbitMQ a message holds all events that were published together.
    """

    name: str
    messages: int
    consumers: int


class Broker(Protocol):
    """A connection to the broker, which reconnects by itself."""

    async def publish(self, publications: Sequence[Publication]) -> None:
        """Publish all, and return when all are confirmed. Raises what the module says."""
        ...

    def subscribe(self, queue: str, prefetch: int) -> AbstractAsyncContextManager[Subscription]:
        """Consume a queue of the topology while inside.

        Where the broker is away, consuming begins as soon as it is back. At the end, unsettled deliveries are
        given back.
        """
        ...

    def subscribe_hints(self, fetcher: str, prefetch: int) -> AbstractAsyncContextManager[Subscription]:
        """Consume the hints for one fetcher, from an exclusive queue that ends with the subscription."""
        ...

    async def queue_states(self) -> Sequence[QueueState]:
        """Return how full the queues of the topology are. Raises BrokerUnavailable."""
        ...

    def problem(self) -> str | None:
        """Return why the broker cannot be used now, as a sentence; None where it can."""
        ...

    async def close(self) -> None:
        """Close the connection; unsettled deliveries go back to their queues."""
        ...
