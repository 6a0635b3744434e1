"""What the store promises about targets that accept every address of a domain."""

from __future__ import annotations

from shared.adapters.sql.store import SqlStore
from shared.ports.store import CatchAll


async def test_a_catch_all_keeps_the_time_when_it_was_first_found(store: SqlStore) -> None:
    await store.router.note_catch_all("exchange", "corp.example", True, 2.0)
    await store.router.note_catch_all("exchange", "corp.example", True, 3.0)
    await store.router.note_catch_all("attic", "corp.example", True, 3.0)
    assert await store.operator.catch_alls() == [
        CatchAll("attic", "corp.example", 3.0),
        CatchAll("exchange", "corp.example", 2.0),
    ]


async def test_a_target_that_refuses_an_address_is_no_longer_a_catch_all(store: SqlStore) -> None:
    await store.router.note_catch_all("exchange", "corp.example", True, 2.0)
    await store.router.note_catch_all("exchange", "other.example", True, 2.0)
    await store.router.note_catch_all("exchange", "corp.example", False, 3.0)
    await store.router.note_catch_all("attic", "corp.example", False, 3.0)
    assert await store.operator.catch_alls() == [CatchAll("exchange", "other.example", 2.0)]
