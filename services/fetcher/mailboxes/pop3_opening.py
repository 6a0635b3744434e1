"""Opens a POP3 mailbox: dials, logs in, and dials again with less where a server hangs up on what it
announced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from services.fetcher.mailboxes.pop3 import Pop3Mailbox
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import Fault
from shared.model.source_errors import WrongService
from shared.net.dial import dial
from shared.net.errors import CertificateUntrusted, ConnectionLost, InactivityTimeout, TlsFailed
from shared.net.protection import UNTRUSTED, Shortfall, in_clear, unverified
from shared.net.wrong_port import POP3, explained, with_mistake
from shared.pop3.conversation import Conversation, Dialogue, Wire
from shared.pop3.detection import answers_ahead
from shared.pop3.events import Greeting
from shared.pop3.limits import Options, Timeouts
from shared.pop3.login import log_in
from shared.pop3.plan import LoginPlan, TryWithout
from shared.pop3.redaction import Credentials, redactor

Dial = Callable[[Endpoint, Timeouts], Awaitable[Wire]]

DEFAULTS = Options()


async def open_pop3(
    endpoint: Endpoint,
    username: str,
    password: str,
    *,
    token: str = "",
    auth: Sequence[str] = (),
    options: Options = DEFAULTS,
    dialogue: Dialogue | None = None,
    dialled: Dial | None = None,
) -> Pop3Mailbox:
    """Connect, encrypt as the endpoint says, and log in.

    `token` takes the place of the password where it is not empty. `auth`: the methods that are switched on,
    in the order in which they are tried, by their names in `shared.model.authentication`; () for the default
    ones.
    `dialogue` is called with every line, secrets masked. `dialled` replaces the network, for tests.

    Raises the errors of `shared.model.source_errors`, `shared.net.errors` and `shared.net.sasl`.
    """
    credentials = Credentials(username, password, token)
    plan = LoginPlan(
        tuple(auth),
        options.preferred,
        detect=frozenset(options.detect),
        initial_response=options.initial_response,
    )
    make_wire = dialled or _dial
    notes: list[str] = []
    shortfall: Shortfall | None = None
    if endpoint.tls is Tls.WANTED and (reason := UNTRUSTED.reason(endpoint)) is not None:
        plan, shortfall = replace(plan, verify=False), unverified(endpoint, reason)
    while True:
        wire = await make_wire(endpoint, options.timeouts)
        conversation = Conversation(
            wire, str(endpoint), options.limits, redact=redactor(credentials), dialogue=dialogue
        )
        try:
            greeting = await _greeting(conversation, endpoint, options.timeouts.connect)
            wire.set_deadline(options.timeouts.login)
            logged_in = await log_in(conversation, endpoint, credentials, greeting, plan, options.pipelining)
            wire.set_deadline(options.timeouts.session)
            listed = await answers_ahead(conversation, logged_in.plan, logged_in.outstanding)
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
            shortfall = in_clear(endpoint, f"{endpoint} does not offer STLS.")
        return Pop3Mailbox(conversation, logged_in, options, tuple(notes), listed, shortfall)


def _shortfall(endpoint: Endpoint, error: TlsFailed) -> Shortfall:
    """What the next connection will lack because of the error; an untrusted certificate is remembered."""
    if not isinstance(error, CertificateUntrusted):
        return in_clear(endpoint, str(error))
    UNTRUSTED.note(endpoint, error.reason)
    return unverified(endpoint, error.reason)


async def _greeting(conversation: Conversation, endpoint: Endpoint, seconds: float) -> Greeting:
    """The greeting, which may never come: from a server that is overloaded, or one that waits for TLS.

    Where it does not come, the error names the likely mistake.
    """
    try:
        async with asyncio.timeout(seconds):
            return await conversation.greeting()
    except TimeoutError as error:
        sentence = f"{conversation.server} did not greet within {seconds:g} seconds."
        raise InactivityTimeout(with_mistake(sentence, POP3, endpoint), fault=Fault.SOURCE) from error
    except InactivityTimeout as error:
        raise InactivityTimeout(with_mistake(str(error), POP3, endpoint), fault=error.fault) from error
    except ConnectionLost as error:
        raise ConnectionLost(with_mistake(str(error), POP3, endpoint), fault=error.fault) from error
    except WrongService as error:
        said = error.said
        raise WrongService(with_mistake(str(error), POP3, endpoint, said), said) from error


async def _dial(endpoint: Endpoint, timeouts: Timeouts) -> Wire:
    try:
        return await dial(
            endpoint,
            connect_timeout=timeouts.connect,
            inactivity_timeout=timeouts.inactivity,
            fault=Fault.SOURCE,
        )
    except TlsFailed as error:
        raise await explained(error, POP3, endpoint) from error
