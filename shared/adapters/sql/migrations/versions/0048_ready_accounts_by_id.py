"""Order the accounts that can be leased by time and id, so that they can be read in portions.

Accounts that are entered together are due at the same moment: by time alone nobody could go on where the last
portion ended.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0046"
branch_labels = None
depends_on = None

READY = sa.text("enabled AND NOT paused")


def upgrade() -> None:
    op.drop_index("accounts_ready", table_name="accounts")
    op.create_index(
        "accounts_ready", "accounts", ["ready_at", "id"], postgresql_where=READY, sqlite_where=READY
    )
