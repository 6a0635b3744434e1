"""The trace fields that the relay puts on top of each mail, by which a mail loop is recognised.

`X-Mailferry-ID` has the mail's id. The Received line beside it names the account as its client.
"""

from __future__ import annotations

import re
from functools import lru_cache

ID_FIELD = "X-Mailferry-ID"
PROGRAM = "(Mailferry)"
_NOT_IN_TRACE = re.compile(r"[^A-Za-z0-9._/+-]")


@lru_cache(maxsize=1024)
def account_in_trace(account: str) -> str:
    """Return the account's id as it stands in a Received line. Cached: an account has many mails."""
    return _NOT_IN_TRACE.sub("_", account)
