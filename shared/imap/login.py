"""From the greeting to the authenticated state on one connection: detect, encrypt, log in, introduce.

Promises: where TLS is only wanted, a certificate that is not trusted means that the server is not verified,
and not that the session is in clear; credentials are sent in clear only where the endpoint says that TLS is
off or only wanted, and there only by methods that the account names or that do not show them; what the server
said about itself before TLS is forgotten; only methods that are switched on are used. The error of each
refusal names the step, the server and the user.

A step without which a session works is left out on the next connection if the server hangs up on it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from shared.imap import commands
from shared.imap.capabilities import Capabilities
from shared.imap.commands import Command
from shared.imap.conversation import Conversation, reply_to
from shared.imap.events import Event, Greeting
from shared.imap.limits import Options
from shared.imap.login_channel import ImapLoginChannel
from shared.imap.message_limit import MESSAGE_LIMIT
from shared.imap.refusals import REFUSALS, was_not_understood
from shared.imap.status_lines import Condition
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import quoted
from shared.model.source_errors import EncryptionMissing
from shared.net.errors import ConnectionLost, InactivityTimeout
from shared.net.login.attempts import log_in
from shared.net.login.connecting import check_encryption, start_tls
from shared.net.login.credentials import Credentials
from shared.net.login.plan import LoginPlan, TryWithout

ID, ENABLE, COMPRESS = "id", "enable", "compress"
STEPS = frozenset({ID, ENABLE, COMPRESS})
"""The steps without which a session works."""
IDENTITY = {"name": "Mailferry"}
"""Servers of NetEase refuse SELECT to a client without a name, and Yahoo wants one. A version would only tell
strangers what to attack.
"""

LONGEST_REFUSAL = 300  # characters of what a server says

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A session after its login, with the capabilities after it.

    `method` is the one that worked; None where the server took us for somebody from the start (PREAUTH).
    `ahead` are the events of the command that was sent together with the introduction; () where none was.
    """

    capabilities: Capabilities
    method: str | None
    ahead: Sequence[Event] = ()


def login_plan(auth: Sequence[str], options: Options, refused: Collection[str] = ()) -> LoginPlan:
    """Return the plan for the first connection, without the steps that the server `refused` lately."""
    return LoginPlan(
        tuple(auth),
        options.preferred,
        steps=frozenset(STEPS if options.compress else STEPS - {COMPRESS}) - {*refused},
        initial_response=options.initial_response,
    )


async def log_in_after_greeting(
    conversation: Conversation,
    endpoint: Endpoint,
    credentials: Credentials,
    greeting: Greeting,
    plan: LoginPlan,
    ahead: Command | None = None,
) -> LoggedIn:
    """Log in on a fresh connection after its `greeting`.

    The command `ahead` is sent together with the introduction where it may be, which saves a round trip.
    Raises `TryWithout` where a new connection with a smaller plan makes sense, and the errors of
    `shared.model.source_errors`, `shared.net.errors` and `shared.net.sasl`.
    """
    if greeting.condition is Condition.BYE:
        raise REFUSALS.of_command(f"Opening a session with {endpoint}", greeting.code, greeting.text)
    capabilities = conversation.capabilities or await _capabilities(conversation)
    method = None
    if not conversation.is_logged_in:
        if plan.encrypt and endpoint.tls in (Tls.WANTED, Tls.REQUIRED) and not conversation.wire.is_tls:
            capabilities = await _encrypt(conversation, endpoint, capabilities, plan)
        check_encryption(endpoint, is_tls=conversation.wire.is_tls)
        method = await log_in(ImapLoginChannel(conversation, capabilities), endpoint, credentials, plan)
    capabilities = conversation.capabilities or await _capabilities(conversation)
    plan = replace(plan, preferred=method)
    events = await _introduce(conversation, capabilities, plan, ahead)
    await _compress(conversation, capabilities, plan)
    return LoggedIn(capabilities or Capabilities(frozenset()), method, events)


async def _capabilities(conversation: Conversation) -> Capabilities | None:
    """Return what the server says it can do; None where it does not say."""
    reply = await conversation.execute(commands.CAPABILITY)
    return conversation.capabilities if reply.ok else None


async def _introduce(
    conversation: Conversation, capabilities: Capabilities | None, plan: LoginPlan, ahead: Command | None
) -> Sequence[Event]:
    """Say who we are, and that we take mail in UTF-8, which a server may otherwise withhold (RFC 6855).

    A server that limits how many mails a command is about shows all of a large folder by UIDs alone (RFC
    9738). Returns the events of the command `ahead`, which cannot follow ENABLE.
    """
    names = frozenset[str]() if capabilities is None else capabilities.names
    flight, steps = [], []
    enable = _to_enable(capabilities) if capabilities is not None and ENABLE in plan.steps else None
    if enable is not None:
        flight, steps = [enable], [ENABLE]
    elif ahead is not None:
        flight = [ahead]
    if "ID" in names and ID in plan.steps:
        flight, steps = [commands.identify(IDENTITY), *flight], [ID, *steps]
    if not steps:
        return ()
    events = await _or_without(conversation, plan, steps, conversation.execute_all(flight))
    if enable is not None and was_not_understood(reply_to(enable, events)):
        conversation.do_without(ENABLE)
    return events if ahead in flight else ()


def _to_enable(capabilities: Capabilities) -> Command | None:
    by_uid = "UIDONLY" in capabilities and capabilities.value_of(MESSAGE_LIMIT) is not None
    if "UTF8=ACCEPT" in capabilities:
        return commands.ENABLE_BOTH if by_uid else commands.ENABLE_UTF8
    return commands.ENABLE_UIDONLY if by_uid else None


async def _compress(conversation: Conversation, capabilities: Capabilities | None, plan: LoginPlan) -> None:
    """Have both directions compressed if that is announced and wanted."""
    if capabilities is None or "COMPRESS=DEFLATE" not in capabilities or COMPRESS not in plan.steps:
        return
    reply = await _or_without(conversation, plan, [COMPRESS], conversation.start_compression())
    if not reply.ok:
        conversation.do_without(COMPRESS)
        said = quoted(reply.text, LONGEST_REFUSAL)
        conversation.note_alert(
            f"{conversation.server} announces COMPRESS and refuses it: {said}. The session is not compressed."
        )


async def _or_without(
    conversation: Conversation, plan: LoginPlan, steps: Collection[str], question: Awaitable[Result]
) -> Result:
    try:
        answer = await question
    except (ConnectionLost, InactivityTimeout) as error:
        conversation.refused.note_hang_up(conversation.server, steps)
        raise TryWithout(plan.leaving_out(*steps), error) from error
    conversation.refused.note_answered(conversation.server, steps)
    return answer


async def _encrypt(
    conversation: Conversation, endpoint: Endpoint, capabilities: Capabilities | None, plan: LoginPlan
) -> Capabilities | None:
    """Start TLS by STARTTLS if it is offered, or the server does not say; return the capabilities after."""
    refused = ""
    if capabilities is None or "STARTTLS" in capabilities:
        reply = await conversation.execute(commands.STARTTLS)
        if reply.ok:
            await start_tls(conversation.start_tls, endpoint, plan)
            return await _capabilities(conversation)
        refused = f" (it said: {quoted(reply.text)})" if reply.text else ""
    if endpoint.tls is Tls.REQUIRED:
        raise EncryptionMissing(
            f"TLS is required, but {endpoint} does not offer STARTTLS{refused}; nobody was logged in."
        )
    return capabilities
