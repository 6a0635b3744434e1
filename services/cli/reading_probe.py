"""Finds out whether a source still shows a mail after it was read: one mail is retrieved, the session is
ended, and the mailbox is listed again.

Promises: the mail is on the disk before the session that read it ends, and its copy is removed only after a
later listing has shown it.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from services.fetcher.mailboxes.mailbox import Mailbox
from shared.model.mailbox import Listed, MailBytes, MailRefused, MailWhole

LARGEST = 4 * 1024 * 1024
SPOOL = 'Set custody = "spool" for this account: what was read must be kept here before the session ends.'

Open = Callable[[], Awaitable[Mailbox]]


class Habit(StrEnum):
    """What a source does with a mail that was read."""

    SHOWS = "shows"
    HIDES = "hides"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found, in one sentence for the operator."""

    habit: Habit
    sentence: str


async def probe_reading(open_mailbox: Open, directory: Path) -> Reading:
    """Read the smallest mail and look again. Raises what the mailbox raises; a copy that was made stays
    then.
    """
    mailbox = await open_mailbox()
    try:
        listing = await mailbox.listing()
        if not listing.has_uids or not listing.entries:
            await mailbox.finish()
            return Reading(Habit.UNKNOWN, "there is no mail by which to see what reading does")
        entry = min(listing.entries, key=lambda each: each.size)
        if entry.size > LARGEST:
            await mailbox.finish()
            return Reading(Habit.UNKNOWN, "all mails are too large to try out what reading does")
        copy = await _copied(mailbox, entry, directory)
        if copy is not None:
            await mailbox.finish()
    finally:
        await mailbox.abort()
    if copy is None:
        return Reading(Habit.UNKNOWN, "the server did not hand out the mail to be tried")
    return await _judged(open_mailbox, entry, copy)


async def _judged(open_mailbox: Open, entry: Listed, copy: Path) -> Reading:
    mailbox = await open_mailbox()
    try:
        listing = await mailbox.listing()
        await mailbox.finish()
    finally:
        await mailbox.abort()
    if any(each.uid == entry.uid for each in listing.entries):
        await asyncio.to_thread(copy.unlink)
        return Reading(Habit.SHOWS, "a mail that was read is still shown")
    if not listing.covers(entry.key) or listing.nameless:
        return Reading(Habit.UNKNOWN, f"the second listing proves nothing; the mail is in {copy}")
    return Reading(
        Habit.HIDES, f"a mail that was read is not shown any more (it was not deleted); it is in {copy}"
    )


async def _copied(mailbox: Mailbox, entry: Listed, directory: Path) -> Path | None:
    """The file with the mail, on the disk; None where the server refused it."""
    data = bytearray()
    async for piece in _pieces(mailbox, entry):
        if piece is None:
            return None
        data += piece
    return await asyncio.to_thread(_written, directory, bytes(data))


async def _pieces(mailbox: Mailbox, entry: Listed) -> AsyncIterator[bytes | None]:
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
