"""What the store remembers of mails that could not be read."""

from __future__ import annotations

import pytest

from shared.adapters.sql.store import SqlStore
from shared.model.message import LedgerKey
from shared.model.read_failure import ReadFailure, ReadFailureKind
from shared.ports.store import Release, Schedule, VisitReport

NOW = 1000.0
LATER = NOW + 60
ODD = ReadFailure(
    LedgerKey("Entwürfe", 7, 'uid "\0\udc80\n'), ReadFailureKind.CUT, 3, NOW + 0.5, 10**12, "why \0 not"
)
PLAIN = ReadFailure(LedgerKey("INBOX", 0, "b"), ReadFailureKind.REFUSED, 1, NOW, 0, "no")


@pytest.mark.parametrize("remembered", [(ODD, PLAIN), ()])
async def test_read_failures_come_back_with_the_next_lease_in_any_process(
    store: SqlStore, remembered: tuple[ReadFailure, ...]
) -> None:
    await store.fetcher.sync_accounts([Schedule("a", 60.0, enabled=True)], NOW)
    [lease] = await store.fetcher.lease_due("me", NOW, LATER, 10)
    assert lease.read_failures == ()
    report = VisitReport("some mails are not handed out", read_failures=remembered)
    await store.fetcher.release_leases([Release(lease.fence, report, NOW, NOW)])
    [state] = await store.operator.account_states()
    [again] = await store.fetcher.lease_these("another", ["a"], NOW, LATER)
    assert (state.read_failures, again.read_failures) == (remembered, remembered)


@pytest.mark.parametrize("state", ["INBOX 7 12\nEntwürfe 1 2", "", None])
async def test_the_state_of_an_account_comes_back_with_the_next_lease(
    store: SqlStore, state: str | None
) -> None:
    await store.fetcher.sync_accounts([Schedule("a", 60.0, enabled=True)], NOW)
    [lease] = await store.fetcher.lease_due("me", NOW, LATER, 10)
    assert lease.state is None
    await store.fetcher.release_leases([Release(lease.fence, VisitReport(state=state), NOW, NOW)])
    [again] = await store.fetcher.lease_these("another", ["a"], NOW, LATER)
    assert again.state == state
