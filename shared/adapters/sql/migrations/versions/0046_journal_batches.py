"""A row of the journal may hold all entries of a transaction; a mail names the rows that hold entries of it.

Older rows stay as they are and are read until they are pruned.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("journal_batches", sa.Text, nullable=False, server_default=""))
    if op.get_bind().dialect.name == "postgresql":
        # The entries are compressed already. PostgreSQL would try it again, in vain.
        op.execute("ALTER TABLE journal ALTER COLUMN body SET STORAGE EXTERNAL")
