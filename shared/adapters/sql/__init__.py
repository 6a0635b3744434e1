"""The store in SQL: PostgreSQL through psycopg, SQLite through the standard library, both through
SQLAlchemy Core.

Every change is one transaction: load the messages concerned with locks, let `shared.custody` decide and
fold, save the changed rows together with the journal. No rule of custody lives here.
"""

from shared.adapters.sql.schema import upgrade
from shared.adapters.sql.store import open_store

__all__ = ["open_store", "upgrade"]
