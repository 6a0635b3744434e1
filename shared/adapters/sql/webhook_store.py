"""The port `WebhookStore` in SQL."""

from __future__ import annotations

from collections.abc import Sequence

from shared.adapters.sql.access import webhooks
from shared.adapters.sql.runner import TransactionRunner
from shared.ports.store.webhooks import Delivery, Webhook


class SqlWebhookStore:
    """Webhooks, and what they are told, see `WebhookStore`."""

    def __init__(self, runner: TransactionRunner) -> None:
        self._runner = runner

    async def webhooks(self, tenant: str | None, after: str, limit: int) -> Sequence[Webhook]:
        """Return up to `limit` webhooks by id, of all tenants where `tenant` is None."""
        return await self._runner.read(webhooks.webhooks_after, tenant, after, limit)

    async def webhook(self, webhook: str) -> Webhook | None:
        """Return a webhook."""
        return await self._runner.read(webhooks.webhook_of, webhook)

    async def save_webhook(self, webhook: Webhook, expected: int) -> bool:
        """Write a webhook if it is there as `expected` (a revision; 0: not there); return whether it was."""
        return await self._runner.write(webhooks.save_webhook, webhook, expected)

    async def remove_webhook(self, webhook: str, expected: int | None) -> bool:
        """Remove a webhook and its deliveries; return whether it was there as expected."""
        return await self._runner.write(webhooks.remove_webhook, webhook, expected)

    async def take_due(self, now: float, until: float, limit: int) -> Sequence[Delivery]:
        """Return up to `limit` deliveries that are due, and leave them to the caller until `until`."""
        return await self._runner.write(webhooks.take_due, now, until, limit)

    async def end_attempt(self, delivery: Delivery) -> None:
        """Write what came of an attempt."""
        await self._runner.write(webhooks.end_attempt, delivery)

    async def deliveries(self, webhook: str, limit: int) -> Sequence[Delivery]:
        """Return the newest deliveries of a webhook, newest first."""
        return await self._runner.read(webhooks.deliveries_of, webhook, limit)

    async def prune_deliveries(self, before: float) -> None:
        """Delete deliveries that were done or given up, and made before then."""
        await self._runner.write(webhooks.prune_deliveries, before)
