"""The broker: carries hints from process to process. It may be wiped at any time; nothing is known only here.

Obligations of an adapter
- `publish` returns only after the broker has confirmed every publication, or raises; it keeps a bounded
  window of unconfirmed ones and pipelines within it. Where the broker blocks publishers (disk or memory
  alarm) it raises `BrokerUnavailable` after a bounded time; it never hangs.
- A mandatory publication that no queue takes raises `Unroutable`; the others of the batch have gone out.
- An event that is too large raises `TooLarge` before anything of its batch is sent, so that the rest can be
  published alone.
- After `BrokerUnavailable` it is unknown which of the batch have gone out; publishing them again is harmless.
- An unacknowledged delivery comes again, to this or another consumer, after its consumer is gone. It may
  come more often; and events that were published together may come again together, those acknowledged too, as
  long as one of them is not.
- A lost connection is a lost session: the adapter connects again by itself with back-off, declares the
  topology again and resumes the subscriptions. A delivery belongs to the session it came in; settling it in
  a later one does nothing.
- A consumer never holds more than `prefetch` unsettled messages of the broker: an event each, or several that
  were published together.
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
    """An event to publish under a routing key. A hint that may find no queue is not `mandatory`.

    Events of one `flow`, a tenant's name, stay in their order; flows are handed out in turn, where the
    adapter can, so that one with thousands of events does not hold up another.
    """

    key: str
    body: bytes
    mandatory: bool = True
    flow: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """An event that arrived. `epoch` names the session in which it came, `tag` the delivery within it; `flow`
    is known where the adapter keeps it.
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
        """Whether it holds all that it may: nothing more comes before some of that is settled."""
        ...

    async def batch(self, limit: int, linger: float) -> Sequence[Delivery]:
        """At least one delivery, as soon as there is one; up to `limit` of those that `linger` seconds bring.

        Waits as long as it takes, also through the loss of a connection; to stop waiting, cancel.
        """
        ...

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """These were handled, and the database knows. Those of an earlier session are ignored."""
        ...

    async def requeue(self, deliveries: Sequence[Delivery]) -> None:
        """These were not handled; hand them out again."""
        ...


class Broker(Protocol):
    """A connection to the broker, reconnecting by itself."""

    async def publish(self, publications: Sequence[Publication]) -> None:
        """Publish all, pipelined, and return when all are confirmed; raises as the module says."""
        ...

    def subscribe(self, queue: str, prefetch: int) -> AbstractAsyncContextManager[Subscription]:
        """Consume a queue of the topology.

        Once inside, it is being consumed; where the broker is away, as soon as it comes back. Leaving gives
        back what is unsettled.
        """
        ...

    def subscribe_hints(self, fetcher: str, prefetch: int) -> AbstractAsyncContextManager[Subscription]:
        """Consume the hints for one fetcher, from an exclusive queue that ends with the subscription."""
        ...

    def problem(self) -> str | None:
        """Why the broker cannot be used at this moment, as a sentence; None where it can."""
        ...

    async def close(self) -> None:
        """End the connection; unsettled deliveries go back to their queues."""
        ...
