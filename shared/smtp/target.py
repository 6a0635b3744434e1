"""Reaching a configured target: a client logged in as its configuration says, and a question to it."""

from __future__ import annotations

from collections.abc import Sequence

from shared.model.target import Target
from shared.smtp.client import SmtpClient, connect
from shared.smtp.envelope import RecipientReply
from shared.smtp.login import Credentials
from shared.smtp.opening import Dialer
from shared.smtp.timeouts import Timeouts


async def connect_target(
    target: Target, *, helo_name: str, timeouts: Timeouts | None = None, dialer: Dialer | None = None
) -> SmtpClient:
    """`client.connect` to `target` with its credentials; raises what that raises."""
    credentials = None
    if target.credentials is not None:
        credentials = Credentials(target.credentials.username, target.credentials.password.get_secret_value())
    return await connect(
        target.endpoint, helo_name=helo_name, credentials=credentials, timeouts=timeouts, dialer=dialer
    )


async def probe(
    target: Target,
    reverse_path: str,
    addresses: Sequence[str],
    *,
    helo_name: str,
    timeouts: Timeouts | None = None,
    dialer: Dialer | None = None,
) -> Sequence[RecipientReply]:
    """What `target` says to a mail from `reverse_path` to each of `addresses`, in their order; none is sent.

    See `SmtpClient.ask_about`; raises what that and `connect` raise.
    """
    client = await connect_target(target, helo_name=helo_name, timeouts=timeouts, dialer=dialer)
    try:
        return await client.ask_about(reverse_path, addresses)
    finally:
        await client.quit()
