"""What follows from mails that were recognised, and from those that were not found."""

from __future__ import annotations

from math import inf

from services.fetcher.decide.plan import DELETED, TAKEN_AWAY, TAKEN_AWAY_EARLY, missing_mails, settled_outcome
from shared.model.mailbox import Listed
from shared.model.message import LedgerKey, MessageStatus
from shared.model.retention import DAY, Retention
from shared.ports.store import LedgerRow

NOW = 1000.0
ENTRY = Listed("u", 1, 10)
ROW = LedgerRow(
    message="m",
    key=LedgerKey("INBOX", 0, "u"),
    status=MessageStatus.SETTLED,
    fetch_no=1,
    listed_size=10,
    octets=10,
    first_fetched_at=NOW,
    lease_until=0.0,
    blob=None,
)


def test_a_settled_mail_that_was_recognised_is_deleted_once_it_may_go() -> None:
    assert settled_outcome({"m": (ENTRY, ROW)}, Retention(0), NOW) == ({"m": ENTRY}, 0)
    assert settled_outcome({"m": (ENTRY, ROW)}, Retention(1), NOW) == ({}, 1)
    assert settled_outcome({"m": (ENTRY, ROW)}, Retention(1), NOW + DAY) == ({"m": ENTRY}, 0)


def test_a_deletion_that_was_begun_is_finished_whatever_the_retention() -> None:
    begun = ROW._replace(status=MessageStatus.DELETING)
    assert settled_outcome({"m": (ENTRY, begun)}, Retention(1), NOW).due == {"m": ENTRY}


def test_a_mail_on_its_way_that_was_recognised_is_neither_deleted_nor_a_copy() -> None:
    on_its_way = ROW._replace(status=MessageStatus.ROUTED, lease_until=NOW + 1)
    assert settled_outcome({"m": (ENTRY, on_its_way)}, Retention(0), NOW) == ({}, 0)


def test_a_mail_that_was_not_found_is_gone_for_the_reason_that_its_state_tells() -> None:
    lost = ROW._replace(status=MessageStatus.LOST)
    begun = ROW._replace(status=MessageStatus.DELETING)
    assert missing_mails([ROW], NOW, inf) == {"m": TAKEN_AWAY}
    assert missing_mails([begun], NOW, inf) == {"m": DELETED}
    assert missing_mails([lost], NOW, inf) == {"m": TAKEN_AWAY_EARLY}


def test_a_mail_on_its_way_is_not_gone() -> None:
    assert missing_mails([ROW._replace(status=MessageStatus.ROUTED, lease_until=NOW + 1)], NOW, inf) == {}
