"""The mails that were in a mailbox before its account began, and what of `begin` was applied."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("accounts", sa.Column("began", BYTEWISE))
    op.create_table(
        "skipped",
        sa.Column("account", BYTEWISE, primary_key=True),
        sa.Column("folder", BYTEWISE, primary_key=True),
        sa.Column("uidvalidity", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("uid", BYTEWISE, primary_key=True),
        sa.Column("listed_size", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("decided", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("skipped_uid", "skipped", ["uid"])
