"""Add the domains of which a target accepts every address."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "catch_alls",
        sa.Column("target", BYTEWISE, primary_key=True),
        sa.Column("domain", BYTEWISE, primary_key=True),
        sa.Column("since", sa.Double, nullable=False),
    )
