"""Imports of accounts that run in the background, and what became of each row."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("id", BYTEWISE, primary_key=True),
        sa.Column("tenant", BYTEWISE, nullable=False),
        sa.Column("request", BYTEWISE, nullable=False),
        sa.Column("created_by", BYTEWISE, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("holder", BYTEWISE, nullable=False),
        sa.Column("busy_until", sa.Double, nullable=False),
        sa.Column("total", sa.Integer),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("findings", BYTEWISE, nullable=False),
        sa.Column("ended_at", sa.Double),
        sa.Column("problem", BYTEWISE, nullable=False),
    )
    op.create_index("imports_tenant", "imports", ["tenant", "id"])
    op.create_index(
        "imports_busy_until",
        "imports",
        ["busy_until"],
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "import_rows",
        sa.Column("import", BYTEWISE, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("account", BYTEWISE, nullable=False),
        sa.Column("status", BYTEWISE, nullable=False),
        sa.Column("sentence", BYTEWISE, nullable=False),
        sa.Column("findings", BYTEWISE, nullable=False),
        sqlite_with_rowid=False,
    )
