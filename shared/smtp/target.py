"""Connects to a configured target, with its credentials."""

from __future__ import annotations

from pathlib import Path

from shared.model.target import Target
from shared.net.token_file import TokenFile
from shared.smtp.client import SmtpClient, connect
from shared.smtp.login import Credentials
from shared.smtp.opening import Dialer
from shared.smtp.timeouts import Timeouts


async def connect_target(
    target: Target, *, helo_name: str, timeouts: Timeouts | None = None, dialer: Dialer | None = None
) -> SmtpClient:
    """Connect to `target`. Raises what `client.connect` raises, and `TokenUnavailable`."""
    return await connect(
        target.endpoint,
        helo_name=helo_name,
        credentials=await credentials_of(target),
        timeouts=timeouts,
        dialer=dialer,
        lmtp=target.lmtp,
    )


async def credentials_of(target: Target) -> Credentials | None:
    """Return the credentials, with the token read anew; None: no login. Raises `TokenUnavailable`."""
    given = target.credentials
    if given is None:
        return None
    secret = given.password
    if given.token_file is not None:
        secret = await TokenFile(Path(given.token_file)).access_token()
    return Credentials(given.username, secret.get_secret_value(), given.methods)
