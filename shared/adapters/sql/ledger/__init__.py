"""The fetcher's part of the store. What many visits record at the same time is one transaction, and one
statement of each kind, however few mails each of them has.
"""

from shared.adapters.sql.ledger.ledger import SqlLedger

__all__ = ["SqlLedger"]
