"""Add hosts with their limits, pauses, and the login method that worked for an account."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
READY = sa.text("enabled AND NOT paused")
LEASED = sa.text("lease_owner IS NOT NULL")


def upgrade() -> None:
    op.add_column("accounts", sa.Column("host", BYTEWISE, nullable=False, server_default=""))
    op.add_column("accounts", sa.Column("paused", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("accounts", sa.Column("method", BYTEWISE))
    op.drop_index("accounts_ready", table_name="accounts")
    op.create_index("accounts_ready", "accounts", ["ready_at"], postgresql_where=READY, sqlite_where=READY)
    op.create_index("accounts_leased", "accounts", ["host"], postgresql_where=LEASED, sqlite_where=LEASED)
    op.create_table(
        "hosts",
        sa.Column("host", BYTEWISE, primary_key=True),
        sa.Column("next_at", sa.Double, nullable=False),
    )
    op.create_table(
        "pauses",
        sa.Column("scope", BYTEWISE, primary_key=True),
        sa.Column("since", sa.Double, nullable=False),
    )
