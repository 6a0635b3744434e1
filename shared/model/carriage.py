"""How a mail tells that Mailferry has carried it, and for which account: what the relay writes on top of
each.

The field names the mail by the id that it had; the Received line beside it names the account as its client.
"""

from __future__ import annotations

import re
from functools import lru_cache

ID_FIELD = "X-Mailferry-ID"
PROGRAM = "(Mailferry)"
_NOT_IN_ORIGIN = re.compile(r"[^A-Za-z0-9._/+-]")


@lru_cache(maxsize=1024)
def origin(account: str) -> str:
    """The account's id as it stands in a Received line; remembered, as accounts have many mails."""
    return _NOT_IN_ORIGIN.sub("_", account)
