"""Parked mail: what could not be delivered, and what an operator decides about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shared.custody.settlement import needs_raw_mail
from shared.custody.state import Message, Recipient
from shared.model.errors import Fault, MailferryError, quoted
from shared.model.message import RecipientStatus
from shared.operations.context import OperatorContext
from shared.operations.mail_preview import preview
from shared.ports.blobs import BlobMissing, BlobsUnavailable
from shared.ports.store import Parked, ParkedQuery
from shared.runtime.checkpoints import reached

__all__ = [
    "MailHeader",
    "NotParked",
    "Parked",
    "ParkedHeaders",
    "ParkedMails",
    "RawMailMissing",
    "RecipientUnknown",
    "discard_parked",
    "find_parked",
    "list_parked",
    "parked_beginning",
    "parked_headers",
    "parked_recipients",
    "read_raw_mail",
    "retry_parked",
]

ALIKE = 50
"""Mails whose ids begin alike that are looked at; of more, an operator has to write more of the id."""
NAMED = 3
AT_ONCE = 8
"""Headers that are read at the same time: blobs in S3 have a long way, and a listing has a hundred."""
BEGINNING = 64 * 1024
"""Octets of a mail that `parked_beginning` reads."""


class NotParked(MailferryError):
    """The operator named a mail that does not exist, or is not parked for these recipients."""

    temporary = False
    fault = Fault.OPERATOR


class RawMailMissing(MailferryError):
    """No copy of the raw mail is held."""

    temporary = False
    fault = Fault.OPERATOR


class RecipientUnknown(MailferryError):
    """Nobody is known to get the mail, and the operator named no address."""

    temporary = False
    fault = Fault.OPERATOR


@dataclass(frozen=True, slots=True)
class ParkedMails:
    """Parked recipients, oldest first; `has_more`: more are parked than were asked for."""

    recipients: Sequence[Parked]
    has_more: bool


async def list_parked(
    context: OperatorContext, limit: int, query: ParkedQuery = ParkedQuery()
) -> ParkedMails:
    """Return up to `limit` parked recipients that match the query."""
    page = await context.store.parked_page(query, limit)
    return ParkedMails(page.recipients, has_more=page.after is not None)


async def find_parked(context: OperatorContext, mail: str) -> Message:
    """Return the parked mail with this id, or the only one whose id begins so. Raises `NotParked`."""
    if (found := await _parked_by_id(context, mail)) is not None:
        return found
    ids = await context.store.message_ids(mail, ALIKE) if mail else []
    alike = [message for each in ids if (message := await _parked_by_id(context, each)) is not None]
    if len(alike) == 1 and len(ids) < ALIKE:
        return alike[0]
    if alike:
        some = ", ".join(each.id for each in alike[:NAMED])
        raise NotParked(f"several mails have an id that begins with {quoted(mail)}: {some}; write more of it")
    raise NotParked(
        f"no mail with the id {quoted(mail)} is parked; `mailferry parked list` shows those that are"
    )


async def _parked_by_id(context: OperatorContext, mail: str) -> Message | None:
    for message in await context.store.find_messages(mail, 1):
        if message.id == mail and parked_recipients(message):
            return message
    return None


def parked_recipients(message: Message, addresses: Sequence[str] = ()) -> list[Recipient]:
    """Return the parked recipients of a message: those among `addresses`, or all if there are none."""
    return [
        each
        for each in message.recipients.values()
        if each.status is RecipientStatus.PARKED and (not addresses or each.address in addresses)
    ]


async def parked_beginning(context: OperatorContext, message: Message) -> bytes | None:
    """Return the first octets of a raw mail, `BEGINNING` or a few more; None where no copy is held.

    Raises `RawMailMissing` where the copy is gone.
    """
    if message.blob is None:
        return None
    beginning = bytearray()
    try:
        async for piece in context.blobs.read(message.blob):
            beginning += piece
            if len(beginning) >= BEGINNING:
                break
    except BlobMissing as error:
        raise RawMailMissing(str(error)) from error
    return bytes(beginning)


class MailHeader(NamedTuple):
    """Who sent a mail, and what about, decoded; "" where the header does not say."""

    sender: str
    subject: str


class ParkedHeaders(NamedTuple):
    """The headers of parked mails by id, None where the raw mail is not there; and why some were not read."""

    by_id: Mapping[str, MailHeader | None]
    problem: str | None


async def parked_headers(context: OperatorContext, messages: Sequence[Message]) -> ParkedHeaders:
    """Return From and Subject of parked mails. Once the blobs cannot be reached, no more are asked for."""
    places = asyncio.Semaphore(AT_ONCE)
    problem: str | None = None

    async def read(message: Message) -> MailHeader | None:
        nonlocal problem
        async with places:
            if problem is not None:
                return None
            try:
                beginning = await parked_beginning(context, message)
            except RawMailMissing:
                return None
            except BlobsUnavailable as error:
                problem = str(error)
                return None
        if beginning is None:
            return None
        fields = dict(preview(beginning, is_whole=False).fields)
        return MailHeader(fields.get("From", ""), fields.get("Subject", ""))

    several = {each.id: each for each in messages}
    found = await asyncio.gather(*map(read, several.values()))
    return ParkedHeaders(dict(zip(several, found, strict=True)), problem)


async def retry_parked(
    context: OperatorContext,
    mail: str,
    addresses: Sequence[str],
    *,
    destination: str | None = None,
    target: str | None = None,
) -> Sequence[Recipient]:
    """Have a parked mail delivered again; return its recipients as they are now.

    `addresses` are the recipients to retry, all if empty. `destination` and `target` replace the address and
    the target to deliver to. A recipient stays parked while an identical mail is on its way there. Raises
    `NotParked` and `RecipientUnknown`.
    """
    message = await find_parked(context, mail)
    retried = parked_recipients(message, addresses)
    if not retried:
        raise _not_among_parked(mail)
    if destination is None and any(not each.destination for each in retried):
        raise RecipientUnknown("Nobody is known to get this mail; name an address with --to.")
    chosen = [each.address for each in retried]
    await context.store.retry_parked(message.id, chosen, destination, target, context.clock.now())
    [after] = await context.store.find_messages(message.id, 1)
    return [after.recipients[each] for each in chosen]


async def discard_parked(context: OperatorContext, mail: str, addresses: Sequence[str]) -> Sequence[str]:
    """Give a parked mail up for `addresses`, all if empty; return the addresses for which it was parked.

    The raw mail is deleted once no recipient needs it. Raises `NotParked`.
    """
    changed = await context.store.discard_parked(mail, addresses, context.clock.now())
    reached("parked.discarded")
    for message in await context.store.find_messages(mail, 1):
        if message.blob is not None and not needs_raw_mail(message):
            await context.blobs.delete(message.blob)
    if not changed:
        raise _not_among_parked(mail)
    return changed


async def read_raw_mail(context: OperatorContext, message: Message) -> AsyncIterator[bytes]:
    """Yield the raw mail as it was fetched, in pieces. Raises `RawMailMissing`."""
    if message.blob is None:
        raise RawMailMissing(f"no copy of the raw mail {quoted(message.id)} is held")
    async for piece in context.blobs.read(message.blob):
        yield piece


def _not_among_parked(mail: str) -> NotParked:
    return NotParked(f"{quoted(mail)} is not parked for any of these recipients")
