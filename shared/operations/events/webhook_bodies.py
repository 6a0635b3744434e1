"""The deliveries of an event to webhooks, and their bodies (pure)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from shared.operations.events.conditions import Event
from shared.ports.store.events import ConditionChange, EventRecord
from shared.ports.store.webhooks import Delivery, Webhook

TARGETS = frozenset({Event.TARGET_DOWN, Event.TARGET_UP})


def deliveries_of(change: ConditionChange, hooks: Sequence[Webhook]) -> list[Delivery]:
    """Return the deliveries of a change to the webhooks that want its event."""
    event = change.event
    if event is None:
        return []
    body = json.dumps(body_of(event), sort_keys=True).encode()
    return [
        Delivery(
            _delivery_id(hook, change.name, event),
            hook.id,
            event.event,
            body,
            event.at,
            next_at=event.at,
        )
        for hook in hooks
        if event.event in hook.events and hook.tenant in {None, event.tenant}
    ]


def body_of(event: EventRecord) -> dict[str, str]:
    """Return the JSON of an event; its subject stands under the name of its kind."""
    kind = "target" if event.event in TARGETS else "account" if event.account else "subject"
    fields = {
        "event": event.event,
        kind: event.subject,
        "at": datetime.fromtimestamp(event.at, UTC).isoformat(),
        "tenant": event.tenant,
        "sentence": event.sentence,
    }
    return {key: value for key, value in fields.items() if value}


def _delivery_id(hook: Webhook, condition: str, event: EventRecord) -> str:
    """Return an id that is the same in every process."""
    text = f"{hook.id} {condition} {event.event} {event.at}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
