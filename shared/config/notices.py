"""[notices]: who is told of parked mail, and how often."""

from __future__ import annotations

from typing import Any

from shared.config.context import Context
from shared.config.runtime import NoticesSection
from shared.config.schema import NoticesEntry


def notices(context: Context, table: Any) -> NoticesSection | None:
    """The section; None after a problem was noted."""
    entry = context.validated(NoticesEntry, table, lambda key: ("notices", *key))
    return None if entry is None else NoticesSection(entry.digest, entry.bounces, entry.postmasters)
