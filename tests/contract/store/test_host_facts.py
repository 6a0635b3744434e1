"""What fetchers learnt of hosts is there for all of them, until it is over."""

from __future__ import annotations

from shared.adapters.sql.store import SqlStore
from shared.ports.store import HostFact

NOW = 1000.0
REFUSED = HostFact("refused", "imap.example:993", "NOTIFY", 0.0, NOW + 60)
THROTTLED = HostFact("throttled", "imap.example", "", 1.0, NOW + 90)


async def test_a_fact_is_known_until_it_is_over(store: SqlStore) -> None:
    await store.fetcher.note_host_facts([REFUSED, THROTTLED], NOW)
    assert await store.fetcher.host_facts(NOW) == [THROTTLED, REFUSED]
    assert await store.fetcher.host_facts(NOW + 60) == [THROTTLED]


async def test_a_fact_takes_the_place_of_an_earlier_one(store: SqlStore) -> None:
    await store.fetcher.note_host_facts([THROTTLED], NOW)
    again = THROTTLED._replace(number=2.0, until=NOW + 200)
    await store.fetcher.note_host_facts([again], NOW + 1)
    assert await store.fetcher.host_facts(NOW + 1) == [again]


async def test_what_is_over_is_deleted(store: SqlStore) -> None:
    await store.fetcher.note_host_facts([REFUSED], NOW)
    await store.fetcher.note_host_facts([THROTTLED], NOW + 61)
    assert await store.fetcher.host_facts(NOW) == [THROTTLED]
