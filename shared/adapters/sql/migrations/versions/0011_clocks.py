"""Add the latest time seen and the start of copies, so that a clock that was behind is noticed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("epoch", sa.Column("seen_at", sa.Double))
    op.add_column("epoch", sa.Column("copies_since", sa.Double))
