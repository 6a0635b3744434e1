"""Connect links, sign-ins that were begun in a browser, and login tests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0026"
branch_labels = None
depends_on = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _connect_links()
    op.create_table(
        "authorizations",
        sa.Column("digest", BYTEWISE, primary_key=True),
        sa.Column("purpose", BYTEWISE, nullable=False),
        sa.Column("subject", BYTEWISE, nullable=False),
        sa.Column("who", BYTEWISE, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.Column("key", BYTEWISE, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "login_tests",
        sa.Column("id", BYTEWISE, primary_key=True),
        sa.Column("tenant", BYTEWISE, nullable=False),
        sa.Column("account", BYTEWISE, nullable=False),
        sa.Column("link", BYTEWISE, nullable=False),
        sa.Column("who", BYTEWISE, nullable=False),
        sa.Column("begun_at", sa.Double, nullable=False),
        sa.Column("report", BYTEWISE, nullable=False),
        sa.Column("is_done", sa.Boolean, nullable=False),
    )
    op.create_index("login_tests_begun_at", "login_tests", ["begun_at"])


def _connect_links() -> None:
    op.create_table(
        "connect_links",
        sa.Column("id", BYTEWISE, primary_key=True),
        sa.Column("digest", BYTEWISE, nullable=False),
        sa.Column("tenant", BYTEWISE, nullable=False),
        sa.Column("account", BYTEWISE, nullable=False),
        sa.Column("keys", BYTEWISE),
        sa.Column("created_by", BYTEWISE, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.Column("opened_at", sa.Double),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("used_at", sa.Double),
        sa.Column("revoked_at", sa.Double),
    )
    op.create_index("connect_links_digest", "connect_links", ["digest"], unique=True)
    op.create_index("connect_links_tenant", "connect_links", ["tenant", "id"])
    op.create_index("connect_links_expires_at", "connect_links", ["expires_at"])
