"""One attempt to authenticate with one method: USER/PASS and APOP (RFC 1939, section 7), or AUTH with a
mechanism (RFC 5034).

Further mechanisms only need their class in `shared.net.sasl`.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from dataclasses import dataclass

from shared.model.endpoint import Endpoint
from shared.model.errors import quoted
from shared.model.source_errors import SourceError, SourceViolation
from shared.net.certificates import server_end_point
from shared.net.errors import NetworkError
from shared.net.sasl import Mechanism, Peer, SaslError, mechanism
from shared.pop3 import commands
from shared.pop3.conversation import Answer, Conversation
from shared.pop3.events import Challenge, Reply
from shared.pop3.offer import APOP, PLUS, USER, Offer
from shared.pop3.plan import LoginPlan
from shared.pop3.redaction import Credentials

_MOST_CHALLENGES = 10
_UTF8 = "UTF8"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The server's final answer; `complaint` is what it said within the exchange, fit to be shown."""

    reply: Reply
    complaint: str = ""


async def authenticate(
    conversation: Conversation,
    endpoint: Endpoint,
    method: str,
    credentials: Credentials,
    offer: Offer,
    plan: LoginPlan,
) -> Verdict:
    """The server's verdict on `method`, a name of `shared.model.authentication`.

    Raises `Unsendable` or `UnfitCredentials` for what the method cannot carry, before anything was sent, and
    `SaslError` for a server that does not keep to the mechanism or proves nothing.
    """
    name = method.upper()
    if name == USER:
        return Verdict(await _user_and_pass(conversation, credentials, offer))
    if name == APOP:
        return Verdict(await _apop(conversation, credentials, offer))
    peer = _peer(conversation, endpoint, name, offer, plan)
    exchange = mechanism(name, credentials.username, credentials.secret, peer)
    reply = await _exchange(conversation, exchange, initial_response=plan.initial_response)
    if reply.ok:
        exchange.finish()
    return Verdict(reply, quoted(conversation.redact(exchange.complaint.encode())))


def _peer(conversation: Conversation, endpoint: Endpoint, name: str, offer: Offer, plan: LoginPlan) -> Peer:
    """Who the server is; what to bind to only for a mechanism that uses it, and unless binding is off."""
    end_point = None
    binds = name.startswith("SCRAM") and (
        not plan.auth or any(each.upper().endswith(PLUS) for each in plan.auth)
    )
    if binds and conversation.wire.certificate is not None:
        end_point = server_end_point(conversation.wire.certificate)
    return Peer(endpoint.host, endpoint.port, end_point, offers_binding=offer.has_binding)


async def _user_and_pass(conversation: Conversation, credentials: Credentials, offer: Offer) -> Reply:
    name, secret = commands.user(credentials.username), commands.password(credentials.password)
    await _announce_utf8(conversation, credentials, offer)
    reply = await conversation.ask(name)
    if isinstance(reply, Reply) and reply.ok:
        reply = await conversation.ask(secret)
    assert isinstance(reply, Reply)
    return reply


async def _apop(conversation: Conversation, credentials: Credentials, offer: Offer) -> Reply:
    """MD5 over timestamp and password: weak, as the standard has it."""
    secret = commands.password(credentials.password).wire[len(b"PASS ") : -len(b"\r\n")]
    digest = hashlib.md5(offer.timestamp + secret, usedforsecurity=False).hexdigest()
    command = commands.apop(credentials.username, digest)
    conversation.redact.hide(digest.encode("ascii"))
    await _announce_utf8(conversation, credentials, offer)
    reply = await conversation.ask(command)
    assert isinstance(reply, Reply)
    return reply


async def _announce_utf8(conversation: Conversation, credentials: Credentials, offer: Offer) -> None:
    """Agree on UTF-8 (RFC 6856) where it is needed and offered. Where it is not, UTF-8 is sent nevertheless:
    nothing else is likelier to be understood.
    """
    needed = not (credentials.username + credentials.password).isascii()
    if needed and _UTF8 in offer.capabilities:
        await conversation.ask(commands.UTF8)


async def _exchange(conversation: Conversation, exchange: Mechanism, *, initial_response: bool) -> Reply:
    first = exchange.initial()
    _hide(conversation, first)
    if first is not None and initial_response and _fits(exchange.name, first):
        answer = await conversation.ask(commands.auth(exchange.name, first))
        first = None
    else:
        answer = await conversation.ask(commands.auth(exchange.name))
    for _ in range(_MOST_CHALLENGES):
        if not isinstance(answer, Challenge):
            break
        answer = await _respond(conversation, exchange, answer, first)
        first = None
    if not isinstance(answer, Reply):
        raise SourceViolation(f"{conversation.server} does not come to an end with {exchange.name}.")
    return answer


async def _respond(
    conversation: Conversation, exchange: Mechanism, challenge: Challenge, first: bytes | None
) -> Answer:
    try:
        data = first if first is not None else exchange.respond(challenge.data)
    except SaslError:
        # That the server is not to be trusted matters more than how it takes the end of the exchange.
        with contextlib.suppress(NetworkError, SourceError):
            await conversation.ask(commands.cancel())
        raise
    _hide(conversation, data)
    return await conversation.ask(commands.response(data))


def _hide(conversation: Conversation, data: bytes | None) -> None:
    if data is not None:
        conversation.redact.hide(data)


def _fits(name: str, first: bytes) -> bool:
    """Whether AUTH with an initial response stays within the length that RFC 5034, section 4, allows."""
    return len(f"AUTH {name} \r\n") + len(base64.b64encode(first)) <= commands.LONGEST_AUTH_LINE
