"""Kept copies without a UID that are known by their header."""

from __future__ import annotations

from services.fetcher.decide.copies import with_copies_named
from services.fetcher.decide.fingerprint import header_digest
from shared.model.mailbox import Listed, Listing
from shared.model.message import LedgerKey, MessageStatus
from shared.model.retention import DAY, Retention
from shared.ports.store import LedgerRow
from tests.fakes.mailbox import FakeMailbox

NOW = 1_000_000.0
KEEP, WEEK = Retention(None), Retention(7)
HEADER = b"Message-ID: <1@x.example>\r\nSubject: one"
OTHER = b"Message-ID: <2@x.example>\r\nSubject: two"
NAMED = Listed("a", 9, 50)
COPY = LedgerRow(
    message="id-of-1",
    key=LedgerKey("INBOX", 0, "digest 1"),
    status=MessageStatus.SETTLED,
    fetch_no=1,
    listed_size=100,
    octets=100,
    first_fetched_at=NOW,
    lease_until=0.0,
    header=header_digest(HEADER),
)


async def uids(
    rows: list[LedgerRow], *headers: bytes, retention: Retention = KEEP, size: int = 100, now: float = NOW
) -> list[str]:
    """The UIDs of mails without one, with these headers, in the end; "" where there is none still."""
    mailbox = FakeMailbox({"": b""})
    by_number = dict(enumerate(headers, 1))
    nameless = tuple(Listed("", number, size) for number in by_number)
    mailbox.headers_by_number = by_number
    listing = Listing((NAMED,), has_uids=True, problems=(), nameless=nameless)
    found = await with_copies_named(listing, rows, mailbox, retention, now)
    assert found.entries[0] == NAMED
    there = {entry.number: entry.uid for entry in (*found.entries[1:], *found.nameless)}
    return [there[number] for number in by_number]


async def test_a_copy_is_known_by_its_header() -> None:
    assert await uids([COPY], HEADER) == ["digest 1"]


async def test_one_row_stands_for_one_mail() -> None:
    assert await uids([COPY], HEADER, HEADER) == ["digest 1", ""]


async def test_another_header_or_size_is_another_mail() -> None:
    assert await uids([COPY], OTHER) == [""]
    assert await uids([COPY], HEADER, size=101) == [""]


async def test_what_has_no_header_is_read() -> None:
    assert await uids([COPY._replace(header=header_digest(b""))], b"\r\n") == [""]
    assert await uids([COPY._replace(header="")], HEADER) == [""]


async def test_what_is_to_be_deleted_or_is_on_its_way_is_recognised_by_all_of_it() -> None:
    assert await uids([COPY], HEADER, retention=WEEK) == ["digest 1"]
    assert await uids([COPY], HEADER, retention=WEEK, now=NOW + 8 * DAY) == [""]
    for status in set(MessageStatus) - {MessageStatus.SETTLED}:
        assert await uids([COPY._replace(status=status)], HEADER) == [""]


async def test_a_mail_that_has_a_uid_in_the_ledger_lends_it_to_none_without() -> None:
    assert await uids([COPY._replace(key=LedgerKey("INBOX", 0, "uid-1"))], HEADER) == [""]
