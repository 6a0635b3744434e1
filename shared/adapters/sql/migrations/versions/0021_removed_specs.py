"""Index removed objects of the registry, so that looking for them does not read all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    removed = sa.text("removed_at IS NOT NULL")
    op.create_index("specs_removed", "specs", ["kind", "id"], postgresql_where=removed, sqlite_where=removed)
