"""When a visit may end without a listing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.fetcher.decide.choice import Choice
from services.fetcher.decide.plan import Plan, make_plan
from services.fetcher.decide.read_failures import ReadFailures
from services.fetcher.decide.unchanged import (
    Remembered,
    mailbox_memory,
    prolonged,
    quiet_until,
    read_state,
    remembered,
    settings_digest,
    still_holds,
    with_mailbox_memory,
    with_remembered,
)
from shared.custody.commands import Fence
from shared.model.account import Account, Login, MailboxKind, Routing
from shared.model.endpoint import Endpoint
from shared.model.mailbox import Listed, Listing
from shared.model.message import MessageStatus
from shared.model.retention import DAY, Retention
from shared.ports.store import LedgerRow

NOW = 1_000_000.0
ACCOUNT = Account(
    tenant="acme",
    name="bob",
    protocol="imap",
    endpoint=Endpoint("imap.test", 993),
    login=Login("bob", SecretStr("x")),
    target="here",
    routing=Routing(MailboxKind.SINGLE),
    retention=Retention(None),
)
MEMORY = Remembered("12 7 3", settings_digest(ACCOUNT), NOW + 100, 4)
ENTRY = Listed("a", 1, 10)
NEXT = Fence(ACCOUNT.id, 5)


def kept(entry: Listed = ENTRY, status: MessageStatus = MessageStatus.SETTLED, at: float = NOW) -> LedgerRow:
    return LedgerRow(f"m-{entry.uid}", entry.key, status, 1, entry.size, entry.size, at, 0.0)


def planned(account: Account, listing: Listing, rows: list[LedgerRow]) -> Plan:
    return make_plan(
        listing,
        rows,
        retention=account.retention,
        reading=account.reading,
        now=NOW,
        read_failures=ReadFailures(),
    )


def quiet(account: Account, listing: Listing, rows: list[LedgerRow]) -> float | None:
    plan = planned(account, listing, rows)
    return quiet_until(account, listing, plan, rows, account.retention, NOW)


@given(st.builds(Remembered, st.text(), st.text(), st.floats(0, 1e10), st.integers(0, 2**60), st.booleans()))
def test_what_is_remembered_is_read_back(memory: Remembered) -> None:
    assert remembered(with_remembered(None, memory)) == memory
    assert remembered(with_remembered(with_remembered(None, memory), None)) is None


@given(st.text())
def test_text_that_is_not_ours_remembers_nothing(text: str) -> None:
    assert remembered(text) is None


def test_what_others_remember_of_the_account_stays() -> None:
    state = with_remembered('{"other":1,"unchanged":[]}', MEMORY)
    assert (read_state(state)["other"], remembered(state)) == (1, MEMORY)
    assert read_state(with_remembered(state, None)) == {"other": 1}


def test_the_next_visit_may_end_without_a_listing() -> None:
    assert still_holds(MEMORY, ACCOUNT, NEXT, NOW)


@pytest.mark.parametrize(
    ("memory", "fence", "why"),
    [
        (MEMORY, Fence(ACCOUNT.id, 6), "a visit in between failed or ended with its process"),
        (MEMORY._replace(until=NOW), NEXT, "something is due"),
        (MEMORY._replace(until=NOW + 2 * DAY), NEXT, "the clock was ahead"),
        (MEMORY._replace(settings="others"), NEXT, "the account was configured anew"),
    ],
)
def test_it_lists_the_mailbox_where(memory: Remembered, fence: Fence, why: str) -> None:
    assert not still_holds(memory, ACCOUNT, fence, NOW), why


def test_a_visit_that_did_not_reach_the_mailbox_prolongs_what_is_remembered() -> None:
    state = with_remembered(None, MEMORY)
    assert remembered(prolonged(state, NEXT)) == MEMORY._replace(fence=5)
    assert prolonged(state, Fence(ACCOUNT.id, 6)) == state
    assert prolonged(None, NEXT) is None


@pytest.mark.parametrize(
    "other",
    [
        replace(ACCOUNT, retention=Retention(7)),
        replace(ACCOUNT, endpoint=Endpoint("other.test", 993)),
        replace(ACCOUNT, login=Login("anna", SecretStr("x"))),
        replace(ACCOUNT, reading=ACCOUNT.reading.model_copy(update={"max_size": 9})),
    ],
)
def test_each_key_that_decides_what_a_visit_does_changes_the_digest(other: Account) -> None:
    assert settings_digest(other) != settings_digest(ACCOUNT)


def test_a_new_password_does_not_change_the_digest() -> None:
    assert settings_digest(replace(ACCOUNT, login=Login("bob", SecretStr("y")))) == settings_digest(ACCOUNT)


def test_an_empty_mailbox_is_quiet_until_it_is_to_be_verified() -> None:
    assert quiet(ACCOUNT, Listing((), has_uids=True, problems=()), []) == NOW + DAY


def test_copies_that_stay_for_ever_are_quiet_until_the_mailbox_is_to_be_verified() -> None:
    assert quiet(ACCOUNT, Listing([ENTRY], has_uids=True, problems=()), [kept()]) == NOW + DAY


def test_copies_that_stay_for_days_are_quiet_until_the_first_of_them_is_to_be_deleted() -> None:
    account = replace(ACCOUNT, retention=Retention(7))
    later = Listed("b", 2, 20)
    rows = [kept(at=NOW - 6.5 * DAY), kept(later)]
    assert quiet(account, Listing([ENTRY, later], has_uids=True, problems=()), rows) == NOW + DAY / 2


def test_a_mail_that_is_gone_leaves_nothing_to_do() -> None:
    account = replace(ACCOUNT, retention=Retention(7))
    gone = kept(at=NOW - 6.5 * DAY)
    assert quiet(account, Listing((), has_uids=True, problems=()), [gone]) == NOW + DAY


@pytest.mark.parametrize(
    ("listing", "rows"),
    [
        (Listing([ENTRY], has_uids=True, problems=()), []),
        (Listing([ENTRY], has_uids=True, problems=()), [kept(status=MessageStatus.DELETING)]),
        (Listing([ENTRY], has_uids=True, problems=()), [kept(status=MessageStatus.LOST)]),
        (Listing([ENTRY], has_uids=True, problems=("odd",)), [kept()]),
        (Listing([], has_uids=True, problems=(), nameless=[Listed("", 1, 3)]), []),
        (Listing([ENTRY], has_uids=False, problems=()), []),
    ],
    ids=["new", "due", "lost", "problem", "nameless", "no uids"],
)
def test_a_mailbox_with_something_to_do_is_not_quiet(listing: Listing, rows: list[LedgerRow]) -> None:
    assert quiet(ACCOUNT, listing, rows) is None


def test_a_mail_on_its_way_is_something_to_do() -> None:
    row = kept(status=MessageStatus.FETCHED)._replace(lease_until=NOW + 60)
    assert quiet(ACCOUNT, Listing([ENTRY], has_uids=True, problems=()), [row]) is None


def test_mails_left_for_their_size_are_something_to_tell() -> None:
    plan = Plan({}, [], Choice([], oversize=()), [], kept=0)
    listing = Listing([ENTRY], has_uids=True, problems=())
    assert quiet_until(ACCOUNT, listing, plan, [], ACCOUNT.retention, NOW) is None


def test_what_the_mailbox_wants_to_be_known_is_kept_beside_the_rest() -> None:
    state = with_remembered(None, MEMORY)
    changed = with_mailbox_memory(state, "copied")
    assert (mailbox_memory(changed), remembered(changed)) == ("copied", MEMORY)
    assert with_mailbox_memory(changed, "copied") is changed
    assert with_mailbox_memory(changed, "") == state
    assert with_mailbox_memory(None, "") is None
    assert mailbox_memory("not ours") == ""
