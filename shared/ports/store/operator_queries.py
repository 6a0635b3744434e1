"""What operators ask: a mail's story, what is parked, how targets serve, whether the journal agrees."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.contract.journal import Entry
from shared.custody.state import Message, Recipient
from shared.model.message import MessageStatus
from shared.ports.store.outages import Outage
from shared.ports.store.target_facts import TargetFact


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked recipient of a message."""

    message: Message
    recipient: Recipient
    parked_at: float


@dataclass(frozen=True, slots=True)
class TargetState:
    """How a target serves: `waiting` recipients are to be tried again, `unanswered` of them got no reply at
    all.

    `text` is the answer, or the reason there was none, of one that waits; `delivered` tells whether anything
    ever was; `outage` is what a relay reports that cannot reach it, `facts` what relays have learnt.
    """

    target: str
    delivered: bool = False
    waiting: int = 0
    unanswered: int = 0
    parked: int = 0
    text: str = ""
    outage: Outage | None = None
    facts: tuple[TargetFact, ...] = ()


class OperatorQueries(Protocol):
    """What operators ask."""

    async def find(self, text: str, limit: int) -> Sequence[Message]:
        """Messages by id, Message-ID (with or without angle brackets), UID or recipient address, newest
        first.
        """
        ...

    async def story(self, message: str) -> Sequence[Entry]:
        """The journal of one message, in order."""
        ...

    async def parked(self, limit: int = 1000) -> Sequence[Parked]:
        """Parked recipients, oldest first."""
        ...

    async def parked_totals(self) -> tuple[int, int]:
        """How many recipients are parked, and how many octets of mail are kept for them."""
        ...

    async def retry_parked(
        self, message: str, addresses: Sequence[str], destination: str | None, target: str | None, now: float
    ) -> Sequence[str]:
        """Open parked recipients (all when `addresses` is empty) again; returns the addresses changed."""
        ...

    async def discard_parked(self, message: str, addresses: Sequence[str], now: float) -> Sequence[str]:
        """Give parked recipients (all when `addresses` is empty) up; returns the addresses changed."""
        ...

    async def target_states(self, targets: Sequence[str]) -> Sequence[TargetState]:
        """How these targets serve, in their order."""
        ...

    async def message_counts(self) -> Mapping[tuple[str, MessageStatus], int]:
        """How many messages there are by account and status, those gone left out."""
        ...

    async def suppressed_counts(self, since: float = 0.0) -> Mapping[str, int]:
        """How many recipients had a mail already, by account, since then, of mails that are remembered."""
        ...

    async def entries(self, after: int = 0) -> Sequence[tuple[int, Entry]]:
        """The next entries of the journal after this number, in their order and with their numbers; none
        where there are no more.
        """
        ...

    async def verify(self) -> Sequence[str]:
        """Fold the journal and compare with the state tables; the differences as sentences, none when they
        agree.
        """
        ...

    async def rebuild(self) -> int:
        """Make the state tables again from the journal; returns the number of messages."""
        ...


async def whole_journal(archive: OperatorQueries) -> AsyncIterator[Entry]:
    """All entries in their order, read page by page; entries made meanwhile may be among them."""
    after = 0
    while page := await archive.entries(after):
        for number, entry in page:
            yield entry
            after = number
