"""What happens to accounts, targets and tenants that people care for: noticed once, told to who asks."""

from shared.operations.events.conditions import Condition, Event, condition_changes
from shared.operations.events.feed import EventFeed
from shared.operations.events.watching import Watcher

__all__ = ["Condition", "Event", "EventFeed", "Watcher", "condition_changes"]
