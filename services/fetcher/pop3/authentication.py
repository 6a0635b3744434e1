"""One attempt to authenticate with one method: USER/PASS (RFC 1939, section 7) or AUTH with a mechanism (RFC
5034).

Further methods of SASL only need their class in `shared.net.sasl`.
"""

from __future__ import annotations

import base64

from services.fetcher.mailbox_errors import SourceViolation
from services.fetcher.pop3 import commands
from services.fetcher.pop3.conversation import Conversation
from services.fetcher.pop3.events import Challenge, Reply
from services.fetcher.pop3.redaction import Credentials
from shared.net.sasl import Mechanism, SaslError, mechanism

USER = "USER"
_MOST_CHALLENGES = 10


async def authenticate(
    conversation: Conversation, method: str, credentials: Credentials, *, initial_response: bool
) -> Reply:
    """The server's verdict on `method`: "user" or the name of a SASL mechanism, in any case.

    Raises `Unsendable` or `SaslError` for credentials that the method cannot carry.
    """
    if method.upper() == USER:
        return await _user_and_pass(conversation, credentials)
    exchange = mechanism(method, credentials.username, credentials.password)
    return await _sasl(conversation, exchange, initial_response=initial_response)


async def _user_and_pass(conversation: Conversation, credentials: Credentials) -> Reply:
    secret = commands.password(credentials.password)
    reply = await conversation.ask(commands.user(credentials.username))
    if isinstance(reply, Reply) and reply.ok:
        reply = await conversation.ask(secret)
    assert isinstance(reply, Reply)
    return reply


async def _sasl(conversation: Conversation, exchange: Mechanism, *, initial_response: bool) -> Reply:
    first = exchange.initial()
    if first is not None and initial_response and _fits(exchange.name, first):
        answer = await conversation.ask(commands.auth(exchange.name, first))
        first = None
    else:
        answer = await conversation.ask(commands.auth(exchange.name))
    for _ in range(_MOST_CHALLENGES):
        if not isinstance(answer, Challenge):
            break
        try:
            data = first if first is not None else exchange.respond(answer.data)
        except SaslError:
            await conversation.ask(commands.cancel())
            raise
        first = None
        answer = await conversation.ask(commands.response(data))
    if not isinstance(answer, Reply):
        raise SourceViolation(f"{conversation.server} does not come to an end with {exchange.name}.")
    return answer


def _fits(name: str, first: bytes) -> bool:
    """Whether AUTH with an initial response stays within the length that RFC 5034, section 4, allows."""
    return len(f"AUTH {name} \r\n") + len(base64.b64encode(first)) <= commands.LONGEST_AUTH_LINE
