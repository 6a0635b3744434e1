"""Webhooks: programs elsewhere are told when the state of something changes."""

from shared.operations.webhooks.hooks import Hooks, NewHook, WebhookConflict, WebhookUnknown
from shared.operations.webhooks.notifying import Notifier
from shared.operations.webhooks.sending import Answered, Receivers, send
from shared.operations.webhooks.signing import signature

__all__ = [
    "Answered",
    "Hooks",
    "NewHook",
    "Notifier",
    "Receivers",
    "WebhookConflict",
    "WebhookUnknown",
    "send",
    "signature",
]
