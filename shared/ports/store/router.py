"""What the router asks of the store: to record recipients and claims, and catch-all targets."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import NamedTuple, Protocol

from shared.custody.commands import RoutedMail, Settled
from shared.custody.state import Recipient
from shared.model.mailbox import INBOX


class Serving(NamedTuple):
    """The recipients of a message that are to be offered to a target now.

    `folder` is the source folder that the message is in, as the ledger says.
    """

    message: str
    target: str
    reverse_path: str
    recipients: tuple[Recipient, ...]
    folder: str = INBOX.folder


class RouterStore(Protocol):
    """What the router records."""

    async def record_routed(
        self, mails: Sequence[RoutedMail], now: float, lease: float, longest: float = inf
    ) -> tuple[Sequence[Serving], Sequence[Settled]]:
        """Record recipients and claims; return what is to be published: servings, and what is settled
        already.

        A recipient that was deferred before stays so where its next attempt is due within `longest` seconds;
        a later time was set by a clock that was wrong. A mail that was recorded with this `fetch_no` before
        is published again, as its event may have been lost. A stale one appears in neither result.

        A mail with a `surplus`, all of whose recipients are served by identical mails, gets that recipient
        too where more copies came by its account than its header names recipients. Raises `RawMailNeeded`
        where such a mail is to be parked and no blob holds it.
        """
        ...

    async def note_catch_all(self, target: str, domain: str, accepts_all: bool, now: float) -> None:
        """Note whether a target accepts an address of `domain` that nobody has.

        A target that goes on accepting keeps its `since`.
        """
        ...
