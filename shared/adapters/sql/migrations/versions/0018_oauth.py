"""The grants of OAuth, and the apps that got them. Their tokens and secrets are in the table secrets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "oauth_apps",
        sa.Column("name", BYTEWISE, primary_key=True),
        sa.Column("spec", BYTEWISE),
        sa.Column("problem", BYTEWISE),
        sa.Column("problem_since", sa.Double),
        sa.Column("retry_at", sa.Double),
        sa.Column("changed_at", sa.Double, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "oauth_grants",
        sa.Column("id", BYTEWISE, primary_key=True),
        sa.Column("app", BYTEWISE, nullable=False),
        sa.Column("username", BYTEWISE, nullable=False),
        sa.Column("state", BYTEWISE, nullable=False),
        sa.Column("problem", BYTEWISE),
        sa.Column("scope", BYTEWISE),
        sa.Column("consented_at", sa.Double, nullable=False),
        sa.Column("issued_at", sa.Double),
        sa.Column("expires_at", sa.Double),
        sa.Column("due_at", sa.Double),
        sa.Column("refreshed_at", sa.Double),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("lease_owner", BYTEWISE),
        sa.Column("lease_until", sa.Double),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("oauth_grants_due", "oauth_grants", ["due_at"])
