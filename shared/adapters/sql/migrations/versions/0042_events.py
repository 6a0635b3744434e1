"""What is not as it should be, and what happened, for webhooks and those who read events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.execute("DELETE FROM webhook_states WHERE state = 'good'")
    op.create_table(
        "events",
        sa.Column("number", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("event", BYTEWISE, nullable=False),
        sa.Column("subject", BYTEWISE, nullable=False),
        sa.Column("tenant", BYTEWISE),
        sa.Column("account", BYTEWISE),
        sa.Column("sentence", BYTEWISE, nullable=False),
    )
    op.create_index("events_tenant", "events", ["tenant", "number"])
    op.create_index("events_at", "events", ["at"])
    waiting = sa.text("state IN ('needs owner', 'needs admin')")
    op.create_index(
        "oauth_grants_in_need", "oauth_grants", ["id"], postgresql_where=waiting, sqlite_where=waiting
    )
    failing = sa.text("failures > 0")
    op.create_index("accounts_failing", "accounts", ["id"], postgresql_where=failing, sqlite_where=failing)
