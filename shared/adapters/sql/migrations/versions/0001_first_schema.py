"""Create accounts, messages, recipients, claims and the journal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")
UPDATED_IN_PLACE = {"fillfactor": 50}


def upgrade() -> None:
    _accounts()
    _messages()
    _recipients()
    _claims()
    _journal()


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", BYTEWISE, primary_key=True),
        sa.Column("poll", sa.Double, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("due_at", sa.Double, nullable=False),
        sa.Column("ready_at", sa.Double, nullable=False),
        sa.Column("lease_owner", BYTEWISE),
        sa.Column("lease_until", sa.Double),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("problem", BYTEWISE),
        sa.Column("visited_at", sa.Double),
        sa.Column("succeeded_at", sa.Double),
        sa.Column("waiting", sa.Integer, nullable=False),
    )
    op.create_index(
        "accounts_ready",
        "accounts",
        ["ready_at"],
        postgresql_where=sa.text("enabled"),
        sqlite_where=sa.text("enabled"),
    )


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", BYTEWISE, primary_key=True),
        sa.Column("tenant", BYTEWISE, nullable=False),
        sa.Column("account", BYTEWISE, nullable=False),
        sa.Column("folder", BYTEWISE, nullable=False),
        sa.Column("uidvalidity", sa.BigInteger, nullable=False),
        sa.Column("uid", BYTEWISE, nullable=False),
        sa.Column("status", BYTEWISE, nullable=False),
        sa.Column("fetch_no", sa.Integer, nullable=False),
        sa.Column("listed_size", sa.BigInteger, nullable=False),
        sa.Column("octets", sa.BigInteger, nullable=False),
        sa.Column("fetcher", BYTEWISE, nullable=False),
        sa.Column("first_fetched_at", sa.Double, nullable=False),
        sa.Column("lease_until", sa.Double, nullable=False),
        sa.Column("blob", BYTEWISE),
        sa.Column("identity", BYTEWISE, nullable=False),
        sa.Column("message_id", BYTEWISE, nullable=False),
        sa.Column("reverse_path", BYTEWISE, nullable=False),
        sa.Column("target", BYTEWISE, nullable=False),
        sa.Column("evidence", BYTEWISE, nullable=False),
        sa.Column("settled_at", sa.Double),
        sa.Column("gone", sa.Boolean, nullable=False),
        sa.Column("long_uid", BYTEWISE),
        postgresql_with=UPDATED_IN_PLACE,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "messages_at_source",
        "messages",
        ["account", "folder", "uidvalidity", "uid"],
        unique=True,
        postgresql_where=sa.text("NOT gone"),
        sqlite_where=sa.text("NOT gone"),
    )
    op.create_index("messages_uid", "messages", ["uid"])
    op.create_index(
        "messages_message_id",
        "messages",
        ["message_id"],
        postgresql_where=sa.text("message_id <> ''"),
        sqlite_where=sa.text("message_id <> ''"),
    )


def _recipients() -> None:
    op.create_table(
        "recipients",
        sa.Column("message", BYTEWISE, primary_key=True),
        sa.Column("address", BYTEWISE, primary_key=True),
        sa.Column("destination", BYTEWISE, nullable=False),
        sa.Column("original", BYTEWISE, nullable=False),
        sa.Column("reason", BYTEWISE, nullable=False),
        sa.Column("status", BYTEWISE, nullable=False),
        sa.Column("target", BYTEWISE, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", sa.Double),
        sa.Column("code", BYTEWISE, nullable=False),
        sa.Column("text", BYTEWISE, nullable=False),
        sa.Column("in_doubt", sa.Integer, nullable=False),
        sa.Column("parked_at", sa.Double),
        sa.Column("awaits", BYTEWISE),
        postgresql_with=UPDATED_IN_PLACE,
        sqlite_with_rowid=False,
    )
    op.create_index("recipients_address", "recipients", ["address", "message"])
    op.create_index(
        "recipients_destination",
        "recipients",
        ["destination", "message"],
        postgresql_where=sa.text("destination <> address"),
        sqlite_where=sa.text("destination <> address"),
    )
    op.create_index(
        "recipients_waiting",
        "recipients",
        ["awaits", "address"],
        postgresql_where=sa.text("awaits IS NOT NULL"),
        sqlite_where=sa.text("awaits IS NOT NULL"),
    )
    op.create_index(
        "recipients_next_attempt",
        "recipients",
        ["next_attempt_at"],
        postgresql_where=sa.text("next_attempt_at IS NOT NULL"),
        sqlite_where=sa.text("next_attempt_at IS NOT NULL"),
    )
    op.create_index(
        "recipients_parked",
        "recipients",
        ["parked_at"],
        postgresql_where=sa.text("parked_at IS NOT NULL"),
        sqlite_where=sa.text("parked_at IS NOT NULL"),
    )


def _claims() -> None:
    op.create_table(
        "claims",
        sa.Column("tenant", BYTEWISE, primary_key=True),
        sa.Column("address", BYTEWISE, primary_key=True),
        sa.Column("identity", BYTEWISE, primary_key=True),
        sa.Column("holder", BYTEWISE, nullable=False),
        sa.Column("done", sa.Boolean, nullable=False),
        postgresql_with=UPDATED_IN_PLACE,
        sqlite_with_rowid=False,
    )


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("seq", SERIAL, primary_key=True, autoincrement=True),
        sa.Column("message", BYTEWISE, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("kind", BYTEWISE, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("journal_message", "journal", ["message", "seq"])
