"""People, API tokens, sessions, the audit, repeated requests and webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _people()
    _requests()
    _webhooks()


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("name", BYTEWISE, primary_key=True),
        sa.Column("role", BYTEWISE, nullable=False),
        sa.Column("tenant", BYTEWISE),
        sa.Column("accounts", BYTEWISE, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("password", BYTEWISE),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("locked_until", sa.Double, nullable=False),
        sa.Column("code_step", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "api_tokens",
        sa.Column("id", BYTEWISE, primary_key=True),
        sa.Column("name", BYTEWISE, nullable=False),
        sa.Column("prefix", BYTEWISE, nullable=False),
        sa.Column("digest", BYTEWISE, nullable=False),
        sa.Column("role", BYTEWISE, nullable=False),
        sa.Column("tenant", BYTEWISE),
        sa.Column("accounts", BYTEWISE, nullable=False),
        sa.Column("scope", BYTEWISE),
        sa.Column("created_by", BYTEWISE, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double),
        sa.Column("used_at", sa.Double),
        sa.Column("revoked_at", sa.Double),
    )
    op.create_index("api_tokens_digest", "api_tokens", ["digest"], unique=True)
    op.create_table(
        "sessions",
        sa.Column("digest", BYTEWISE, primary_key=True),
        sa.Column("kind", BYTEWISE, nullable=False),
        sa.Column("person", BYTEWISE, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("seen_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
    )
    op.create_index("sessions_person", "sessions", ["person"])
    op.create_index("sessions_expires_at", "sessions", ["expires_at"])


def _requests() -> None:
    op.create_table(
        "audit",
        sa.Column("number", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("who", BYTEWISE, nullable=False),
        sa.Column("address", BYTEWISE, nullable=False),
        sa.Column("action", BYTEWISE, nullable=False),
        sa.Column("tenant", BYTEWISE),
        sa.Column("object", BYTEWISE, nullable=False),
        sa.Column("before", BYTEWISE),
        sa.Column("after", BYTEWISE),
    )
    op.create_index("audit_tenant", "audit", ["tenant", "number"])
    op.create_table(
        "idempotency_keys",
        sa.Column("owner", BYTEWISE, primary_key=True),
        sa.Column("key", BYTEWISE, primary_key=True),
        sa.Column("digest", BYTEWISE, nullable=False),
        sa.Column("begun_at", sa.Double, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("headers", BYTEWISE),
        sa.Column("body", sa.LargeBinary),
    )
    op.create_index("idempotency_keys_begun_at", "idempotency_keys", ["begun_at"])


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", BYTEWISE, primary_key=True),
        sa.Column("tenant", BYTEWISE),
        sa.Column("url", BYTEWISE, nullable=False),
        sa.Column("events", BYTEWISE, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "webhook_states",
        sa.Column("object", BYTEWISE, primary_key=True),
        sa.Column("state", BYTEWISE, nullable=False),
        sa.Column("since", sa.Double, nullable=False),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", BYTEWISE, primary_key=True),
        sa.Column("webhook", BYTEWISE, nullable=False),
        sa.Column("event", BYTEWISE, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.Double),
        sa.Column("delivered_at", sa.Double),
        sa.Column("answer", BYTEWISE, nullable=False),
    )
    op.create_index("webhook_deliveries_webhook", "webhook_deliveries", ["webhook", "id"])
    op.create_index(
        "webhook_deliveries_next_at",
        "webhook_deliveries",
        ["next_at"],
        postgresql_where=sa.text("next_at IS NOT NULL"),
        sqlite_where=sa.text("next_at IS NOT NULL"),
    )
