"""Open the mailbox of an account: the one place that knows which protocols there are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

import structlog
from pydantic import SecretStr

from services.fetcher.mailboxes.imap_opening import open_imap_account
from services.fetcher.mailboxes.mailbox import Mailbox
from services.fetcher.mailboxes.pop3_opening import open_pop3_account
from services.fetcher.mailboxes.visit_observer import NOT_OBSERVED, Retry
from shared.model.account import Account, RetryTimes
from shared.model.errors import Fault, MailferryError
from shared.model.mailbox import UNMETERED, Meter
from shared.model.source_errors import (
    CredentialsRefused,
    LoginMethodsExhausted,
    LoginTooSoon,
    SourceBusy,
    TokenRefused,
    WrongService,
)
from shared.net.errors import NotTls
from shared.net.login.wire import Dialogue, Timeouts
from shared.net.sasl import SaslError
from shared.ports.clock import Clock
from shared.ports.tokens import NO_GRANTS, GrantTokens
from shared.runtime.tokens import token_source

CONNECT_TIMEOUT = 30.0
"""Seconds for lookup, connect and TLS together, and as many for the greeting, which an overloaded server or a
tarpit may never send."""
FIRST_CONNECT_TIMEOUT = 10.0
"""The same for the first of several attempts: a silent host would hold a slot for half a minute. Ten seconds
are enough for two lost packets (sent again after 1 and 3 seconds), and for a greeting that is held back for
some seconds against spammers."""
DEADLINE_GRACE = 120.0
"""Seconds after a session's deadline for what it has begun, its deletions and its end."""

log = structlog.get_logger("mailferry.fetcher")


class Opened(NamedTuple):
    """A mailbox, the login method that opened it (None where there is no choice), and the seconds that the
    server wants from one login to the next (0 where it does not say).
    """

    mailbox: Mailbox
    method: str | None
    login_delay: float = 0.0


OpenMailbox = Callable[[Account, str | None, float], Awaitable[Opened]]
"""Opens the mailbox of an account, given the login method that worked last time, which is tried first, and
the seconds for the connection, and again for the greeting."""


async def open_patiently(
    account: Account,
    method: str | None,
    open_mailbox: OpenMailbox,
    clock: Clock,
    chance: Callable[[], float],
    note_retry: Callable[[Retry], None] = NOT_OBSERVED.note_retry,
) -> Opened:
    """Open the mailbox in up to `retries` attempts, with growing pauses of at most `retry_delay` seconds.

    `chance` returns random numbers from 0 to 1, which spread the attempts of many accounts. `note_retry` is
    told of each failure that another attempt follows. Raises the last error. A refused login is never tried
    again here: that could lock the account.
    """
    times = account.retry_times
    for attempt in range(times.retries - 1):
        seconds = connect_timeout(times, is_first=attempt == 0)
        try:
            return await open_mailbox(account, method, seconds)
        except MailferryError as error:
            if not is_worth_retrying(error):
                raise
            pause = times.retry_pause(attempt, chance())
            log.info(
                "connecting failed",
                account=account.id,
                attempt=attempt + 1,
                retries=times.retries,
                again_in=round(pause, 1),
                error=error,
            )
            note_retry(Retry(account.id, attempt + 1, times.retries, pause, error))
        await clock.sleep(pause)
    return await open_mailbox(account, method, connect_timeout(times, is_first=False))


def connect_timeout(times: RetryTimes, *, is_first: bool) -> float:
    """Return the seconds for a connection, and again for the greeting, of the first or a later attempt."""
    return min(times.timeout, FIRST_CONNECT_TIMEOUT if is_first else CONNECT_TIMEOUT)


def is_worth_retrying(error: MailferryError) -> bool:
    """Return whether another connection within the same visit may help.

    It does not where the server asked to be left alone, or speaks another protocol.
    """
    if (
        isinstance(error, (LoginTooSoon, SourceBusy, NotTls, WrongService))
        or getattr(error, "retry_after", None) is not None
    ):
        return False
    return error.temporary and error.fault is Fault.SOURCE


def was_login_refused(error: MailferryError) -> bool:
    """Return whether the server refused every login method, so that none is worth remembering."""
    return isinstance(error, (CredentialsRefused, LoginMethodsExhausted, SaslError))


OpenMetered = Callable[[Account, str | None, float, Meter], Awaitable[Opened]]
"""The same, with a meter that counts what the server sends."""


class Opener(Protocol):
    """Opens the mailbox of an account of one protocol."""

    def __call__(
        self,
        account: Account,
        token: str,
        timeouts: Timeouts,
        *,
        preferred: str | None = None,
        dialogue: Dialogue | None = None,
        meter: Meter = UNMETERED,
    ) -> Awaitable[Mailbox]:
        """Connect and log in within these timeouts.

        `token` takes the place of the password where it is not empty. `preferred`: the method that worked
        last time, which is `Mailbox.method`. `dialogue` is called with every line, secrets masked.
        """
        ...


OPENERS: Mapping[str, Opener] = MappingProxyType({"imap": open_imap_account, "pop3": open_pop3_account})
"""The openers by `Account.protocol`."""


async def open_source(
    account: Account,
    method: str | None = None,
    connect_within: float = CONNECT_TIMEOUT,
    meter: Meter = UNMETERED,
    grants: GrantTokens = NO_GRANTS,
) -> Opened:
    """Open the mailbox of an account for a visit.

    `connect_within`: seconds for the connection, and again for the greeting. Raises what `open_account`
    raises.
    """
    timeouts = Timeouts(
        connect=connect_within,
        inactivity=account.retry_times.timeout,
        session=account.reading.session_deadline + DEADLINE_GRACE,
    )
    mailbox = await open_account(account, timeouts, preferred=method, meter=meter, grants=grants)
    return Opened(mailbox, mailbox.method, mailbox.login_delay)


async def open_account(
    account: Account,
    timeouts: Timeouts,
    *,
    preferred: str | None = None,
    dialogue: Dialogue | None = None,
    meter: Meter = UNMETERED,
    grants: GrantTokens = NO_GRANTS,
) -> Mailbox:
    """Open the mailbox of an account by its protocol, as `Opener` says.

    Where the server refuses a token of `grants`, the login is tried once more with a new one. Raises the
    errors of `shared.model.source_errors`, `shared.net.errors` and `shared.net.sasl`, and `TokenUnavailable`.
    """
    token = await access_token(account, grants)
    opener = OPENERS[account.protocol]

    async def opened(token: str) -> Mailbox:
        return await opener(account, token, timeouts, preferred=preferred, dialogue=dialogue, meter=meter)

    try:
        return await opened(token)
    except CredentialsRefused as error:
        if account.grant is None:
            raise
        renewed = await grants.renewed(account.grant, SecretStr(token))
        if renewed is None:
            raise token_refused(error) from error
    try:
        return await opened(renewed.get_secret_value())
    except CredentialsRefused as error:
        raise token_refused(error) from error


def token_refused(error: CredentialsRefused) -> TokenRefused:
    """Return the error for a server that refuses a token which its provider has just given."""
    return TokenRefused(
        f"{error} The provider has just given that token, so it is the mailbox that does not let the app in: "
        "the user name may be that of another mailbox, or POP and IMAP are switched off for it."
    )


async def access_token(account: Account, grants: GrantTokens = NO_GRANTS) -> str:
    """Return a token for the login of an account, or "" where it has a password.

    Raises `TokenUnavailable`.
    """
    if account.grant is not None:
        return (await grants.access_token(account.grant)).get_secret_value()
    source = token_source(account.login)
    return "" if source is None else (await source.access_token()).get_secret_value()
