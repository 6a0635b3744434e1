"""What fetchers learnt about hosts: features that are refused, and visits that are throttled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "host_facts",
        sa.Column("kind", BYTEWISE, primary_key=True),
        sa.Column("host", BYTEWISE, primary_key=True),
        sa.Column("fact", BYTEWISE, primary_key=True),
        sa.Column("number", sa.Double, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
        sqlite_with_rowid=False,
    )
