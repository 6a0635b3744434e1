"""Mails that are listed under other keys than the ledger's, and are recognised before they are read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.fetcher.decide.changed_keys import HEADERS_AT_ONCE, Places, found_elsewhere, renumbered_folders
from services.fetcher.decide.fingerprint import header_digest
from shared.model.mailbox import WHOLE_INBOX, Listed, Listing, Place, UidRange
from shared.model.message import LedgerKey, MessageStatus
from shared.ports.store import LedgerRow
from tests.fakes.mailbox import FakeMailbox

OLD, NEW, WORK = Place("INBOX", 7), Place("INBOX", 8), Place("Work", 3)
INBOX_ONLY = (UidRange(NEW),)
BOTH = (UidRange(OLD), UidRange(WORK))


def header(name: str) -> bytes:
    return f"Message-ID: <{name}@x.example>\r\nDate: Mon, 30 Nov 2026 12:00:00 +0000".encode()


def row(name: str, place: Place = OLD, *, size: int = 100, **more: object) -> LedgerRow:
    made = LedgerRow(
        message=f"id-of-{name}",
        key=LedgerKey(*place, f"uid-{name}"),
        status=MessageStatus.ROUTED,
        fetch_no=1,
        listed_size=size,
        octets=size,
        first_fetched_at=0.0,
        lease_until=0.0,
        header=header_digest(header(name)),
    )
    return made._replace(**more)  # type: ignore[arg-type] # any field


def entry(number: int, place: Place = NEW, *, size: int = 100, object_id: str = "") -> Listed:
    return Listed(f"new-{number}", number, size, place=place, object_id=object_id)


def listing(*entries: Listed, covered: tuple[UidRange, ...] = INBOX_ONLY, **more: object) -> Listing:
    return replace(Listing(entries, has_uids=True, problems=(), covered=covered), **more)  # type: ignore[arg-type] # any field


async def found(there: Listing, rows: list[LedgerRow], *headers: bytes | str) -> dict[str, int]:
    """Return the numbers of the mails that were recognised, by message. `headers` are those listed."""
    mailbox = FakeMailbox({each.uid: b"" for each in there.entries})
    of_names = [header(each) if isinstance(each, str) else each for each in headers]
    mailbox.headers_by_number = dict(enumerate(of_names, 1))
    return {
        each.row.message: each.entry.number
        async for some in found_elsewhere(there, rows, mailbox)
        for each in some
    }


async def test_under_another_uidvalidity_a_mail_is_recognised_by_size_and_header() -> None:
    there = listing(entry(1), entry(2))
    assert await found(there, [row("a"), row("b")], "b", "a") == {"id-of-a": 2, "id-of-b": 1}


async def test_another_header_or_size_is_another_mail() -> None:
    assert await found(listing(entry(1)), [row("a")], "b") == {}
    assert await found(listing(entry(1, size=101)), [row("a")], "a") == {}


async def test_headers_are_asked_for_only_where_the_size_is_that_of_a_missing_mail() -> None:
    mailbox = FakeMailbox({})
    mailbox.headers_by_number = {2: header("a")}
    there = listing(entry(1, size=99), entry(2), entry(3, size=101))
    assert [some async for some in found_elsewhere(there, [row("a")], mailbox)]
    assert mailbox.asked_for_headers == ["new-2"]


async def test_what_is_not_unique_on_both_sides_is_left_to_be_read() -> None:
    twin = row("a", message="twin", key=LedgerKey(*OLD, "twin"))
    assert await found(listing(entry(1), entry(2)), [row("a")], "a", "a") == {}
    assert await found(listing(entry(1)), [row("a"), twin], "a") == {}
    assert await found(listing(entry(1)), [row("a"), row("b")], "a") == {"id-of-a": 1}


async def test_a_header_that_two_mails_may_have_names_none() -> None:
    alarm = b"Message-ID: <alarm@device.example>\r\nSubject: Door open"
    known = row("a", header=header_digest(alarm))
    assert await found(listing(entry(1)), [known], alarm) == {}


async def test_what_has_no_header_in_the_ledger_or_at_the_source_is_left_to_be_read() -> None:
    assert await found(listing(entry(1)), [row("a", header="")], "a") == {}
    assert await found(listing(entry(1)), [row("a", header=header_digest(b""))], b"") == {}
    assert await found(listing(entry(1, size=0)), [row("a", listed_size=0)], "a") == {}


async def test_an_object_id_decides_before_the_header() -> None:
    there = listing(entry(1, object_id="M2"), entry(2, object_id="M1"))
    known = [row("a", object_id="M1"), row("b", object_id="M2")]
    assert await found(there, known, "a", "b") == {"id-of-a": 2, "id-of-b": 1}


async def test_an_object_id_of_two_mails_or_of_another_size_decides_nothing() -> None:
    two = listing(entry(1, object_id="M1"), entry(2, object_id="M1"))
    assert await found(two, [row("a", object_id="M1")], "b", "a") == {"id-of-a": 2}
    larger = listing(entry(1, size=500, object_id="M1"))
    assert await found(larger, [row("a", object_id="M1")], "a") == {}


async def test_a_mail_that_was_moved_between_two_folders_is_recognised() -> None:
    there = listing(entry(1, WORK), covered=BOTH)
    assert await found(there, [row("a")], "a") == {"id-of-a": 1}


async def test_a_mail_that_may_still_be_where_it_was_is_not_looked_for() -> None:
    there = listing(entry(1, WORK), covered=())
    assert await found(there, [row("a")], "a") == {}


async def test_in_one_folder_with_the_same_uidvalidity_nothing_is_looked_for() -> None:
    there = listing(entry(1, OLD), covered=(UidRange(OLD),))
    assert await found(there, [row("a")], "a") == {}


async def test_a_mail_of_a_folder_that_is_gone_is_looked_for_in_the_others() -> None:
    gone = listing(entry(1, OLD), covered=(UidRange(OLD),), folders=frozenset({"INBOX"}))
    assert await found(gone, [row("a", WORK)], "a") == {"id-of-a": 1}
    not_read = replace(gone, folders=frozenset({"INBOX", "Work"}))
    assert await found(not_read, [row("a", WORK)], "a") == {}


async def test_mails_that_are_listed_under_their_keys_are_neither_side() -> None:
    there = listing(entry(1, OLD)._replace(uid="uid-a"), entry(2, WORK), covered=BOTH)
    assert await found(there, [row("a")], "a", "a") == {}


async def test_mails_of_one_size_are_compared_together_however_many_there_are() -> None:
    count = HEADERS_AT_ONCE + 20
    there = listing(*(entry(number) for number in range(1, count + 1)))
    names = [str(number) for number in range(count)]
    assert len(await found(there, [row(each) for each in names], *names)) == count


@given(st.permutations(range(6)), st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5)))
async def test_whatever_came_and_went_each_mail_is_found_once_and_as_itself(
    order: list[int], gone: set[int], known: set[int]
) -> None:
    there = [each for each in order if each not in gone]
    shown = listing(*(entry(number) for number in range(1, len(there) + 1)))
    recognised = await found(shown, [row(str(each)) for each in sorted(known)], *map(str, there))
    assert recognised == {f"id-of-{each}": there.index(each) + 1 for each in known - gone}


@pytest.mark.parametrize(
    ("known", "renumbered"),
    [([row("a")], {"INBOX"}), ([row("a", NEW)], set()), ([row("a"), row("b", NEW)], set()), ([], set())],
)
def test_a_folder_is_renumbered_where_all_its_known_mails_have_another_uidvalidity(
    known: list[LedgerRow], renumbered: set[str]
) -> None:
    assert renumbered_folders(listing(entry(1)), known) == renumbered


def test_mails_without_a_uid_say_nothing_of_the_uidvalidity() -> None:
    by_content = row("a", key=LedgerKey("INBOX", 0, "digest 1"))
    assert renumbered_folders(listing(entry(1)), [by_content]) == set()


def test_a_folder_that_was_not_listed_is_not_renumbered() -> None:
    places = Places(listing(covered=WHOLE_INBOX))
    assert not places.is_renumbered(LedgerKey("Work", 3, "1"))
    assert places.is_renumbered(LedgerKey("INBOX", 3, "1"))
