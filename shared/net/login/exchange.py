"""One attempt to log in with one method: a command of the protocol's own, or a SASL mechanism.

A further mechanism only needs its class in `shared.net.sasl`.
"""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from shared.model.endpoint import Endpoint
from shared.model.errors import quoted
from shared.model.source_errors import SourceError, SourceViolation
from shared.net.certificates import server_end_point
from shared.net.errors import NetworkError
from shared.net.login.channel import Answer, Challenge, LoginChannel
from shared.net.login.credentials import Credentials
from shared.net.login.plan import LoginPlan
from shared.net.login.selection import PLUS
from shared.net.sasl import Mechanism, Peer, SaslError, mechanism

MOST_CHALLENGES = 10


class Verdict(NamedTuple):
    """The server's answer; `complaint` is what it said within the exchange, fit to be shown."""

    answer: Answer
    complaint: str = ""


async def authenticate(
    channel: LoginChannel, endpoint: Endpoint, method: str, credentials: Credentials, plan: LoginPlan
) -> Verdict:
    """Log in with `method`, a name of `shared.model.authentication`, and return the server's verdict.

    Raises `Unsendable` or `UnfitCredentials` for what the method cannot carry, before anything was sent, and
    `SaslError` for a server that does not keep to the mechanism or proves nothing.
    """
    name = method.upper()
    own_command = channel.own_commands.get(name)
    if own_command is not None:
        return Verdict(await own_command(credentials))
    peer = _peer(channel, endpoint, name, plan)
    exchange = mechanism(name, credentials.username, credentials.secret, peer)
    answer = await _exchange(channel, exchange, plan)
    if answer.ok:
        exchange.finish()
    return Verdict(answer, quoted(channel.masker(exchange.complaint.encode())))


def _peer(channel: LoginChannel, endpoint: Endpoint, name: str, plan: LoginPlan) -> Peer:
    """Return the server, with its channel binding where the mechanism uses one and the account allows it."""
    end_point = None
    binds = name.startswith("SCRAM") and (
        not plan.auth or any(each.upper().endswith(PLUS) for each in plan.auth)
    )
    if binds and channel.certificate is not None:
        end_point = server_end_point(channel.certificate)
    announced = channel.announced
    offers_binding = announced is None or any(each.endswith(PLUS) for each in announced)
    return Peer(endpoint.host, endpoint.port, end_point, offers_binding=offers_binding)


async def _exchange(channel: LoginChannel, exchange: Mechanism, plan: LoginPlan) -> Answer:
    first = exchange.initial()
    if first is not None:
        channel.masker.hide(first)
    turn: Challenge | Answer
    if (
        first is not None
        and plan.sends_initial(exchange.name)
        and channel.takes_initial(exchange.name, first)
    ):
        turn = await channel.authenticate(exchange.name, first)
        first = None
    else:
        turn = await channel.authenticate(exchange.name, None)
    for _ in range(MOST_CHALLENGES):
        if not isinstance(turn, Challenge):
            break
        turn = await _respond(channel, exchange, turn, first)
        first = None
    if not isinstance(turn, Answer):
        raise SourceViolation(f"{channel.server} does not come to an end with {exchange.name}.")
    return turn


async def _respond(
    channel: LoginChannel, exchange: Mechanism, challenge: Challenge, first: bytes | None
) -> Challenge | Answer:
    try:
        data = first if first is not None else exchange.respond(challenge.data)
    except SaslError:
        # The error says that the server is not to be trusted: that must not be hidden by a lost connection.
        with contextlib.suppress(NetworkError, SourceError):
            await channel.cancel()
        raise
    channel.masker.hide(data)
    return await channel.respond(data)
