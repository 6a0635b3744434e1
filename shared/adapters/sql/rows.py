"""Messages, recipients, claims and journal entries as rows, and back.

Each kind of row has a tuple of the columns that it names in its statement and, beside it, the function that
makes it in that order. So a column that is added to a table shifts nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from shared.adapters.sql.bulk import Row
from shared.adapters.sql.text import key
from shared.contract.codec import JOURNAL_CODEC
from shared.contract.journal import Entry
from shared.custody.state import NO_RECIPIENTS, Claim, ClaimKey, Message, Recipient
from shared.model.message import LedgerKey, MessageStatus, RecipientStatus
from shared.model.read_failure import ReadFailure, ReadFailureKind

MESSAGE_STATUS: Mapping[str, MessageStatus] = {each.value: each for each in MessageStatus}
RECIPIENT_STATUS: Mapping[str, RecipientStatus] = {each.value: each for each in RecipientStatus}

MESSAGE = (
    "id",
    "tenant",
    "account",
    "folder",
    "uidvalidity",
    "uid",
    "status",
    "fetch_no",
    "listed_size",
    "octets",
    "fetcher",
    "first_fetched_at",
    "lease_until",
    "blob",
    "identity",
    "message_id",
    "reverse_path",
    "target",
    "evidence",
    "settled_at",
    "gone",
    "long_uid",
    "gone_at",
    "unbacked",
    "header",
    "content",
)
"""A whole message."""
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
"""What changes in a message when its source no longer has it."""
PLACED = ("id", "folder", "uidvalidity", "uid", "long_uid", "listed_size")
"""What changes in a message that its source shows under another key."""
LEAVING = ("id", "account", "status", "lease_until", "blob", "settled_at", "gone_at", "unbacked")
"""What has to be known of a message that leaves its source."""
RECIPIENT = (
    "message",
    "address",
    "destination",
    "original",
    "reason",
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
"""A whole recipient. `awaits` is the identity of the mail that it waits for, by which waiting recipients are
found."""
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
SUPPRESSION = ("message", "address", "account", "at")
"""A recipient that was suppressed, and when."""
CLAIM_KEY = ("tenant", "address", "identity")
CLAIM = (*CLAIM_KEY, "holder", "done")
"""A whole claim."""
ENTRY = ("message", "at", "kind", "body")
"""An entry of the journal; the database numbers it."""


def message_row(message: Message) -> Row:
    """Return the columns `MESSAGE`. A UID too long for the index is kept beside its digest."""
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
        message.fetch_no,
        message.listed_size,
        message.octets,
        message.fetcher,
        message.first_fetched_at,
        message.lease_until,
        message.blob,
        message.identity,
        message.message_id,
        message.reverse_path,
        message.target,
        message.evidence,
        message.settled_at,
        message.gone_at is not None,
        None if short == uid else uid,
        message.gone_at,
        message.unbacked,
        message.header,
        message.content,
    )


def described_row(message: Message) -> Row:
    """Return the columns `DESCRIBED`."""
    return (
        message.id,
        str(message.status),
        message.fetch_no,
        message.listed_size,
        message.octets,
        message.fetcher,
        message.lease_until,
        message.blob,
        message.identity,
        message.message_id,
        message.reverse_path,
        message.target,
        message.evidence,
        message.settled_at,
        message.unbacked,
        message.header,
        message.content,
    )


def routed_row(message: Message) -> Row:
    """Return the columns `ROUTED`."""
    return (
        message.id,
        str(message.status),
        message.lease_until,
        message.blob,
        message.identity,
        message.message_id,
        message.reverse_path,
        message.target,
        message.evidence,
        message.settled_at,
        message.unbacked,
    )


def progress_row(message: Message) -> Row:
    """Return the columns `PROGRESS`."""
    return (
        message.id,
        str(message.status),
        message.lease_until,
        message.blob,
        message.settled_at,
        message.unbacked,
    )


def ended_row(message: Message) -> Row:
    """Return the columns `ENDED` of a message that its source no longer has."""
    return *progress_row(message), True, message.gone_at


def placed_row(message: Message) -> Row:
    """Return the columns `PLACED`."""
    folder, uidvalidity, uid = message.key
    short = key(uid)
    return message.id, folder, uidvalidity, short, None if short == uid else uid, message.listed_size


def message_of(row: Row, recipients: Mapping[str, Recipient] = NO_RECIPIENTS) -> Message:
    """Return the message in the columns `MESSAGE`."""
    (
        id_,
        tenant,
        account,
        folder,
        uidvalidity,
        uid,
        status,
        fetch_no,
        listed_size,
        octets,
        fetcher,
        first_fetched_at,
        lease_until,
        blob,
        identity,
        message_id,
        reverse_path,
        target,
        evidence,
        settled_at,
        _gone,
        long_uid,
        gone_at,
        unbacked,
        header,
        content,
    ) = row
    # In the order of the fields, as keywords would take twice the time; a test reads each back by its name.
    return Message(
        id_,
        tenant,
        account,
        LedgerKey(folder, uidvalidity, long_uid or uid),
        MESSAGE_STATUS[status],
        fetch_no,
        listed_size,
        octets,
        fetcher,
        first_fetched_at,
        lease_until,
        blob,
        identity,
        message_id,
        reverse_path,
        target,
        evidence,
        settled_at,
        recipients,
        gone_at,
        bool(unbacked),
        header,
        content,
    )


def leaving_message_of(row: Row) -> Message:
    """Return the message in the columns `LEAVING`; what these do not hold is empty."""
    id_, account, status, lease_until, blob, settled_at, gone_at, unbacked = row
    return Message(
        id=id_,
        tenant="",
        account=account,
        key=LedgerKey("", 0, ""),
        status=MESSAGE_STATUS[status],
        fetch_no=0,
        listed_size=0,
        octets=0,
        fetcher="",
        first_fetched_at=0.0,
        lease_until=lease_until,
        blob=blob,
        settled_at=settled_at,
        gone_at=gone_at,
        unbacked=bool(unbacked),
    )


def recipient_row(message: Message, recipient: Recipient) -> Row:
    """Return the columns `RECIPIENT`."""
    return (
        message.id,
        recipient.address,
        recipient.destination,
        recipient.original,
        recipient.reason,
        str(recipient.status),
        recipient.target,
        recipient.attempt,
        recipient.next_attempt_at,
        recipient.code,
        recipient.text,
        recipient.in_doubt,
        recipient.parked_at,
        message.identity if recipient.status is RecipientStatus.WAITING else None,
    )


def served_row(message: Message, recipient: Recipient) -> Row:
    """Return the columns `SERVED`."""
    return (
        message.id,
        recipient.address,
        recipient.destination,
        str(recipient.status),
        recipient.target,
        recipient.attempt,
        recipient.next_attempt_at,
        recipient.code,
        recipient.text,
        recipient.in_doubt,
        recipient.parked_at,
        message.identity if recipient.status is RecipientStatus.WAITING else None,
    )


def chosen_row(message: Message, recipient: Recipient) -> Row:
    """Return the columns `CHOSEN`."""
    return *served_row(message, recipient), recipient.original, recipient.reason


def recipient_of(row: Row) -> tuple[str, Recipient]:
    """Return the message's id and the recipient in the columns `RECIPIENT`."""
    (
        message,
        address,
        destination,
        original,
        reason,
        status,
        target,
        attempt,
        next_attempt_at,
        code,
        text,
        in_doubt,
        parked_at,
        _awaits,
    ) = row
    return message, Recipient(
        address,
        destination,
        original,
        reason,
        RECIPIENT_STATUS[status],
        target,
        attempt,
        next_attempt_at,
        code,
        text,
        in_doubt,
        parked_at,
    )


