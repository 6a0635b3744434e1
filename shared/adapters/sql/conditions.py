"""The conditions of partial indexes, in their own words: SQLite takes no others for them, and would read the
whole table.
"""

from __future__ import annotations

from sqlalchemy import text

KEPT = text("NOT messages.gone")
UNSETTLED = text("messages.settled_at IS NULL")
UNBACKED = text("messages.unbacked")
NAMED = text("messages.message_id <> ''")
READY = text("accounts.enabled AND NOT accounts.paused")
