"""Connect and log in; connect again with less where a server hangs up on what it announced."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import Fault
from shared.model.source_errors import EncryptionMissing, WrongService
from shared.net.dial import dial
from shared.net.errors import (
    CertificateNotPinned,
    CertificateUntrusted,
    ConnectionLost,
    InactivityTimeout,
    TlsFailed,
    TlsInjection,
)
from shared.net.login.plan import LoginPlan, TryWithout
from shared.net.login.wire import Dialogue, Timeouts, Wire
from shared.net.protection import UNTRUSTED, Shortfall, in_clear, unverified
from shared.net.wrong_port import explained, with_mistake

Result = TypeVar("Result")
Dial = Callable[[Endpoint, Timeouts], Awaitable[Wire]]


@dataclass(frozen=True, slots=True)
class Connected(Generic[Result]):
    """A session after its login.

    `notes` are sentences for the operator about earlier connections that failed. `shortfall` is what the
    session lacks of the TLS that was wanted.
    """

    session: Result
    notes: tuple[str, ...]
    shortfall: Shortfall | None


async def connect(
    endpoint: Endpoint,
    timeouts: Timeouts,
    plan: LoginPlan,
    make_wire: Dial,
    log_in: Callable[[Wire, LoginPlan], Awaitable[Result]],
    *,
    starttls: str,
    dialogue: Dialogue | None = None,
) -> Connected[Result]:
    """Dial and `log_in`, as often as that raises `TryWithout`, each time with its smaller plan.

    `starttls` names the protocol's command for TLS. Raises what `make_wire` and `log_in` raise.
    """
    notes: list[str] = []
    shortfall: Shortfall | None = None
    if endpoint.tls is Tls.WANTED and (reason := UNTRUSTED.reason(endpoint)) is not None:
        plan, shortfall = replace(plan, verify=False), unverified(endpoint, reason)
    while True:
        wire = await make_wire(endpoint, timeouts)
        try:
            session = await log_in(wire, plan)
        except TryWithout as failure:
            wire.abort()
            plan = failure.plan
            if isinstance(failure.reason, TlsFailed):
                shortfall = _shortfall(endpoint, failure.reason)
            else:
                notes.append(f"{failure} The session went on without.")
            if dialogue is not None:
                dialogue("S", f"({failure} Trying again without.)")
            continue
        except BaseException:
            wire.abort()
            raise
        if endpoint.tls is Tls.WANTED and not wire.is_tls and (shortfall is None or shortfall.encrypted):
            shortfall = in_clear(endpoint, f"{endpoint} does not offer {starttls}.")
        return Connected(session, tuple(notes), shortfall)


def _shortfall(endpoint: Endpoint, error: TlsFailed) -> Shortfall:
    """Return what the next connection lacks because of the error; an untrusted certificate is remembered."""
    if not isinstance(error, CertificateUntrusted):
        return in_clear(endpoint, str(error))
    UNTRUSTED.note(endpoint, error.reason)
    return unverified(endpoint, error.reason)


async def start_tls(
    start: Callable[[Endpoint], Awaitable[None]], endpoint: Endpoint, plan: LoginPlan
) -> None:
    """Switch to TLS after the server agreed.

    Where TLS is only wanted, raises `TryWithout` for a new connection that does not verify the server, or
    that has no TLS; but not after an attack.
    """
    try:
        await start(endpoint if plan.verify else replace(endpoint, verify=False))
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


def check_encryption(endpoint: Endpoint, *, is_tls: bool) -> None:
    """Raise `EncryptionMissing` where a login now would be in clear, and the endpoint does not allow that."""
    if endpoint.tls not in (Tls.OFF, Tls.WANTED) and not is_tls:
        raise EncryptionMissing(f"TLS is required for {endpoint} but is not there; nobody was logged in.")


async def greeted(greeting: Awaitable[Result], protocol: str, endpoint: Endpoint, seconds: float) -> Result:
    """Return the greeting of a server of this protocol (a name of `shared.net.wrong_port`).

    It may never come: from a server that is overloaded, or from one that waits for TLS. Then, and where it is
    another protocol's, the error names the likely mistake.
    """
    try:
        async with asyncio.timeout(seconds):
            return await greeting
    except TimeoutError as error:
        sentence = f"{endpoint} did not greet within {seconds:g} seconds."
        raise InactivityTimeout(with_mistake(sentence, protocol, endpoint), fault=Fault.SOURCE) from error
    except InactivityTimeout as error:
        raise InactivityTimeout(with_mistake(str(error), protocol, endpoint), fault=error.fault) from error
    except ConnectionLost as error:
        raise ConnectionLost(with_mistake(str(error), protocol, endpoint), fault=error.fault) from error
    except WrongService as error:
        said = error.said
        raise WrongService(with_mistake(str(error), protocol, endpoint, said), said) from error


async def dial_source(endpoint: Endpoint, timeouts: Timeouts, protocol: str) -> Wire:
    """Dial the server of a source. Where it does not speak TLS, the error names the likely mistake."""
    try:
        return await dial(
            endpoint,
            connect_timeout=timeouts.connect,
            inactivity_timeout=timeouts.inactivity,
            fault=Fault.SOURCE,
        )
    except TlsFailed as error:
        raise await explained(error, protocol, endpoint) from error
