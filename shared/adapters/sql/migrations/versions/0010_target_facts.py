"""Add the facts that relays have learnt about targets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "target_facts",
        sa.Column("target", BYTEWISE, primary_key=True),
        sa.Column("kind", BYTEWISE, primary_key=True),
        sa.Column("value", BYTEWISE, nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("until", sa.Double, nullable=False),
    )
