"""From the greeting to the transaction state on one connection: detect, encrypt, authenticate.

Promises: credentials are sent in clear only where the endpoint says that TLS is off or only wanted; what the
server said about itself before TLS is forgotten (RFC 2595, section 4); only methods that are switched on are
used. Every refusal becomes an error whose sentence names the step, the server and the user.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.fetcher.mailbox_errors import (
    CredentialsRefused,
    EncryptionMissing,
    LoginMethodsExhausted,
    SourceError,
)
from services.fetcher.pop3 import commands
from services.fetcher.pop3.authentication import USER, authenticate
from services.fetcher.pop3.capabilities import UNKNOWN, Capabilities, parse_capabilities
from services.fetcher.pop3.conversation import Conversation
from services.fetcher.pop3.events import Body, Reply
from services.fetcher.pop3.redaction import Credentials
from services.fetcher.pop3.refusal import login_refused, refused
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import quoted
from shared.net.errors import ConnectionLost, TlsFailed, TlsInjection

_OPPORTUNISTIC = frozenset({Tls.WANTED, Tls.REQUIRED})
_CLEAR_ALLOWED = frozenset({Tls.OFF, Tls.WANTED})


@dataclass(frozen=True, slots=True)
class LoginPlan:
    """How to try: `detect` asks for CAPA, `encrypt` uses STLS where the endpoint wants it, `methods` in their
    order.

    `initial_response`: send SASL's first message along with AUTH; some servers want it on a line of its own.
    """

    methods: tuple[str, ...]
    detect: bool = True
    encrypt: bool = True
    initial_response: bool = True


class TryWithout(SourceError):
    """This connection is lost, but a new one may do with `plan`, which leaves out what failed because of
    `reason`.
    """

    def __init__(self, plan: LoginPlan, reason: SourceError | ConnectionLost | TlsFailed) -> None:
        super().__init__(str(reason))
        self.plan = plan
        self.reason = reason


async def log_in(
    conversation: Conversation, endpoint: Endpoint, credentials: Credentials, plan: LoginPlan
) -> Capabilities:
    """Log in on a fresh connection; returns what the server can do.

    Raises `TryWithout` where a new connection with a smaller plan makes sense, and the errors of
    `services.fetcher.mailbox_errors` and `shared.net.errors`.
    """
    greeting = await conversation.greeting()
    if not greeting.ok:
        raise refused(f"Opening a session with {endpoint}", greeting.code, greeting.text)
    capabilities = await _detect(conversation, plan)
    if plan.encrypt and endpoint.tls in _OPPORTUNISTIC and not conversation.wire.is_tls:
        capabilities = await _encrypt(conversation, endpoint, capabilities, plan)
    if endpoint.tls not in _CLEAR_ALLOWED and not conversation.wire.is_tls:
        raise EncryptionMissing(f"TLS is required for {endpoint} but is not there; nobody was logged in.")
    await _authenticate(conversation, endpoint, credentials, capabilities, plan)
    return capabilities


async def _detect(conversation: Conversation, plan: LoginPlan) -> Capabilities:
    if not plan.detect:
        return UNKNOWN
    try:
        answer = await conversation.ask(commands.CAPA)
    except ConnectionLost as error:
        raise TryWithout(replace(plan, detect=False), error) from error
    return parse_capabilities(answer.data) if isinstance(answer, Body) else UNKNOWN


async def _encrypt(
    conversation: Conversation, endpoint: Endpoint, capabilities: Capabilities, plan: LoginPlan
) -> Capabilities:
    """STLS if it is offered; where CAPA is not known it is simply tried."""
    if not capabilities.known or "STLS" in capabilities:
        answer = await conversation.ask(commands.STLS)
        if isinstance(answer, Reply) and answer.ok:
            await _start_tls(conversation, endpoint, plan)
            return await _detect(conversation, plan)
    if endpoint.tls is Tls.REQUIRED:
        raise EncryptionMissing(f"TLS is required, but {endpoint} does not offer STLS; nobody was logged in.")
    return capabilities


async def _start_tls(conversation: Conversation, endpoint: Endpoint, plan: LoginPlan) -> None:
    try:
        await conversation.start_tls(endpoint)
    except TlsInjection:
        raise
    except TlsFailed as error:
        if endpoint.tls is Tls.REQUIRED:
            raise
        raise TryWithout(replace(plan, encrypt=False), error) from error


async def _authenticate(
    conversation: Conversation,
    endpoint: Endpoint,
    credentials: Credentials,
    capabilities: Capabilities,
    plan: LoginPlan,
) -> None:
    methods = offered(plan.methods, capabilities)
    if not methods:
        raise LoginMethodsExhausted(_no_method(endpoint, plan.methods, capabilities))
    for position, method in enumerate(methods):
        rest = methods[position + 1 :]
        action = f"Logging in to {endpoint} as {quoted(credentials.username)} with {method.upper()}"
        try:
            reply = await authenticate(
                conversation, method, credentials, initial_response=plan.initial_response
            )
        except ConnectionLost as error:
            if not rest:
                raise ConnectionLost(f"{action} failed: {error}", fault=error.fault) from error
            raise TryWithout(replace(plan, methods=rest), error) from error
        if reply.ok:
            return
        refusal = login_refused(action, reply.code, reply.text)
        if not rest or reply.code == "AUTH" or not isinstance(refusal, CredentialsRefused):
            raise refusal


def offered(methods: Sequence[str], capabilities: Capabilities) -> tuple[str, ...]:
    """Those of `methods` that the server says it has; all of them where it does not know CAPA.

    USER stays in where the server announces no method at all, or where nothing else is switched on: servers
    forget to announce it, and refuse the name before the password is sent if they mean it.
    """
    if not capabilities.known or [method.upper() for method in methods] == [USER]:
        return tuple(methods)
    announced = _announced(capabilities) or (USER,)
    return tuple(method for method in methods if method.upper() in announced)


def _announced(capabilities: Capabilities) -> tuple[str, ...]:
    return (*capabilities.mechanisms, *((USER,) if USER in capabilities else ()))


def _no_method(endpoint: Endpoint, methods: Sequence[str], capabilities: Capabilities) -> str:
    return (
        f"No method to log in to {endpoint} is left: switched on are {', '.join(methods) or 'none'}, "
        f"the server offers {quoted(', '.join(_announced(capabilities))) or 'none'}."
    )
