"""From the greeting to the transaction state on one connection: detect, encrypt, authenticate.

Promises: where TLS is only wanted, a certificate that is not trusted means that the server is not verified,
and not that the session is in clear; credentials are sent in clear only where the endpoint says that TLS is
off or only wanted, and there only by methods that the account names or that do not show them; what the server
said about itself before TLS is forgotten (RFC 2595, section 4); only methods that are switched on are used.
The error of each refusal names the step, the server and the user.

Servers exist that hang up on CAPA or a bare AUTH, count it as a failed login, or answer nonsense. So each can
be switched off, and a step that breaks the connection is left out on the next one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from shared.model.endpoint import Endpoint, Tls
from shared.model.mailbox import UNKNOWN_CAPABILITIES, Capabilities
from shared.model.source_errors import EncryptionMissing, SourceViolation
from shared.net.errors import ConnectionLost, InactivityTimeout
from shared.net.login.attempts import log_in
from shared.net.login.connecting import check_encryption, start_tls
from shared.net.login.credentials import Credentials
from shared.net.login.plan import LoginPlan, TryWithout
from shared.pop3 import commands
from shared.pop3.capabilities import parse_capabilities, parse_mechanisms, pipelines, timestamp
from shared.pop3.commands import Command
from shared.pop3.conversation import Answer, Conversation
from shared.pop3.events import Body, Greeting, Reply
from shared.pop3.known_capabilities import KnownCapabilities
from shared.pop3.limits import Options
from shared.pop3.login_channel import Pop3LoginChannel
from shared.pop3.replies import REFUSALS

CAPA, AUTH, BANNER = "capa", "auth", "banner"
CAPA_AGAIN = "capa-again"
"""Ask for CAPA once more after the login, when it may tell more (RFC 2449, section 5)."""
LISTING_AHEAD = "listing-ahead"
"""Ask for the listing together with CAPA after the login, where the server pipelines: saves a round trip."""
NO_INITIAL_RESPONSE = frozenset({"XOAUTH2"})
"""Office 365 does not take it in POP3."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A session after its login.

    `capabilities` are those after the login. `plan` is the one that worked, with the method that did as its
    preferred one. So many answers are `outstanding`: those to a listing that was asked for ahead.
    """

    capabilities: Capabilities
    plan: LoginPlan
    method: str
    outstanding: int


def login_plan(auth: Sequence[str], options: Options) -> LoginPlan:
    """Return the plan for the first connection."""
    return LoginPlan(
        tuple(auth),
        options.preferred,
        steps=frozenset({*options.detect, CAPA_AGAIN, LISTING_AHEAD}),
        initial_response=options.initial_response,
        no_initial_response=NO_INITIAL_RESPONSE,
    )


async def log_in_after_greeting(
    conversation: Conversation,
    endpoint: Endpoint,
    credentials: Credentials,
    greeting: Greeting,
    plan: LoginPlan,
    pipelining: bool | None = None,
    known: KnownCapabilities | None = None,
) -> LoggedIn:
    """Log in on a fresh connection after its `greeting`.

    Where the server pipelines (None: if it says so), the listing is asked for with the capabilities. Else
    these are not asked for once more where they are `known`. Raises `TryWithout` where a new connection with
    a smaller plan makes sense, and the errors of `shared.model.source_errors`, `shared.net.errors` and
    `shared.net.sasl`.
    """
    if not greeting.ok:
        raise REFUSALS.of_command(f"Opening a session with {endpoint}", greeting.code, greeting.text)
    capabilities = await _capabilities(conversation, plan)
    if plan.encrypt and endpoint.tls in (Tls.WANTED, Tls.REQUIRED) and not conversation.wire.is_tls:
        capabilities = await _encrypt(conversation, endpoint, capabilities, plan)
    check_encryption(endpoint, is_tls=conversation.wire.is_tls)
    channel = Pop3LoginChannel(
        conversation,
        capabilities,
        listed=None if capabilities.known else await _mechanisms(conversation, plan),
        timestamp=timestamp(greeting.text) if BANNER in plan.steps else b"",
    )
    method = await log_in(channel, endpoint, credentials, plan)
    worked = replace(plan, preferred=method)
    asks_again = CAPA_AGAIN in plan.steps and capabilities.known
    ahead = asks_again and LISTING_AHEAD in plan.steps and pipelines(capabilities, pipelining)
    behind = commands.LISTING if ahead else ()
    before, known = capabilities, known or KnownCapabilities()
    remembered = None if ahead else known.find(conversation.server, before)
    if asks_again and remembered is None:
        capabilities = await _capabilities_again(conversation, worked, before, behind)
        known.note(conversation.server, before, capabilities)
    elif remembered is not None:
        capabilities = remembered
    return LoggedIn(capabilities, worked, method, len(behind))


async def answers_ahead(conversation: Conversation, plan: LoginPlan, count: int) -> Sequence[Answer]:
    """Return the answers to the listing that was asked for with CAPA.

    A server that pipelines before the login may not do so afterwards, and have thrown the rest away or mixed
    it up. Raises `TryWithout`.
    """
    smaller = plan.leaving_out(LISTING_AHEAD)
    try:
        return await _or_without(smaller, conversation.read_answers(count))
    except SourceViolation as error:
        raise TryWithout(smaller, error) from error


async def _capabilities(conversation: Conversation, plan: LoginPlan) -> Capabilities:
    if CAPA not in plan.steps:
        return UNKNOWN_CAPABILITIES
    answer = await _or_without(plan.leaving_out(CAPA), conversation.execute(commands.CAPA))
    return parse_capabilities(answer.data) if isinstance(answer, Body) else UNKNOWN_CAPABILITIES


async def _capabilities_again(
    conversation: Conversation, plan: LoginPlan, before: Capabilities, behind: Iterable[Command]
) -> Capabilities:
    """Return the capabilities after the login, or those `before` it where the server does not say.

    The commands `behind` are sent with CAPA, and their answers are left to be read.
    """
    behind = tuple(behind)
    smaller = plan.leaving_out(LISTING_AHEAD if behind else CAPA_AGAIN)
    answer = await _or_without(smaller, conversation.execute(commands.CAPA, behind))
    return parse_capabilities(answer.data) if isinstance(answer, Body) else before


async def _mechanisms(conversation: Conversation, plan: LoginPlan) -> tuple[str, ...] | None:
    """Return the mechanisms that a bare AUTH lists; None if it is not understood."""
    if AUTH not in plan.steps:
        return None
    smaller = plan.leaving_out(AUTH)
    try:
        answer = await _or_without(smaller, conversation.execute(commands.METHODS))
    except SourceViolation as error:
        raise TryWithout(smaller, error) from error
    return parse_mechanisms(answer.data) if isinstance(answer, Body) else None


async def _or_without(smaller: LoginPlan, question: Awaitable[Result]) -> Result:
    try:
        return await question
    except (ConnectionLost, InactivityTimeout) as error:
        raise TryWithout(smaller, error) from error


async def _encrypt(
    conversation: Conversation, endpoint: Endpoint, capabilities: Capabilities, plan: LoginPlan
) -> Capabilities:
    """Start TLS by STLS if it is offered, or the server does not say; return the capabilities afterwards."""
    if not capabilities.known or "STLS" in capabilities:
        answer = await conversation.execute(commands.STLS)
        if isinstance(answer, Reply) and answer.ok:
            await start_tls(conversation.start_tls, endpoint, plan)
            return await _capabilities(conversation, plan)
    if endpoint.tls is Tls.REQUIRED:
        raise EncryptionMissing(f"TLS is required, but {endpoint} does not offer STLS; nobody was logged in.")
    return capabilities
