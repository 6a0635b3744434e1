"""The ledger: what the fetcher records about mails, under the fence of the account's lease.

What many visits record at the same time is one transaction, and one statement of each kind, however few mails
each of them has.
"""
