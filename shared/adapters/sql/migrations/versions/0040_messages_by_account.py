"""Mails are found by their account, newest first."""

from __future__ import annotations

from alembic import op

revision = "0040"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("messages_account", "messages", ["account", "id"])
