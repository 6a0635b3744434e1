"""The registry of tenants, targets and accounts, and their secrets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    registry = op.create_table(
        "registry",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(registry, [{"id": 1, "revision": 0}])
    op.create_table(
        "specs",
        sa.Column("kind", BYTEWISE, primary_key=True),
        sa.Column("id", BYTEWISE, primary_key=True),
        sa.Column("tenant", BYTEWISE, nullable=False),
        sa.Column("target", BYTEWISE),
        sa.Column("spec", BYTEWISE, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("managed_by", BYTEWISE, nullable=False),
        sa.Column("origin", BYTEWISE, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("changed_at", sa.Double, nullable=False),
        sa.Column("removed_at", sa.Double),
        sqlite_with_rowid=False,
    )
    op.create_index("specs_revision", "specs", ["revision"])
    op.create_index("specs_tenant", "specs", ["kind", "tenant", "id"])
    op.create_index(
        "specs_target",
        "specs",
        ["target"],
        postgresql_where=sa.text("target IS NOT NULL"),
        sqlite_where=sa.text("target IS NOT NULL"),
    )
    op.create_table(
        "secrets",
        sa.Column("kind", BYTEWISE, primary_key=True),
        sa.Column("id", BYTEWISE, primary_key=True),
        sa.Column("field", BYTEWISE, primary_key=True),
        sa.Column("key", BYTEWISE, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("set_at", sa.Double, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("secrets_key", "secrets", ["key"])
