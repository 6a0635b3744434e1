"""Which hosts asked for fewer visits, so that their `spacing` is longer for a while.

One account may be throttled for reasons of its own. Where it happens to several of a host, the host has too
many visits from us. Processes learn it from each other by way of the database (`HostMemory`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import structlog

from shared.model.account import Account
from shared.model.errors import MailferryError
from shared.model.hosts import HostLimit, HostLimits
from shared.model.source_errors import LoginTooSoon, SourceBusy

ACCOUNTS = 3
"""Accounts of a host that are throttled, one after the other, before its spacing is doubled."""
LASTS = 3600.0
"""Seconds for which a longer spacing lasts after the last doubling. Without a throttle answer in all that
time, the host is visited as before."""
FIRST = 1.0
"""Seconds that are doubled where the host has no spacing."""
LONGEST = 60.0
"""Seconds of a doubled spacing: with 60 accounts, each is still visited once an hour."""
MOST_DOUBLINGS = 10

log = structlog.get_logger("mailferry.fetcher")


class ThrottledHosts:
    """The throttled hosts of one process; times are in monotonic seconds."""

    def __init__(self) -> None:
        self._throttled: dict[str, set[str]] = {}
        self._doublings: dict[str, tuple[int, float]] = {}
        self._news: set[str] = set()

    def note_visit(self, account: Account, error: MailferryError | None, now: float) -> None:
        """A visit ended, with `error` or well."""
        host = account.endpoint.host
        if error is None:
            self._throttled.get(host, set()).discard(account.id)
        if not isinstance(error, (LoginTooSoon, SourceBusy)) or error.pause_grows:
            return
        accounts = self._throttled.setdefault(host, set())
        accounts.add(account.id)
        if len(accounts) < ACCOUNTS:
            return
        del self._throttled[host]
        times = min(self._times(host, now) + 1, MOST_DOUBLINGS)
        self._doublings[host] = (times, now + LASTS)
        self._news.add(host)
        log.warning(
            "visits to a host are spaced out, as it throttles several accounts",
            host=host,
            doublings=times,
            seconds=LASTS,
            error=error,
        )

    def slowed(self, hosts: HostLimits, now: float) -> HostLimits:
        """Return the limits with the longer spacing of the hosts that are throttled now."""
        for host in [each for each in self._doublings if not self._times(each, now)]:
            del self._doublings[host]
        if not self._doublings:
            return hosts
        slower: Mapping[str, HostLimit] = {
            host: _slowed(hosts.of(host), times) for host, (times, _) in self._doublings.items()
        }
        return replace(hosts, named={**hosts.named, **slower})

    def take_news(self, now: float) -> list[tuple[str, int, float]]:
        """Return host, doublings and seconds left of what was noted since the last call."""
        news, self._news = sorted(self._news), set()
        return [
            (host, self._doublings[host][0], self._doublings[host][1] - now)
            for host in news
            if self._times(host, now)
        ]

    def learn(self, host: str, times: int, seconds: float, now: float) -> None:
        """Learn from another process that the host throttles, and how long its longer spacing lasts."""
        if times > self._times(host, now):
            self._doublings[host] = (min(times, MOST_DOUBLINGS), now + min(seconds, LASTS))

    def _times(self, host: str, now: float) -> int:
        times, until = self._doublings.get(host, (0, 0.0))
        return times if now < until else 0


def _slowed(limit: HostLimit, times: int) -> HostLimit:
    spacing = max(limit.spacing, FIRST) * 2**times
    return replace(limit, spacing=max(limit.spacing, min(LONGEST, spacing)))
