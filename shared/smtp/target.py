"""Reaching a configured target: a client logged in as its configuration says, and a question to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shared.model.endpoint import Endpoint
from shared.model.target import Target
from shared.net.berths import Berths
from shared.net.token_file import TokenFile
from shared.smtp.client import SmtpClient, connect
from shared.smtp.envelope import RecipientReply
from shared.smtp.errors import NoConnectionFree
from shared.smtp.login import Credentials
from shared.smtp.opening import Dialer, dial_target, network
from shared.smtp.stream import Stream
from shared.smtp.timeouts import Timeouts


async def connect_target(
    target: Target, *, helo_name: str, timeouts: Timeouts | None = None, dialer: Dialer | None = None
) -> SmtpClient:
    """`client.connect` to `target` with its credentials; raises what that raises, and `TokenUnavailable`."""
    return await connect(
        target.endpoint,
        helo_name=helo_name,
        credentials=await credentials_of(target),
        timeouts=timeouts,
        dialer=dialer or _dialer(target, timeouts or Timeouts()),
        lmtp=target.lmtp,
    )


def _dialer(target: Target, timeouts: Timeouts) -> Dialer:
    """Dials; where the machine's processes share a number of connections, when one of these is free."""
    if target.delivery_options.host_connections == 0:
        return network(timeouts)
    berths = Berths(str(target.endpoint), target.delivery_options.host_connections)

    async def dial_in_turn(endpoint: Endpoint) -> Stream:
        berth = await berths.take(timeouts.connect)
        if berth is None:
            raise NoConnectionFree(
                f"All connections to {target.endpoint} that this machine may have were in use for "
                f"{timeouts.connect:g} seconds."
            )
        try:
            connection = await dial_target(endpoint, timeouts)
        except BaseException:
            berth.release()
            raise
        connection.when_lost(berth.release)
        return connection

    return dial_in_turn


async def credentials_of(target: Target) -> Credentials | None:
    """What to log in with, the token read anew; None: no login. Raises `TokenUnavailable`."""
    given = target.credentials
    if given is None:
        return None
    secret = given.password
    if given.token_file is not None:
        secret = await TokenFile(Path(given.token_file)).access_token()
    return Credentials(given.username, secret.get_secret_value(), given.methods)


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
