"""Messages, recipients, claims and journal entries as rows, and back.

A column has the name of the field that it holds, so a tuple of names says both which columns a statement
concerns and how its rows are made. Whole rows follow the order of the fields. What no field holds as it is
comes last: the mail's key at its source, and what only an index needs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, cast

from shared.adapters.sql.bulk import Row
from shared.adapters.sql.text import key
from shared.contract.codec import JOURNAL_CODEC, pack_bodies
from shared.contract.journal import Entry
from shared.custody.state import NO_RECIPIENTS, Claim, ClaimKey, Message, Recipient
from shared.model.message import LedgerKey, MessageStatus, RecipientStatus
from shared.model.read_failure import ReadFailure, ReadFailureKind

MESSAGE_STATUS: Mapping[str, MessageStatus] = {each.value: each for each in MessageStatus}
RECIPIENT_STATUS: Mapping[str, RecipientStatus] = {each.value: each for each in RecipientStatus}

KEY = ("folder", "uidvalidity", "uid", "long_uid")
"""A mail's key at its source. `long_uid` holds a UID that is too long for the index; `uid` has its digest."""
FIELDS = tuple(name for name in Message._fields if name not in {"key", "recipients", "object_id"})
MESSAGE = (*FIELDS, *KEY, "gone")
"""A whole message, but for its object id."""
OBJECT_ID = ("id", "object_id")
"""What its server calls a message; few servers do. The schema of the release before has no place for it."""
PROGRESS = ("id", "status", "lease_until", "blob", "settled_at", "unbacked")
"""What changes in a message after it was routed."""
ROUTED = (*PROGRESS, "identity", "message_id", "reverse_path", "target", "evidence")
"""What routing changes in a message."""
DESCRIBED = (*ROUTED, "fetch_no", "listed_size", "octets", "fetcher", "header", "content")
"""What fetching again, and routing after it, change in a message."""
ENDED = (*PROGRESS, "gone_at", "gone")
"""What changes in a message when its source no longer has it."""
PLACED = ("id", "listed_size", *KEY)
"""What changes in a message that its source shows under another key."""
LEAVING = ("id", "account", "status", "lease_until", "blob", "settled_at", "gone_at", "unbacked")
"""What has to be known of a message that leaves its source."""
RECIPIENT = ("message", *Recipient._fields, "awaits")
"""A whole recipient. `awaits` is the identity of the mail that it waits for, by which waiting recipients are
found."""
SERVED = tuple(name for name in RECIPIENT if name not in {"original", "reason"})
"""What changes in a recipient, apart from why it was chosen."""
SUPPRESSION = ("message", "address", "account", "at")
"""A recipient that was suppressed, and when."""
CLAIM_KEY = ClaimKey._fields
CLAIM = (*CLAIM_KEY, "holder", "done")
"""A whole claim."""
ENTRY = ("message", "at", "kind", "body")
"""An entry of the journal; the database numbers it."""

BATCH = "journal.batch"
"""The kind of a row of the journal with several entries."""
NOBODY = ""
"""The message of such a row."""
LARGEST_BATCH = 1 << 20
"""Octets of the entries in a batch before they are compressed; a hundred ordinary entries have 45,000."""
BATCHES = ("journal_batches",)
"""The numbers of the batches with entries of a message. The journal's row is written before the message's."""

_new = tuple.__new__
"""Makes a named tuple of its fields as `_make` does, without a further call in Python."""


def _row_maker(columns: Sequence[str]) -> attrgetter[tuple[Any, ...]]:
    """Return a function that makes the row of an object with these fields; a status becomes plain text.

    One call reads all fields, which takes no longer than a tuple that names each.
    """
    return attrgetter(*("status._value_" if name == "status" else name for name in columns))


described_row = _row_maker(DESCRIBED)
routed_row = _row_maker(ROUTED)
progress_row = _row_maker(PROGRESS)
_fields_of_message = _row_maker(FIELDS)
_fields_of_recipient = _row_maker(Recipient._fields)
_fields_of_served = _row_maker(SERVED[1:-1])


def message_row(message: Message) -> Row:
    """Return the columns `MESSAGE`."""
    return (*_fields_of_message(message), *_key_columns(message.key), message.gone_at is not None)


def ended_row(message: Message) -> Row:
    """Return the columns `ENDED` of a message that its source no longer has."""
    return (*progress_row(message), message.gone_at, True)


def placed_row(message: Message) -> Row:
    """Return the columns `PLACED`."""
    return (message.id, message.listed_size, *_key_columns(message.key))


def object_id_row(message: Message) -> Row:
    """Return the columns `OBJECT_ID`."""
    return (message.id, message.object_id or None)


def message_of(row: Row, recipients: Mapping[str, Recipient] = NO_RECIPIENTS) -> Message:
    """Return the message in the columns `MESSAGE`."""
    (
        id_,
        tenant,
        account,
        status,
        *fetched_and_routed,
        gone_at,
        unbacked,
        header,
        content,
        folder,
        uidvalidity,
        uid,
        long_uid,
        _gone,
    ) = row
    # In the order of the fields, as keywords would take four times as long; a test reads each by its name.
    return _new(
        Message,
        (
            id_,
            tenant,
            account,
            LedgerKey(folder, uidvalidity, long_uid or uid),
            MESSAGE_STATUS[status],
            *fetched_and_routed,
            recipients,
            gone_at,
            bool(unbacked),
            header,
            content,
            "",
        ),
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
    return (message.id, *_fields_of_recipient(recipient), _awaits(message, recipient))


def served_row(message: Message, recipient: Recipient) -> Row:
    """Return the columns `SERVED`."""
    return (message.id, *_fields_of_served(recipient), _awaits(message, recipient))


def recipient_of(row: Row) -> tuple[str, Recipient]:
    """Return the message's id and the recipient in the columns `RECIPIENT`."""
    message, address, destination, original, reason, status, *rest, _awaits = row
    fields = (address, destination, original, reason, RECIPIENT_STATUS[status], *rest)
    return message, _new(Recipient, fields)


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


def journal_rows(entries: Sequence[Entry]) -> Sequence[Row]:
    """Return the rows, with the columns `ENTRY`, of all entries of a transaction.

    Several are one row, a batch, for no message in particular: a row costs the table and two indexes an
    insertion, and entries compressed together take a quarter of the room. Entries of many octets get a row
    each, as a batch is read whole.
    """
    if len(entries) < 2:
        return [*map(journal_row, entries)]
    bodies = [(entry.message, JOURNAL_CODEC.encode(entry)) for entry in entries]
    if sum(len(body) for _, body in bodies) > LARGEST_BATCH:
        return [
            (message, entry.at, entry.wire_name, body)
            for entry, (message, body) in zip(entries, bodies, strict=True)
        ]
    return [(NOBODY, entries[0].at, BATCH, pack_bodies(bodies))]


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


def _key_columns(source_key: LedgerKey) -> Row:
    """The columns `KEY`."""
    folder, uidvalidity, uid = source_key
    short = key(uid)
    return folder, uidvalidity, short, None if short == uid else uid


def _awaits(message: Message, recipient: Recipient) -> str | None:
    return message.identity if recipient.status is RecipientStatus.WAITING else None
