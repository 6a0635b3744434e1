"""Add until when the provider of a grant that has ended is told of that, and when an app was removed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("oauth_grants", sa.Column("revoke_until", sa.Double))
    op.add_column("oauth_apps", sa.Column("removed_at", sa.Double))
