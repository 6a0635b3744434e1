"""Mails are found by their tenant, newest first.

Not by their account: SQLite would take that index to read the ledger of an account, mails that are gone
included.
"""

from __future__ import annotations

from alembic import op

revision = "0040"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("messages_tenant", "messages", ["tenant", "id"])
