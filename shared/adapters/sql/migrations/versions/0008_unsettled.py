"""Index unsettled messages on SQLite, so that finding them does not read the whole table."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.create_index("messages_unsettled", "messages", ["id"], sqlite_where=sa.text("settled_at IS NULL"))
