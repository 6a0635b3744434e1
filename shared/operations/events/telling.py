"""What webhooks are told of an event (pure)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from shared.operations.events.conditions import Event
from shared.ports.store.events import ConditionChange, HappenedEvent
from shared.ports.store.webhooks import Delivery, Webhook

TARGETS = frozenset({Event.TARGET_DOWN, Event.TARGET_UP})


def deliveries_of(change: ConditionChange, hooks: Sequence[Webhook]) -> list[Delivery]:
    """Return what webhooks are told of a change."""
    happened = change.event
    if happened is None:
        return []
    body = json.dumps(told(happened), sort_keys=True).encode()
    return [
        Delivery(
            _delivery_id(hook, change.name, happened),
            hook.id,
            happened.event,
            body,
            happened.at,
            next_at=happened.at,
        )
        for hook in hooks
        if happened.event in hook.events and hook.tenant in {None, happened.tenant}
    ]


def told(happened: HappenedEvent) -> dict[str, str]:
    """Return an event as webhooks are told it: with the thing that it happened to under its kind's name."""
    kind = "target" if happened.event in TARGETS else "account" if happened.account else "subject"
    said = {
        "event": happened.event,
        kind: happened.subject,
        "at": datetime.fromtimestamp(happened.at, UTC).isoformat(),
        "tenant": happened.tenant,
        "sentence": happened.sentence,
    }
    return {key: value for key, value in said.items() if value}


def _delivery_id(hook: Webhook, condition: str, happened: HappenedEvent) -> str:
    """Return an id that is the same in every process."""
    told_of = f"{hook.id} {condition} {happened.event} {happened.at}"
    return hashlib.sha256(told_of.encode()).hexdigest()[:32]
