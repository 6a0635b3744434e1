"""Mail loops: a target that forwards back into the source mailbox would keep one mail busy for ever.

A mail that this account has carried before is recognised by the relay's own trace fields. If another account
carried it, that alone is no loop, since one account may rightly forward to the other. If it is a loop, the
mail comes back to an account that has carried it. Loops elsewhere are recognised by the number of Received
lines (RFC 5321 section 6.3).
"""

from __future__ import annotations

from services.router.header.fields import Header, HeaderField
from shared.model.errors import quoted
from shared.model.trace_fields import ID_FIELD, PROGRAM, account_in_trace

RECEIVED_LIMIT = 50
_ID_KEY = ID_FIELD.lower()
_PROGRAM = PROGRAM.encode()


def find_loop(header: Header, account: str) -> str | None:
    """Return why a mail fetched for this account (by id) counts as a loop; None where it does not."""
    received = header.all_named("received")
    if len(received) > RECEIVED_LIMIT:
        return f"mail loop: {len(received)} Received lines, more than {RECEIVED_LIMIT}"
    if not header.all_named(_ID_KEY):
        return None
    accounts = _carrying_accounts(received)
    if accounts and account_in_trace(account).encode() not in accounts:
        return None
    whose = "this account" if accounts else "Mailferry"
    carried_as = quoted(header.first_value(_ID_KEY), 40)
    return f"mail loop: {whose} has carried it before, as {ID_FIELD} {carried_as} shows"


def _carrying_accounts(received: list[HeaderField]) -> set[bytes]:
    """Return the accounts named in the relay's own Received lines, such as `from acme/bob by …`."""
    lines = [field.value.split() for field in received if _PROGRAM in field.value]
    return {words[1] for words in lines if len(words) > 1}
