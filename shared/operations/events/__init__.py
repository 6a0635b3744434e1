"""Changes of accounts, targets and tenants: each is recorded once, and published to webhooks and readers."""

from shared.operations.events.conditions import Condition, Event, condition_changes
from shared.operations.events.feed import EventFeed
from shared.operations.events.watching import Watcher

__all__ = ["Condition", "Event", "EventFeed", "Watcher", "condition_changes"]
