"""Mails that go in circles: a target that forwards back into the source mailbox would never be done.

A mail that this account has carried before is recognised by the relay's own trace header. Where another
account carried it, there may be a forwarding in good order between the two, so that alone is no loop;
should it be one, the mail comes round to an account that knows it. Whatever goes in circles elsewhere is
told by the number of its Received lines (RFC 5321 section 6.3).
"""

from __future__ import annotations

from services.router.header.fields import Header, HeaderField
from shared.model.carriage import ID_FIELD, PROGRAM, origin
from shared.model.errors import quoted

MOST_RECEIVED = 50
_ID_KEY = ID_FIELD.lower()
_PROGRAM = PROGRAM.encode()


def why_loop(header: Header, account: str) -> str | None:
    """Why a mail fetched for this account (its id) is taken for a loop; None where it is not."""
    received = header.all("received")
    if len(received) > MOST_RECEIVED:
        return f"mail loop: {len(received)} Received lines, more than {MOST_RECEIVED}"
    if not header.all(_ID_KEY):
        return None
    carriers = _carriers(received)
    if carriers and origin(account).encode() not in carriers:
        return None
    whose = "this account" if carriers else "Mailferry"
    return (
        f"mail loop: {whose} has carried it before, as {ID_FIELD} {quoted(header.first(_ID_KEY), 40)} tells"
    )


def _carriers(received: list[HeaderField]) -> set[bytes]:
    """The accounts that mails were carried for, as the relay's own lines name them: `from acme/bob by …`."""
    lines = [field.value.split() for field in received if _PROGRAM in field.value]
    return {words[1] for words in lines if len(words) > 1}
