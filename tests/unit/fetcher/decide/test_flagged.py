from __future__ import annotations

from services.fetcher.decide.flagged import without_flagged
from shared.model.mailbox import Listed, Listing
from shared.model.message import MessageStatus
from shared.ports.store import LedgerRow

MAILS = [Listed(f"000000000{number}", number, 10) for number in (1, 2, 3)]


def row(entry: Listed) -> LedgerRow:
    return LedgerRow("m", entry.key, MessageStatus.DELETING, 1, 10, 10, 0.0, 0.0)


def test_flagged_mails_are_left_out() -> None:
    listing = without_flagged(Listing(MAILS, True, (), flagged=frozenset({2})), ())
    assert ([each.number for each in listing.entries], listing.flagged) == ([1, 3], {2})


def test_a_mail_in_the_ledger_stays_in_the_listing_whatever_its_flags() -> None:
    listing = without_flagged(Listing(MAILS, True, (), flagged=frozenset({1, 2})), [row(MAILS[0])])
    assert ([each.number for each in listing.entries], listing.flagged) == ([1, 3], {2})


def test_a_mail_without_a_uid_is_not_left_out_as_it_may_be_a_known_one() -> None:
    nameless = [Listed("", 1, 10)]
    listing = without_flagged(Listing(nameless, False, (), flagged=frozenset({1})), ())
    assert (listing.entries, listing.flagged) == (nameless, frozenset())


def test_without_flagged_mails_the_listing_is_as_it_was() -> None:
    listing = Listing(MAILS, True, ())
    assert without_flagged(listing, ()) is listing
