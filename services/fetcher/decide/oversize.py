"""Mails larger than their account takes."""

from __future__ import annotations

from shared.model.account import Account


def is_oversize(account: Account, octets: int) -> bool:
    """Return whether a mail is larger than `max_size`."""
    return 0 < account.reading.max_size < octets


def park_reason(account: Account, octets: int) -> str | None:
    """Return why a mail of this size is parked; None if it is not."""
    if not is_oversize(account, octets):
        return None
    return f"larger than the account takes: {octets} octets, max_size is {account.reading.max_size}"
