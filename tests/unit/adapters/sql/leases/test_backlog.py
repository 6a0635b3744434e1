"""What a process knows of the accounts that wait for room."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.sql.leases.backlog import OVERLAP, REREAD_EVERY, Backlog, Portion, Position, Waiting
from shared.model.tenant_room import tenant_of

NOW = 1000.0
MOST = 3
ACCOUNTS = st.lists(
    st.builds(
        Waiting,
        st.sampled_from([NOW - 40, NOW - 30, NOW - 20, NOW - 0.5]),
        st.builds("{}/{:02}".format, st.sampled_from("xyz"), st.integers(0, 30)),
        st.sampled_from("abc"),
    ),
    unique_by=lambda each: each.account,
    max_size=30,
)


def read(rows: Sequence[Waiting], after: Position | None, now: float) -> Portion:
    """The portion that the database would give."""
    ready = sorted(each for each in rows if each.ready_at <= now)
    following = [each for each in ready if after is None or (each.ready_at, each.account) > after][:MOST]
    return Portion(after, following, is_last=len(following) < MOST)


def look(backlog: Backlog, rows: Sequence[Waiting], now: float) -> int:
    """Read as one look does; return how many accounts that were."""
    portions = [read(rows, after, now) for after in backlog.positions(now)]
    backlog.add_portions(portions, now)
    return sum(len(portion.accounts) for portion in portions)


def filled(rows: Sequence[Waiting]) -> Backlog:
    backlog = Backlog()
    while not backlog.is_complete:
        look(backlog, rows, NOW)
    return backlog


@given(ACCOUNTS, st.sets(st.sampled_from("abc")), st.sets(st.sampled_from("xyz")))
def test_what_has_room_is_found_in_its_order(
    rows: list[Waiting], closed: set[str], full_tenants: set[str]
) -> None:
    found = list(filled(rows).most_overdue(closed, full_tenants))
    assert found == [
        each
        for each in sorted(rows)
        if each.host not in closed and tenant_of(each.account) not in full_tenants
    ]


@given(ACCOUNTS, st.data())
def test_what_was_forgotten_is_not_found_until_it_is_due_again(
    rows: list[Waiting], data: st.DataObject
) -> None:
    backlog = filled(rows)
    gone = data.draw(st.sets(st.sampled_from(rows))) if rows else set()
    backlog.forget(each.account for each in gone)
    assert list(backlog.most_overdue((), ())) == sorted({*rows} - gone)
    again = [each._replace(ready_at=NOW + 9) if each in gone else each for each in rows]
    look(backlog, again, NOW + 9)
    for _ in rows:
        look(backlog, again, NOW + 9)
    assert list(backlog.most_overdue((), ())) == sorted(again)


@given(ACCOUNTS)
def test_a_host_that_fills_up_while_accounts_are_chosen_is_passed_over(rows: list[Waiting]) -> None:
    closed: set[str] = set()
    found = []
    for each in filled(rows).most_overdue(closed, ()):
        found.append(each)
        closed.add(each.host)
    assert found == [
        min(each for each in rows if each.host == host)
        for host in dict.fromkeys(each.host for each in sorted(rows))
    ]


def test_a_look_reads_only_what_is_new() -> None:
    rows = [Waiting(NOW - 100 + n, f"x/{n:02}", "a") for n in range(50)]
    backlog = filled(rows)
    assert [look(backlog, rows, NOW + n / 10) for n in range(1, 9)] == [0] * 8
    rows.append(Waiting(NOW + 0.85, "x/new", "a"))
    assert look(backlog, rows, NOW + 1) == 1
    assert len(backlog) == 51


def test_an_account_that_came_late_with_an_earlier_time_is_found_soon() -> None:
    backlog = filled([])
    look(backlog, [], NOW + 1)
    late = [Waiting(NOW + 0.5, "x/late", "a")]
    look(backlog, late, NOW + 1 + OVERLAP)
    assert list(backlog.most_overdue((), ())) == late


def test_an_account_that_came_with_a_time_long_ago_is_found_when_all_are_read_again() -> None:
    rows = [Waiting(NOW - 100 + n, f"x/{n:02}", "a") for n in range(10)]
    backlog = filled(rows)
    rows.append(Waiting(NOW - 95.5, "x/late", "a"))
    look(backlog, rows, NOW + 50)
    assert len(backlog) == 10
    for n in range(len(rows)):
        look(backlog, rows, NOW + REREAD_EVERY + n)
    assert len(backlog) == 11
    assert [look(backlog, rows, NOW + REREAD_EVERY + 40 + n) for n in range(5)] == [0] * 5
