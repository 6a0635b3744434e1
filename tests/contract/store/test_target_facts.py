"""What the store promises about the facts that relays have learnt about targets."""

from __future__ import annotations

from shared.adapters.sql.store import SqlStore
from shared.ports.store import FACT_HOLDS, FactKind, TargetFact

NOW = 100.0
LIMIT = TargetFact("exchange", FactKind.RECIPIENTS, "10", NOW, NOW + FACT_HOLDS)
SELF_SIGNED = TargetFact("exchange", FactKind.UNVERIFIED, "self-signed", NOW, NOW + FACT_HOLDS)


async def test_facts_are_kept_by_target_and_kind(store: SqlStore) -> None:
    other = LIMIT._replace(target="attic")
    await store.relay.note_target_facts([SELF_SIGNED, LIMIT, other])
    assert await store.operator.target_facts(NOW) == [other, LIMIT, SELF_SIGNED]


async def test_a_later_fact_takes_the_place_of_an_earlier_one_of_its_kind(store: SqlStore) -> None:
    later = LIMIT._replace(value="5", until=NOW + 7)
    await store.relay.note_target_facts([LIMIT])
    await store.relay.note_target_facts([later])
    assert await store.operator.target_facts(NOW) == [later]


async def test_a_fact_ends_by_itself(store: SqlStore) -> None:
    await store.relay.note_target_facts([LIMIT])
    assert await store.operator.target_facts(NOW + FACT_HOLDS) == []


async def test_a_fact_of_a_clock_that_was_ahead_does_not_count(store: SqlStore) -> None:
    await store.relay.note_target_facts([LIMIT._replace(until=NOW + FACT_HOLDS + 1)])
    assert await store.operator.target_facts(NOW) == []


async def test_a_fact_that_no_longer_holds_is_forgotten(store: SqlStore) -> None:
    await store.relay.note_target_facts([LIMIT, SELF_SIGNED, SELF_SIGNED._replace(target="attic")])
    await store.relay.forget_target_facts("exchange", [FactKind.UNVERIFIED, FactKind.CLEAR])
    assert await store.operator.target_facts(NOW) == [SELF_SIGNED._replace(target="attic"), LIMIT]
