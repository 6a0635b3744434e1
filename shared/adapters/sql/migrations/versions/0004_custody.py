"""Add the digests by which a mail is recognised, the flag `unbacked`, and the epoch."""

from __future__ import annotations

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BYTEWISE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
UNBACKED = sa.text("unbacked")


def upgrade() -> None:
    op.add_column("messages", sa.Column("gone_at", sa.Double))
    op.add_column("messages", sa.Column("unbacked", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("messages", sa.Column("header", BYTEWISE, nullable=False, server_default=""))
    op.add_column("messages", sa.Column("content", BYTEWISE, nullable=False, server_default=""))
    op.create_index("messages_unbacked", "messages", ["id"], postgresql_where=UNBACKED, sqlite_where=UNBACKED)
    op.execute(
        "UPDATE messages SET gone_at = (SELECT max(journal.at) FROM journal "
        "WHERE journal.message = messages.id AND journal.kind = 'journal.gone') WHERE gone"
    )
    epoch = op.create_table(
        "epoch",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("store", BYTEWISE, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("mark", sa.BigInteger, nullable=False),
        sa.Column("paused_since", sa.Double),
        sa.Column("reason", BYTEWISE),
        sa.Column("pruned_until", sa.Double, nullable=False),
    )
    op.bulk_insert(epoch, [{"id": 1, "store": uuid4().hex, "number": 1, "mark": 0, "pruned_until": 0.0}])
