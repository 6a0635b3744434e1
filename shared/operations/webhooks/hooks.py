"""Webhooks are added, shown, changed and removed; their secret is shown once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from pydantic import SecretStr

from shared.access import Principal
from shared.access.tokens import mint
from shared.model.errors import Fault, MailferryError
from shared.model.sealed import SecretName
from shared.operations.context import OperatorContext
from shared.operations.events import Event
from shared.operations.people import GrantRefused
from shared.operations.webhooks.sending import checked_url
from shared.ports.store import Delivery, SealedSecret, Webhook

KIND, FIELD = "webhook", "secret"
MARK = "mfwh_"


class WebhookUnknown(MailferryError):
    """There is no such webhook, or nobody who asks may know of it."""

    temporary = False
    fault = Fault.OPERATOR

    def __init__(self) -> None:
        super().__init__("there is no such webhook")


class WebhookConflict(MailferryError):
    """Somebody else changed the webhook meanwhile."""

    temporary = False
    fault = Fault.OPERATOR

    def __init__(self) -> None:
        super().__init__("somebody else changed this webhook meanwhile; read it again, then change it")


class NewHook(NamedTuple):
    """A webhook as somebody describes it."""

    url: str
    events: frozenset[Event]
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Hooks:
    """The webhooks that `principal` may see."""

    context: OperatorContext
    principal: Principal
    entropy: Callable[[int], bytes]

    async def list(self, after: str, limit: int) -> Sequence[Webhook]:
        """Return up to `limit` webhooks by id."""
        return await self.context.webhooks.webhooks(self.principal.tenant, after, limit)

    async def show(self, webhook: str) -> Webhook:
        """Return a webhook. Raises `WebhookUnknown`."""
        found = await self.context.webhooks.webhook(webhook)
        if found is None or self.principal.tenant not in {None, found.tenant}:
            raise WebhookUnknown
        return found

    async def add(self, new: NewHook) -> tuple[Webhook, str]:
        """Return a new webhook, and the secret by which its deliveries are signed, which is shown only now.

        Raises `UrlUnusable` and `GrantRefused`.
        """
        checked_url(new.url)
        if self.principal.tenant not in {None, new.tenant}:
            raise GrantRefused("a webhook of a tenant is told of this tenant only; name it")
        now, secret = self.context.clock.now(), mint(self.entropy, MARK).secret
        events = frozenset(each.value for each in new.events)
        webhook = Webhook(self.entropy(8).hex(), new.tenant, new.url, events, True, now)
        name = SecretName(KIND, webhook.id, FIELD)
        sealed = self.context.registry.box.seal(name, SecretStr(secret))
        await self.context.secrets.put_secrets([SealedSecret(name, sealed)], now)
        await self.context.webhooks.save_webhook(webhook, 0)
        return webhook, secret

    async def change(
        self,
        webhook: str,
        expected: int | None,
        *,
        url: str | None = None,
        events: frozenset[Event] | None = None,
        enabled: bool | None = None,
    ) -> Webhook:
        """Change a webhook. Raises `WebhookUnknown`, `WebhookConflict` and `UrlUnusable`."""
        before = await self.show(webhook)
        if url is not None:
            checked_url(url)
        changed = replace(
            before,
            url=before.url if url is None else url,
            events=before.events if events is None else frozenset(each.value for each in events),
            enabled=before.enabled if enabled is None else enabled,
        )
        revision = before.revision if expected is None else expected
        if not await self.context.webhooks.save_webhook(changed, revision):
            raise WebhookConflict
        return replace(changed, revision=revision + 1)

    async def remove(self, webhook: str, expected: int | None) -> Webhook:
        """Remove a webhook. Raises `WebhookUnknown` and `WebhookConflict`."""
        found = await self.show(webhook)
        if not await self.context.webhooks.remove_webhook(webhook, expected):
            raise WebhookConflict
        await self.context.secrets.remove_secrets(KIND, [webhook])
        return found

    async def deliveries(self, webhook: str, limit: int) -> Sequence[Delivery]:
        """Return the newest deliveries of a webhook. Raises `WebhookUnknown`."""
        await self.show(webhook)
        return await self.context.webhooks.deliveries(webhook, limit)
