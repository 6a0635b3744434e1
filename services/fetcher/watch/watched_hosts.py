"""Which hosts are not watched for a while, as watching is of no use there, or too much for the server."""

from __future__ import annotations

import structlog

from shared.model.account import Account
from shared.model.errors import MailferryError
from shared.model.source_errors import (
    LoginTooSoon,
    MailboxLocked,
    SourceBusy,
    SourceRefused,
    SourceViolation,
)

UNTOLD_IN_A_ROW = 2
"""One mail may come in the very moment of a visit, before the server tells of it."""
POLLED_FOR = 86400.0
"""Seconds for which a host is polled that does not tell of mail. It may be mended by tomorrow."""
LEFT_ALONE_FOR = 3600.0
"""Seconds for which no session stays open at a host that complains of connections."""

log = structlog.get_logger("mailferry.fetcher")


class WatchedHosts:
    """Knows by host until when no session waits there, and until when none stays open (monotonic seconds).

    A host is in it only while that holds, or while mail was missed there.
    """

    def __init__(self) -> None:
        self._polled_until: dict[str, float] = {}
        self._left_alone_until: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def tells(self, host: str, now: float) -> bool:
        """Return whether sessions of the host may wait for changes."""
        return not _lasts(self._polled_until, host, now)

    def bears(self, host: str, now: float) -> bool:
        """Return whether sessions of the host may stay open."""
        return not _lasts(self._left_alone_until, host, now)

    def note_told(self, host: str) -> None:
        """The server told of mail that was there."""
        self._untold.pop(host, None)

    def note_untold(self, account: Account, now: float) -> None:
        """A visit found mail that the server had not told of, though it was waited for."""
        host = account.endpoint.host
        self._untold[host] = self._untold.get(host, 0) + 1
        if self._untold[host] >= UNTOLD_IN_A_ROW:
            del self._untold[host]
            self._poll(account, "the server did not tell of new mail twice in a row", now)

    def note_end(self, account: Account, error: MailferryError, now: float) -> None:
        """A session that stayed open ended with `error`."""
        if isinstance(error, (LoginTooSoon, MailboxLocked, SourceBusy)):
            pause = max(LEFT_ALONE_FOR, error.retry_after or 0.0)
            self._left_alone_until[account.endpoint.host] = now + pause
            log.warning(
                "no session stays open at this host for now", account=account.id, error=error, seconds=pause
            )
        elif isinstance(error, (SourceRefused, SourceViolation)):
            self._poll(account, str(error), now)

    def _poll(self, account: Account, why: str, now: float) -> None:
        host = account.endpoint.host
        self._polled_until[host] = now + POLLED_FOR
        log.warning("this host is polled for a day, not watched", account=account.id, host=host, problem=why)


def _lasts(until: dict[str, float], host: str, now: float) -> bool:
    if host in until and until[host] <= now:
        del until[host]
    return host in until
