"""From the greeting to the transaction state on one connection: detect, encrypt, authenticate.

Promises: where TLS is only wanted, a certificate that is not trusted means that the server is not verified,
and not that the session is in clear; credentials are sent in clear only where the endpoint says that TLS is
off or only wanted, and there only by methods that the account names or that do not show them; what the server
said about itself before TLS is forgotten (RFC 2595, section 4); only methods that are switched on are used.
Every refusal becomes an error whose sentence names the step, the server and the user.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from shared.model.endpoint import Endpoint, Tls
from shared.model.source_errors import EncryptionMissing
from shared.net.errors import CertificateNotPinned, CertificateUntrusted, TlsFailed, TlsInjection
from shared.pop3 import commands, detection
from shared.pop3.attempts import Attempts
from shared.pop3.capabilities import Capabilities, pipelines
from shared.pop3.conversation import Conversation
from shared.pop3.events import Greeting, Reply
from shared.pop3.offer import Offer, timestamp
from shared.pop3.plan import LoginPlan, TryWithout
from shared.pop3.redaction import Credentials
from shared.pop3.refusal import refused

_OPPORTUNISTIC = frozenset({Tls.WANTED, Tls.REQUIRED})
_CLEAR_ALLOWED = frozenset({Tls.OFF, Tls.WANTED})


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """`capabilities` as they are after the login; `plan` is the one that worked, with the method that did as
    its preferred one. So many answers are `outstanding`: those to a listing that was asked for ahead.
    """

    capabilities: Capabilities
    plan: LoginPlan
    method: str
    outstanding: int


async def log_in(
    conversation: Conversation,
    endpoint: Endpoint,
    credentials: Credentials,
    greeting: Greeting,
    plan: LoginPlan,
    pipelining: bool | None = None,
) -> LoggedIn:
    """Log in on a fresh connection after its `greeting`. Where the server pipelines (None: if it says
    so), the listing is asked for with the capabilities, which spares a round trip.

    Raises `TryWithout` where a new connection with a smaller plan makes sense, and the errors of
    `shared.model.source_errors`, `shared.net.errors` and `shared.net.sasl`.
    """
    if not greeting.ok:
        raise refused(f"Opening a session with {endpoint}", greeting.code, greeting.text)
    capabilities = await detection.capabilities(conversation, plan)
    if plan.encrypt and endpoint.tls in _OPPORTUNISTIC and not conversation.wire.is_tls:
        capabilities = await _encrypt(conversation, endpoint, capabilities, plan)
    if endpoint.tls not in _CLEAR_ALLOWED and not conversation.wire.is_tls:
        raise EncryptionMissing(f"TLS is required for {endpoint} but is not there; nobody was logged in.")
    offer = Offer(
        capabilities=capabilities,
        listed=None if capabilities.known else await detection.listed(conversation, plan),
        timestamp=timestamp(greeting.text) if detection.BANNER in plan.detect else b"",
        encrypted=conversation.wire.is_tls,
        clear_is_fine=endpoint.tls is Tls.OFF,
    )
    method = await Attempts(conversation, endpoint, credentials, offer, plan).run()
    worked = replace(plan, preferred=method)
    ahead = plan.ahead and pipelines(capabilities, pipelining) and detection.asks_again(plan, capabilities)
    behind = commands.LISTING if ahead else ()
    after = await detection.capabilities_again(conversation, worked, capabilities, behind)
    return LoggedIn(after, worked, method, len(behind))


async def _encrypt(
    conversation: Conversation, endpoint: Endpoint, capabilities: Capabilities, plan: LoginPlan
) -> Capabilities:
    """STLS if it is offered; where CAPA is not known it is simply tried."""
    if not capabilities.known or "STLS" in capabilities:
        answer = await conversation.ask(commands.STLS)
        if isinstance(answer, Reply) and answer.ok:
            await _start_tls(conversation, endpoint, plan)
            return await detection.capabilities(conversation, plan)
    if endpoint.tls is Tls.REQUIRED:
        raise EncryptionMissing(f"TLS is required, but {endpoint} does not offer STLS; nobody was logged in.")
    return capabilities


async def _start_tls(conversation: Conversation, endpoint: Endpoint, plan: LoginPlan) -> None:
    try:
        await conversation.start_tls(endpoint if plan.verify else replace(endpoint, verify=False))
    except (TlsInjection, CertificateNotPinned):
        raise
    except CertificateUntrusted as error:
        if endpoint.tls is Tls.REQUIRED or not plan.verify:
            raise
        raise TryWithout(replace(plan, verify=False), error) from error
    except TlsFailed as error:
        if endpoint.tls is Tls.REQUIRED:
            raise
        raise TryWithout(replace(plan, encrypt=False), error) from error
