"""Whether a target can be reached: what errors say about it, and trying it without a mail."""

from __future__ import annotations

from collections.abc import Sequence

from shared.model.errors import MailferryError
from shared.model.target import Target
from shared.net.errors import NetworkError
from shared.net.sasl import SaslError
from shared.ports.tokens import TokenUnavailable
from shared.smtp.envelope import Phase, RecipientReply
from shared.smtp.errors import ConnectionLost, LoginImpossible, LoginRefused, SessionRefused, TlsUnavailable
from shared.smtp.target import connect_target
from shared.smtp.timeouts import Timeouts

CLOSING = 421
PATIENCE = Timeouts(connect=30, greeting=60, command=60)
OUT_OF_REACH = (
    NetworkError,
    SessionRefused,
    TlsUnavailable,
    LoginRefused,
    LoginImpossible,
    SaslError,
    TokenUnavailable,
)


def is_out_of_reach(error: MailferryError) -> bool:
    """Whether the next mail would meet the same error: no connection, no TLS, no login, a session refused.

    A connection that broke in the middle of a mail may be that mail's fault, and tells nothing.
    """
    if isinstance(error, ConnectionLost):
        return not error.content_begun
    return isinstance(error, OUT_OF_REACH)


def sends_away(replies: Sequence[RecipientReply]) -> bool:
    """Whether the target hung up on us (421, RFC 5321 section 3.8) before it heard of the mail."""
    return bool(replies) and all(each.phase is Phase.MAIL and each.reply.code == CLOSING for each in replies)


async def reach_and_leave(target: Target, *, helo_name: str) -> None:
    """Connect to `target` as for a mail: TLS and login included. Raises what kept us from it."""
    client = await connect_target(target, helo_name=helo_name, timeouts=PATIENCE)
    await client.quit()
