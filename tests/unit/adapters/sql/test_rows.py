"""Rows hold what their columns say, whatever the order of the tables' columns is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.sql import rows
from shared.adapters.sql.tables import claims, journal, messages, recipients, suppressions
from shared.contract.codec import unpack_bodies
from shared.contract.journal import DeliveryProlonged, Entry
from shared.custody.state import NO_RECIPIENTS, Claim, ClaimKey, Message, Recipient
from shared.model.message import LedgerKey, MessageStatus, RecipientStatus

TEXT = st.text(max_size=20)
TIME = st.floats(allow_nan=False, allow_infinity=False)
MAYBE_TIME = st.none() | TIME
NUMBER = st.integers(0, 2**31)
RECIPIENTS = st.builds(
    Recipient,
    address=TEXT,
    destination=TEXT,
    original=TEXT,
    reason=TEXT,
    status=st.sampled_from(RecipientStatus),
    target=TEXT,
    attempt=NUMBER,
    next_attempt_at=MAYBE_TIME,
    code=TEXT,
    text=TEXT,
    in_doubt=NUMBER,
    parked_at=MAYBE_TIME,
)
MESSAGES = st.builds(
    Message,
    id=TEXT,
    tenant=TEXT,
    account=TEXT,
    key=st.builds(LedgerKey, folder=TEXT, uidvalidity=NUMBER, uid=st.text(st.characters(codec="ascii"))),
    status=st.sampled_from(MessageStatus),
    fetch_no=NUMBER,
    listed_size=NUMBER,
    octets=NUMBER,
    fetcher=TEXT,
    first_fetched_at=TIME,
    lease_until=TIME,
    blob=st.none() | TEXT,
    identity=TEXT,
    message_id=TEXT,
    reverse_path=TEXT,
    target=TEXT,
    evidence=TEXT,
    settled_at=MAYBE_TIME,
    recipients=st.just(NO_RECIPIENTS),
    gone_at=MAYBE_TIME,
    unbacked=st.booleans(),
    header=TEXT,
    content=TEXT,
)
COMPUTED = frozenset({"folder", "uidvalidity", "uid", "long_uid", "gone"})


def named(columns: Sequence[str], row: Sequence[Any]) -> Mapping[str, Any]:
    return dict(zip(columns, row, strict=True))


@pytest.mark.parametrize(
    ("columns", "row_of"),
    [
        (rows.MESSAGE, rows.message_row),
        (rows.DESCRIBED, rows.described_row),
        (rows.ROUTED, rows.routed_row),
        (rows.PROGRESS, rows.progress_row),
        (rows.PLACED, rows.placed_row),
    ],
)
@given(message=MESSAGES)
def test_each_column_of_a_message_holds_the_field_of_its_name(
    columns: Sequence[str], row_of: Callable[[Message], Sequence[Any]], message: Message
) -> None:
    row = named(columns, row_of(message))
    fields = message._asdict()
    assert {name: value for name, value in row.items() if name not in COMPUTED} == {
        name: fields[name] for name in columns if name not in COMPUTED
    }
    assert row.get("uidvalidity", message.key.uidvalidity) == message.key.uidvalidity
    assert row.get("folder", message.key.folder) == message.key.folder
    assert row.get("gone", message.gone_at is not None) == (message.gone_at is not None)
    if "uid" in row:
        assert message.key.uid == (row["long_uid"] or row["uid"])


@pytest.mark.parametrize(
    ("columns", "row_of"),
    [
        (rows.RECIPIENT, rows.recipient_row),
        (rows.SERVED, rows.served_row),
    ],
)
@given(message=MESSAGES, recipient=RECIPIENTS)
def test_each_column_of_a_recipient_holds_the_field_of_its_name(
    columns: Sequence[str],
    row_of: Callable[[Message, Recipient], Sequence[Any]],
    message: Message,
    recipient: Recipient,
) -> None:
    row = named(columns, row_of(message, recipient))
    waits = recipient.status is RecipientStatus.WAITING
    expected = {
        **recipient._asdict(),
        "message": message.id,
        "awaits": message.identity if waits else None,
    }
    assert row == {name: expected[name] for name in columns}


@given(message=MESSAGES)
def test_a_message_comes_back_from_its_row(message: Message) -> None:
    row = named(rows.MESSAGE, rows.message_row(message))
    _, object_id = rows.object_id_row(message)
    read = rows.message_of([row[name] for name in rows.MESSAGE])
    assert read._replace(object_id=object_id or "") == message
    leaving = rows.leaving_message_of([row[name] for name in rows.LEAVING])._asdict()
    assert {name: leaving[name] for name in rows.LEAVING} == {
        name: getattr(message, name) for name in rows.LEAVING
    }


@given(message=MESSAGES, recipient=RECIPIENTS)
def test_a_recipient_comes_back_from_its_row(message: Message, recipient: Recipient) -> None:
    assert rows.recipient_of(rows.recipient_row(message, recipient)) == (message.id, recipient)


def test_a_claim_comes_back_from_its_row() -> None:
    key, claim = ClaimKey("acme", "bob@corp.example", "identity"), Claim("m1", done=True)
    assert named(rows.CLAIM, rows.claim_row(key, claim)) == {**key._asdict(), "holder": "m1", "done": True}
    assert rows.claim_of(rows.claim_row(key, claim)) == (key, claim)


def test_whole_rows_name_every_column_that_the_database_does_not_fill_in() -> None:
    for table, columns in (
        (messages, {*rows.MESSAGE, *rows.OBJECT_ID, *rows.BATCHES}),
        (recipients, rows.RECIPIENT),
        (claims, rows.CLAIM),
        (suppressions, rows.SUPPRESSION),
        (journal, rows.ENTRY),
    ):
        given_by_us = {each.name for each in table.columns if each.autoincrement is not True}
        assert set(columns) == given_by_us, table.name


@given(st.lists(st.builds(DeliveryProlonged, message=TEXT, at=TIME, addresses=st.just(()), lease_until=TIME)))
def test_entries_of_a_transaction_are_one_row_from_which_they_come_back(entries: list[Entry]) -> None:
    written = rows.journal_rows(entries)
    if len(entries) < 2:
        assert [rows.entry_of(body) for *_, body in written] == entries
    else:
        [(message, at, kind, body)] = written
        assert (message, at, kind) == (rows.NOBODY, entries[0].at, rows.BATCH)
        assert [(name, rows.entry_of(each)) for name, each in unpack_bodies(body)] == [
            (entry.message, entry) for entry in entries
        ]


def test_entries_of_many_octets_get_a_row_each() -> None:
    addresses = tuple(f"somebody.{number}@corp.example" for number in range(10_000))
    large = [
        DeliveryProlonged(message=f"m{n}", at=1.0, addresses=addresses, lease_until=2.0) for n in range(4)
    ]
    assert [(row[0], row[2]) for row in rows.journal_rows(large)] == [
        (f"m{n}", "journal.delivery-prolonged") for n in range(4)
    ]
    assert len(rows.journal_rows(large[:2])) == 1
