"""Which fetcher is notified that a mail is settled, and which blob may go."""

from __future__ import annotations

import pytest

from shared.custody.settlement import settlement_between
from shared.model.message import MessageStatus, RecipientStatus
from tests.fakes.custody import BOB, EVE, message, recipient

M, R = MessageStatus, RecipientStatus
DONE = message(M.SETTLED, recipient(BOB, R.DELIVERED), blob="blob-1")


def test_a_mail_is_settled_when_its_last_recipient_is_done() -> None:
    settled = settlement_between(message(M.ROUTED, recipient(BOB, R.ATTEMPTING)), DONE)
    assert settled is not None
    assert (settled.message, settled.account, settled.fetcher, settled.blob) == (
        "m1",
        "acme/box",
        "fetcher-1",
        "blob-1",
    )


def test_a_mail_is_settled_once() -> None:
    assert settlement_between(DONE, DONE) is None
    assert settlement_between(DONE, DONE._replace(status=M.DELETING)) is None


def test_a_mail_with_a_recipient_that_is_not_done_is_not_settled() -> None:
    assert settlement_between(None, message(M.ROUTED, recipient(BOB, R.DELIVERED), recipient(EVE))) is None


def test_a_blob_stays_as_long_as_someone_is_parked() -> None:
    after = message(M.SETTLED, recipient(BOB, R.DELIVERED), recipient(EVE, R.PARKED), blob="blob-1")
    settled = settlement_between(message(M.ROUTED), after)
    assert settled is not None
    assert settled.blob is None


@pytest.mark.parametrize("status", [M.SETTLED, M.DELETING, M.GONE])
def test_what_was_parked_and_is_delivered_later_is_settled_again(status: MessageStatus) -> None:
    before = message(status, recipient(BOB, R.ATTEMPTING), blob="blob-1")
    settled = settlement_between(before, message(status, recipient(BOB, R.DELIVERED), blob="blob-1"))
    assert settled is not None
    assert settled.blob == "blob-1"


@pytest.mark.parametrize("status", [M.FETCHED, M.LOST])
def test_a_blob_is_needed_by_a_mail_that_will_be_routed_again(status: MessageStatus) -> None:
    before = message(status, recipient(BOB, R.ATTEMPTING), blob="blob-1")
    assert settlement_between(before, message(status, recipient(BOB, R.DELIVERED), blob="blob-1")) is None


def test_a_mail_that_was_done_before_it_was_routed_again_is_settled_then() -> None:
    assert settlement_between(message(M.FETCHED, recipient(BOB, R.DELIVERED)), DONE) is not None
