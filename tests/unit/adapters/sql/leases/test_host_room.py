"""The room that hosts have for visits."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.sql.leases.host_room import HostRoom
from shared.model.hosts import HostLimit, HostLimits

NOW = 1000.0
HOSTS = st.sampled_from(["a", "b", "c", ""])
LIMIT = st.builds(HostLimit, st.integers(0, 4), st.sampled_from([0.0, 0.0, 5.0]))
LIMITS = st.builds(HostLimits, LIMIT, st.dictionaries(st.sampled_from("ab"), LIMIT))


@given(
    LIMITS,
    st.dictionaries(HOSTS, st.integers(0, 5)),
    st.dictionaries(HOSTS, st.floats(NOW - 10, NOW + 10)),
    st.lists(HOSTS, max_size=40),
)
def test_no_host_gets_more_than_it_bears_and_none_with_room_is_turned_away(
    limits: HostLimits, busy: dict[str, int], next_at: dict[str, float], wishes: list[str]
) -> None:
    room = HostRoom(limits, busy, next_at, NOW)
    visits = Counter(busy)
    begun: Counter[str] = Counter()
    for host in wishes:
        limit = limits.of(host)
        rests = limit.spacing > 0 and (begun[host] > 0 or NOW < next_at.get(host, 0) <= NOW + limit.spacing)
        left = room.left(host)
        bears = not rests and (limit.connections == 0 or visits[host] < limit.connections)
        assert (left > 0) is bears
        assert room.take_visit(host) is bears
        visits[host] += bears
        begun[host] += bears
    assert room.begun == {
        host: NOW + limits.of(host).spacing for host in begun if begun[host] and limits.of(host).spacing > 0
    }


def test_a_host_that_rests_opens_when_its_distance_is_over() -> None:
    room = HostRoom(HostLimits(HostLimit(spacing=5.0)), {}, {"a": NOW + 3}, NOW)
    assert (room.closed, room.ready_at("a", NOW - 9)) == ({"a"}, NOW + 3)
    assert (room.ready_at("a", NOW + 5), room.ready_at("b", NOW - 9)) == (NOW + 5, NOW - 9)


def test_nobody_knows_when_a_host_that_is_full_has_room_again() -> None:
    assert HostRoom(HostLimits(HostLimit(connections=2)), {"a": 2}, {}, NOW).ready_at("a", NOW) is None


def test_a_distance_further_away_than_ever_set_is_not_believed() -> None:
    assert HostRoom(HostLimits(HostLimit(spacing=5.0)), {}, {"a": NOW + 900}, NOW).closed == set()