def claim_row(claim_key: ClaimKey, claim: Claim) -> Row:
    """Return the columns `CLAIM`."""
    return (*claim_key, claim.holder, claim.done)


def claim_of(row: Row) -> tuple[ClaimKey, Claim]:
    """Return the claim in the columns `CLAIM`, with its key."""
    tenant, address, identity, holder, done = row
    return ClaimKey(tenant, address, identity), Claim(holder, bool(done))


def journal_row(entry: Entry) -> Row:
    """Return the columns `ENTRY`."""
    return entry.message, entry.at, entry.wire_name, JOURNAL_CODEC.encode(entry)


def entry_of(body: Any) -> Entry:
    """Return the entry in the column `body`."""
    return cast(Entry, JOURNAL_CODEC.decode(bytes(body)))


def encode_read_failures(failures: Sequence[ReadFailure]) -> str | None:
    """Return the column `setbacks` of an account; null where there are none, as for most accounts."""
    if not failures:
        return None
    return json.dumps(
        [[*each.key, each.kind, each.times, each.again_at, each.octets, each.reason] for each in failures]
    )


def decode_read_failures(text: str | None) -> tuple[ReadFailure, ...]:
    """Return what is in the column `setbacks`."""
    if text is None:
        return ()
    return tuple(
        ReadFailure(
            LedgerKey(folder, uidvalidity, uid), ReadFailureKind(kind), times, again_at, octets, reason
        )
        for folder, uidvalidity, uid, kind, times, again_at, octets, reason in json.loads(text)
    )
