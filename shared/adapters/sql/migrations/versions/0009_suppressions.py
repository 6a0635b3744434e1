"""Add suppressed recipients, so that counting them does not read all recipients."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "suppressions",
        sa.Column("message", BYTEWISE, primary_key=True),
        sa.Column("address", BYTEWISE, primary_key=True),
        sa.Column("account", BYTEWISE, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sqlite_with_rowid=False,
    )
