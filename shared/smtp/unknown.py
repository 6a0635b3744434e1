"""Whether a refused recipient is one that the server does not have, as far as its reply tells."""

from __future__ import annotations

from shared.smtp.reply import Reply

UNKNOWN_RECIPIENT = frozenset({(1, 0), (1, 1), (1, 2), (1, 3), (1, 6), (1, 10), (2, 1), (4, 1)})
"""Subject and detail (RFC 3463). 4.1 is what Exchange Online says of those who are not in its directory."""
UNKNOWN_RECIPIENT_CODES = frozenset({550, 551, 553})


def says_unknown(reply: Reply) -> bool:
    """Whether the reply to RCPT says for good that there is no such mailbox; its enhanced code decides."""
    if reply.severity != 5:
        return False
    if reply.enhanced is not None:
        return (reply.enhanced.subject, reply.enhanced.detail) in UNKNOWN_RECIPIENT
    return reply.code in UNKNOWN_RECIPIENT_CODES
