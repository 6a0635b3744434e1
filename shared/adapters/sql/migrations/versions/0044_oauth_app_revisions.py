"""Count the changes of OAuth apps in the database, so that none overwrites another unseen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("oauth_apps", sa.Column("revision", sa.Integer, nullable=False, server_default="1"))
