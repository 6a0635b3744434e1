"""What waits in a source mailbox at this moment, by its headers: nothing is fetched, marked or deleted."""

from __future__ import annotations

from dataclasses import dataclass

from services.fetcher.mailboxes.opening import open_account
from shared.model.account import Account
from shared.model.source_errors import SourceRefused
from shared.pop3.limits import Timeouts

PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail in the mailbox: the server's name for it ("" if it has none), and its header.

    `refused` says why the server did not show the header.
    """

    uid: str
    header: bytes
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Glance:
    """The oldest mails of a mailbox, of `total` that are there, and the listing's problems."""

    mails: list[Waiting]
    total: int
    problems: list[str]


async def glance(account: Account, most: int) -> Glance:
    """Look at up to `most` mails. Raises what opening the mailbox and listing it raises."""
    inactivity = min(account.retry_times.timeout, PATIENCE)
    timeouts = Timeouts(connect=PATIENCE, inactivity=inactivity, login=2 * PATIENCE)
    mailbox = await open_account(account, timeouts)
    try:
        listing = await mailbox.listing()
        entries = [*listing.entries, *listing.nameless]
        waiting = []
        for entry in entries[:most]:
            try:
                waiting.append(Waiting(entry.uid, await mailbox.header(entry)))
            except SourceRefused as refusal:
                waiting.append(Waiting(entry.uid, b"", str(refusal)))
        await mailbox.finish()
    finally:
        await mailbox.abort()
    return Glance(waiting, len(entries), [*listing.problems])
