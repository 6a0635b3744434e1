"""Parked mail: what could not be delivered, and what an operator decides about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from shared.custody.settlement import needs_raw_mail
from shared.custody.state import Message, Recipient
from shared.model.errors import Fault, MailferryError, quoted
from shared.model.message import RecipientStatus
from shared.operations.context import OperatorContext
from shared.ports.store import Parked, ParkedQuery
from shared.runtime.checkpoints import reached

__all__ = [
    "NotParked",
    "Parked",
    "ParkedMails",
    "RawMailMissing",
    "RecipientUnknown",
    "discard_parked",
    "find_parked",
    "list_parked",
    "parked_beginning",
    "parked_recipients",
    "read_raw_mail",
    "retry_parked",
]

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
    """Return the parked mail with this id. Raises `NotParked`."""
    for message in await context.store.find_messages(mail, 1):
        if message.id == mail and parked_recipients(message):
            return message
    raise NotParked(
        f"no mail with the id {quoted(mail)} is parked; `mailferry parked list` shows those that are"
    )


def parked_recipients(message: Message, addresses: Sequence[str] = ()) -> list[Recipient]:
    """Return the parked recipients of a message: those among `addresses`, or all if there are none."""
    return [
        each
        for each in message.recipients.values()
        if each.status is RecipientStatus.PARKED and (not addresses or each.address in addresses)
    ]


async def parked_beginning(context: OperatorContext, message: Message) -> bytes | None:
    """Return the first octets of a raw mail, `BEGINNING` or a few more; None where no copy is held."""
    if message.blob is None:
        return None
    beginning = bytearray()
    async for piece in context.blobs.read(message.blob):
        beginning += piece
        if len(beginning) >= BEGINNING:
            break
    return bytes(beginning)


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
