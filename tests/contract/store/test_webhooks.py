"""What the store promises about webhooks."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from shared.adapters.sql.store import SqlStore
from shared.ports.store import Delivery, Webhook
from shared.ports.store.events import ConditionChange

HOOK = Webhook("w1", "acme", "https://crm.example/", frozenset({"account.failing"}), True, 10.0)
DELIVERY = Delivery("d1", "w1", "account.failing", b"{}", 20.0, next_at=20.0)


async def enter(store: SqlStore, *deliveries: Delivery) -> None:
    known = (await store.events.conditions()).get("account acme/info")
    change = ConditionChange("account acme/info", known, 20.0, deliveries=deliveries)
    assert await store.events.record_changes([change]) == 1


async def test_a_webhook_is_read_as_it_was_written_and_changed_as_it_was_read(store: SqlStore) -> None:
    assert await store.webhooks.save_webhook(HOOK, 0)
    assert not await store.webhooks.save_webhook(HOOK, 0)
    assert await store.webhooks.webhook("w1") == HOOK
    assert await store.webhooks.webhooks("acme", "", 5) == [HOOK]
    assert await store.webhooks.webhooks("other", "", 5) == []
    changed = replace(HOOK, enabled=False)
    assert await store.webhooks.save_webhook(changed, 1)
    assert not await store.webhooks.save_webhook(HOOK, 1)
    assert await store.webhooks.webhooks(None, "", 5) == [replace(changed, revision=2)]


async def test_a_removed_webhook_leaves_no_deliveries(store: SqlStore) -> None:
    await store.webhooks.save_webhook(HOOK, 0)
    await enter(store, DELIVERY)
    assert not await store.webhooks.remove_webhook("w1", 2)
    assert await store.webhooks.remove_webhook("w1", 1)
    assert await store.webhooks.deliveries("w1", 5) == []


async def test_a_delivery_is_entered_once_and_taken_by_one(store: SqlStore) -> None:
    for _ in range(2):
        await enter(store, DELIVERY)
    assert await store.webhooks.take_due(19.0, 80.0, 5) == []
    taken = await asyncio.gather(*(store.webhooks.take_due(21.0, 81.0, 5) for _ in range(8)))
    assert [each for some in taken for each in some] == [replace(DELIVERY, next_at=81.0)]
    assert len(await store.webhooks.take_due(81.0, 141.0, 5)) == 1


async def test_what_came_of_a_delivery_is_kept_until_it_is_pruned(store: SqlStore) -> None:
    await enter(store, DELIVERY, replace(DELIVERY, id="d2", created_at=21.0))
    ended = replace(DELIVERY, attempts=1, next_at=None, delivered_at=22.0, answer="answered 200")
    await store.webhooks.end_attempt(ended)
    assert [each.id for each in await store.webhooks.deliveries("w1", 5)] == ["d2", "d1"]
    assert (await store.webhooks.deliveries("w1", 5))[1] == ended
    await store.webhooks.prune_deliveries(100.0)
    assert [each.id for each in await store.webhooks.deliveries("w1", 5)] == ["d2"]
