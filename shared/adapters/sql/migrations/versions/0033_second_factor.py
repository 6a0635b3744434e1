"""Recovery codes, where sessions came from, and who signs in elsewhere."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "recovery_codes",
        sa.Column("person", BYTEWISE, primary_key=True),
        sa.Column("digest", BYTEWISE, primary_key=True),
    )
    op.add_column("sessions", sa.Column("address", BYTEWISE, nullable=False, server_default=""))
    op.add_column("users", sa.Column("subject", BYTEWISE))
