"""Mails are found by their sender, newest first, and what was used by the day.

A sender of whom there is no mail was looked for in all mails.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    sent = sa.text("reverse_path <> ''")
    op.create_index(
        "messages_sender",
        "messages",
        [sa.text("lower(reverse_path)"), "id"],
        postgresql_where=sent,
        sqlite_where=sent,
    )
    op.create_index("usage_day", "usage", ["day"])
