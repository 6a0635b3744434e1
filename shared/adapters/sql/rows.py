"""Messages, recipients and journal entries as rows, in the order of the tables' columns, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from shared.adapters.sql.bulk import Row
from shared.adapters.sql.text import key
from shared.contract.codec import JOURNAL_CODEC
from shared.contract.journal import Entry
from shared.custody.state import NO_RECIPIENTS, Message, Recipient
from shared.model.message import LedgerKey, MessageStatus, RecipientStatus

MESSAGE_STATUS: Mapping[str, MessageStatus] = {each.value: each for each in MessageStatus}
RECIPIENT_STATUS: Mapping[str, RecipientStatus] = {each.value: each for each in RecipientStatus}

DESCRIBED = (
    "id",
    "status",
    "fetch_no",
    "listed_size",
    "octets",
    "fetcher",
    "lease_until",
    "blob",
    "identity",
    "message_id",
    "reverse_path",
    "target",
    "evidence",
    "settled_at",
    "unbacked",
    "header",
    "content",
)
"""What fetching again, and routing after it, change in a message."""
ROUTED = (
    "id",
    "status",
    "lease_until",
    "blob",
    "identity",
    "message_id",
    "reverse_path",
    "target",
    "evidence",
    "settled_at",
    "unbacked",
)
"""What routing changes in a message."""
PROGRESS = ("id", "status", "lease_until", "blob", "settled_at", "unbacked")
"""What changes in a message after it was routed."""
ENDED = (*PROGRESS, "gone", "gone_at")
"""What changes in a message when its source has it no more."""
PLACED = ("id", "folder", "uidvalidity", "uid", "long_uid", "listed_size")
"""What changes in a message that its source shows under another key."""
LEAVING = ("id", "account", "status", "lease_until", "blob", "settled_at", "gone_at", "unbacked")
"""What has to be known of a message that leaves its source."""
SERVED = (
    "message",
    "address",
    "destination",
    "status",
    "target",
    "attempt",
    "next_attempt_at",
    "code",
    "text",
    "in_doubt",
    "parked_at",
    "awaits",
)
"""What changes in a recipient, apart from why it was chosen."""
CHOSEN = (*SERVED, "original", "reason")
"""What changes in a recipient that was routed again."""


def message_row(message: Message) -> Row:
    """The row of a message. A UID too long for the index is kept beside its digest."""
    folder, uidvalidity, uid = message.key
    short = key(uid)
    return (
        message.id,
        message.tenant,
        message.account,
        folder,
        uidvalidity,
        short,
        str(message.status),
        *message[5:18],
        message.gone_at is not None,
        None if short == uid else uid,
        *message[19:],
    )


def described_row(message: Message) -> Row:
    """The columns `DESCRIBED` of a message's row."""
    return (
        message.id,
        str(message.status),
        *message[5:9],
        message.lease_until,
        message.blob,
        *message[12:18],
        *message[20:],
    )


def routed_row(message: Message) -> Row:
    """The columns `ROUTED` of a message's row."""
    return (
        message.id,
        str(message.status),
        message.lease_until,
        message.blob,
        *message[12:18],
        message.unbacked,
    )


def progress_row(message: Message) -> Row:
    """The columns `PROGRESS` of a message's row."""
    return (
        message.id,
        str(message.status),
        message.lease_until,
        message.blob,
        message.settled_at,
        message.unbacked,
    )


def ended_row(message: Message) -> Row:
    """The columns `ENDED` of the row of a message that its source has no more."""
    return *progress_row(message), True, message.gone_at


def placed_row(message: Message) -> Row:
    """The columns `PLACED` of a message's row."""
    folder, uidvalidity, uid = message.key
    short = key(uid)
    return message.id, folder, uidvalidity, short, None if short == uid else uid, message.listed_size


def message_of(row: Row, recipients: Mapping[str, Recipient] = NO_RECIPIENTS) -> Message:
    """The message in a row of the table `messages`."""
    place = LedgerKey(row[3], row[4], row[21] or row[5])
    unbacked = bool(row[23])
    status = MESSAGE_STATUS[row[6]]
    return Message._make(
        (*row[:3], place, status, *row[7:20], recipients, row[22], unbacked, row[24], row[25])
    )


def leaving_of(row: Row) -> Message:
    """The message in the columns `LEAVING`; whatever else it is, it does not tell."""
    return Message(
        id=row[0],
        tenant="",
        account=row[1],
        key=LedgerKey("", 0, ""),
        status=MESSAGE_STATUS[row[2]],
        fetch_no=0,
        listed_size=0,
        octets=0,
        fetcher="",
        first_fetched_at=0.0,
        lease_until=row[3],
        blob=row[4],
        settled_at=row[5],
        gone_at=row[6],
        unbacked=bool(row[7]),
    )


def recipient_row(message: Message, recipient: Recipient) -> Row:
    """The row of a recipient; `awaits` names the mail that it waits for, so that the waiting are found
    by it.
    """
    return (
        message.id,
        recipient.address,
        recipient.destination,
        recipient.original,
        recipient.reason,
        str(recipient.status),
        *recipient[5:],
        message.identity if recipient.status is RecipientStatus.WAITING else None,
    )


def served_row(message: Message, recipient: Recipient) -> Row:
    """The columns `SERVED` of a recipient's row."""
    return (
        message.id,
        recipient.address,
        recipient.destination,
        str(recipient.status),
        *recipient[5:],
        message.identity if recipient.status is RecipientStatus.WAITING else None,
    )


def chosen_row(message: Message, recipient: Recipient) -> Row:
    """The columns `CHOSEN` of a recipient's row."""
    return *served_row(message, recipient), recipient.original, recipient.reason


def recipient_of(row: Row) -> Recipient:
    """The recipient in a row of the table `recipients`."""
    return Recipient._make((*row[1:5], RECIPIENT_STATUS[row[5]], *row[6:13]))


def journal_row(entry: Entry) -> Row:
    """The row of an entry, which the database will number."""
    return entry.message, entry.at, entry.wire_name, JOURNAL_CODEC.encode(entry)


def entry_of(body: Any) -> Entry:
    """The entry in the column `body`."""
    return cast(Entry, JOURNAL_CODEC.decode(bytes(body)))
