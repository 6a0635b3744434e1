"""Finds out whether a source still shows a mail after it was read.

One mail is retrieved, the session is ended, and the mailbox is listed again. The mail is on the disk before
the session that read it ends. Its copy is removed only after a later listing has shown the mail.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from shared.model.mailbox import Listed, MailBytes, MailRefused, MailWhole
from shared.operations.mailboxes import OperatorMailbox

MAX_SIZE = 4 * 1024 * 1024
"""Octets. The mail is held in memory, and any small one will do."""
SPOOL_ADVICE = (
    'Set custody = "spool" for this account, so that a mail is stored here before the session that read it '
    "ends."
)
POP3_ADVICE = (
    'Fetch this account by POP3 with custody = "spool"; over IMAP, Mailferry needs mail that stays until it '
    "is deleted."
)

OpenSession = Callable[[], Awaitable[OperatorMailbox]]


class AfterReading(StrEnum):
    """What a source does with a mail that was read."""

    SHOWS = "shows"
    HIDES = "hides"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ReadingTest:
    """What was found, in one sentence for the operator."""

    after_reading: AfterReading
    sentence: str


async def try_reading(open_mailbox: OpenSession, directory: Path) -> ReadingTest:
    """Read the smallest mail, then list again. Raises what the mailbox raises; then a copy that was made
    stays in `directory`.
    """
    mailbox = await open_mailbox()
    try:
        listing = await mailbox.listing()
        if not listing.has_uids or not listing.entries:
            await mailbox.finish()
            return ReadingTest(AfterReading.UNKNOWN, "there is no mail to try reading with")
        entry = min(listing.entries, key=lambda each: each.size or MAX_SIZE)
        if entry.size > MAX_SIZE:
            await mailbox.finish()
            return ReadingTest(AfterReading.UNKNOWN, "all mails are too large to try reading with")
        copy = await _copied(mailbox, entry, directory)
        if copy is not None:
            await mailbox.finish()
    finally:
        await mailbox.abort()
    if copy is None:
        return ReadingTest(
            AfterReading.UNKNOWN, "the server refused the mail that was to be read, or it is too large"
        )
    return await _listed_again(open_mailbox, entry, copy)


async def _listed_again(open_mailbox: OpenSession, entry: Listed, copy: Path) -> ReadingTest:
    mailbox = await open_mailbox()
    try:
        listing = await mailbox.listing()
        await mailbox.finish()
    finally:
        await mailbox.abort()
    if any(each.key == entry.key for each in listing.entries):
        await asyncio.to_thread(copy.unlink)
        return ReadingTest(AfterReading.SHOWS, "a mail that was read is still shown")
    is_same_folder = any(each.place == entry.place for each in listing.covered)
    if not is_same_folder or not listing.covers(entry.key) or listing.nameless:
        return ReadingTest(
            AfterReading.UNKNOWN, f"the second listing is not comparable; a copy of the mail is in {copy}"
        )
    return ReadingTest(
        AfterReading.HIDES,
        f"a mail that was read is not shown any more, though it was not deleted; a copy is in {copy}",
    )


async def _copied(mailbox: OperatorMailbox, entry: Listed, directory: Path) -> Path | None:
    """Return the file with the mail, durable; None where the server refused it, or sends too much."""
    data = bytearray()
    async for piece in _pieces(mailbox, entry):
        if piece is None or len(data) + len(piece) > MAX_SIZE:
            return None
        data += piece
    return await asyncio.to_thread(_written, directory, bytes(data))


async def _pieces(mailbox: OperatorMailbox, entry: Listed) -> AsyncIterator[bytes | None]:
    async for events in mailbox.retrieve([entry]):
        for event in events:
            if isinstance(event, MailRefused):
                yield None
            elif isinstance(event, (MailWhole, MailBytes)):
                yield event.data


def _written(directory: Path, data: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(prefix="mailferry-probe-", suffix=".eml", dir=directory)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return Path(name)
