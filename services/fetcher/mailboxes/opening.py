"""Opening the mailbox of an account: the one place that knows which protocols there are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from services.fetcher.mailboxes.mailbox import Mailbox
from services.fetcher.mailboxes.pop3 import Pop3Mailbox
from services.fetcher.mailboxes.pop3_opening import open_pop3
from shared.model.account import Account, Login, RetryTimes
from shared.model.errors import Fault, MailferryError
from shared.model.mailbox import UNMETERED, Meter
from shared.model.reading import Pipelining
from shared.model.source_errors import (
    CredentialsRefused,
    LoginMethodsExhausted,
    LoginTooSoon,
    SourceBusy,
    WrongService,
)
from shared.net.errors import NotTls
from shared.net.sasl import SaslError
from shared.pop3.capabilities import Capabilities
from shared.pop3.conversation import Dialogue
from shared.pop3.limits import Limits, Options, Timeouts
from shared.ports.clock import Clock
from shared.ports.store import LONGEST_WAIT
from shared.runtime.tokens import token_source

CONNECT_TIMEOUT = 30.0
"""Seconds for look-up, connect and TLS, and as many for the greeting, which an overloaded server or a tarpit
may never send.
"""
FIRST_CONNECT_TIMEOUT = 10.0
"""The same for the first of several tries. Of 100 silent hosts each would otherwise hold a place for half a
minute; ten seconds still bear two lost packets (sent again after 1 and 3 seconds) and a greeting held back
for some seconds to put off spammers.
"""
DEADLINE_GRACE = 120.0
"""Seconds beyond the deadline of a session, for what it has begun, its deletions and its end."""

log = structlog.get_logger("mailferry.fetcher")

_PIPELINES = {Pipelining.ANNOUNCED: None, Pipelining.ALWAYS: True, Pipelining.NEVER: False}


class Opened(NamedTuple):
    """A mailbox, and the login method that opened it; None where the protocol has but one.

    `login_delay`: the seconds that the server wants from one login to the next, 0 where it does not say.
    """

    mailbox: Mailbox
    method: str | None
    login_delay: float = 0.0


OpenMailbox = Callable[[Account, str | None, float], Awaitable[Opened]]
"""Opens the mailbox of an account; the login method that worked last time goes first, where it is known. The
seconds are for the connection, and again for the greeting.
"""


async def open_patiently(
    account: Account,
    method: str | None,
    open_mailbox: OpenMailbox,
    clock: Clock,
    chance: Callable[[], float],
) -> Opened:
    """Open the mailbox, trying up to `retries` times where the connection fails, with growing pauses of at
    most `retry_delay` seconds. `chance` gives numbers from 0 to 1 to spread tries by.

    Raises the last error. A refused login is never tried again here: that could lock the account.
    """
    times = account.retry_times
    for tries in range(times.retries - 1):
        seconds = connect_timeout(times, is_first=tries == 0)
        try:
            return await open_mailbox(account, method, seconds)
        except MailferryError as error:
            if not is_worth_retrying(error):
                raise
            pause = times.retry_pause(tries, chance())
            log.info(
                "connecting failed",
                account=account.id,
                attempt=tries + 1,
                retries=times.retries,
                again_in=round(pause, 1),
                error=error,
            )
        await clock.sleep(pause)
    return await open_mailbox(account, method, connect_timeout(times, is_first=False))


def connect_timeout(times: RetryTimes, *, is_first: bool) -> float:
    """Seconds for a connection, and again for the greeting; `is_first`: others follow where it fails."""
    return min(times.timeout, FIRST_CONNECT_TIMEOUT if is_first else CONNECT_TIMEOUT)


def is_worth_retrying(error: MailferryError) -> bool:
    """Whether connecting once more within the same visit may help; not where the provider wants peace, nor
    where the server speaks something else.
    """
    if (
        isinstance(error, (LoginTooSoon, SourceBusy, NotTls, WrongService))
        or getattr(error, "retry_after", None) is not None
    ):
        return False
    return error.temporary and error.fault is Fault.SOURCE


def was_login_refused(error: MailferryError) -> bool:
    """Whether the server did not let us in by any method, so that none is worth remembering."""
    return isinstance(error, (CredentialsRefused, LoginMethodsExhausted, SaslError))


OpenMetered = Callable[[Account, str | None, float, Meter], Awaitable[Opened]]
"""The same, with a meter that is told what the server sends."""


async def open_source(
    account: Account,
    method: str | None = None,
    connect_within: float = CONNECT_TIMEOUT,
    meter: Meter = UNMETERED,
) -> Opened:
    """The mailbox of an account, by its protocol. `connect_within`: seconds for the connection, and again for
    the greeting. Raises what opening it raises, and `TokenUnavailable`.
    """
    timeouts = Timeouts(
        connect=connect_within,
        inactivity=account.retry_times.timeout,
        session=account.reading.session_deadline + DEADLINE_GRACE,
    )
    mailbox = await open_account(account, timeouts, preferred=method, meter=meter)
    return Opened(mailbox, mailbox.method, login_delay(mailbox.capabilities))


def login_delay(capabilities: Capabilities) -> float:
    """What LOGIN-DELAY says (RFC 2449, section 6.5), in seconds; no more than a day is believed."""
    for written in capabilities.arguments.get("LOGIN-DELAY", ())[:1]:
        if written.isascii() and written.isdigit():
            return min(float(written[:10]), LONGEST_WAIT)
    return 0.0


async def open_account(
    account: Account,
    timeouts: Timeouts,
    *,
    preferred: str | None = None,
    dialogue: Dialogue | None = None,
    meter: Meter = UNMETERED,
) -> Pop3Mailbox:
    """The POP3 mailbox of an account, within these timeouts.

    `preferred`: the method that worked last time, which is `Pop3Mailbox.method`. `dialogue` is called with
    every line, secrets masked. Raises what `open_pop3` raises, and `TokenUnavailable`.
    """
    login = account.login
    return await open_pop3(
        account.endpoint,
        login.username,
        login.password.get_secret_value(),
        token=await access_token(login),
        auth=login.auth,
        options=_options(account, timeouts, preferred, meter),
        dialogue=dialogue,
    )


def _options(account: Account, timeouts: Timeouts, preferred: str | None, meter: Meter) -> Options:
    reading = account.reading
    return Options(
        timeouts=timeouts,
        limits=Limits(
            line=reading.line_limit,
            listing=reading.listing_limit,
            mail=reading.mail_limit,
            session=reading.session_limit,
            meter=meter,
        ),
        pipelining=_PIPELINES[reading.pipelining],
        detect=account.login.detect,
        preferred=preferred,
        use_top=reading.use_top,
    )


async def access_token(login: Login) -> str:
    """A token for this login, or "" where it goes by password. Raises `TokenUnavailable`."""
    source = token_source(login)
    return "" if source is None else (await source.access_token()).get_secret_value()
