"""Which sessions of a process are open between visits, how many there may be, and which one gives way."""

from __future__ import annotations

from math import inf

from services.fetcher.watch.open_mailbox import OpenMailbox
from shared.model.hosts import HostLimits


class OpenPlaces:
    """The open `sessions` by account; `mail_at` has the time of the last mail of each account that had some.

    `most`: how many there may be. Of each host they take at most half of its connections.
    """

    def __init__(self, most: int, hosts: HostLimits) -> None:
        self.most = most
        self.hosts = hosts
        self.sessions: dict[str, OpenMailbox] = {}
        self.mail_at: dict[str, float] = {}

    def is_full(self, host: str) -> bool:
        """Return whether no other session of the host can stay open."""
        return len(self.sessions) >= self.most or self._host_is_full(host)

    def rival_of(self, session: OpenMailbox) -> OpenMailbox | None:
        """Return the open session whose place is better used for this one, as its mail is longer ago."""
        host = session.account.endpoint.host
        if not self.sessions or not self.is_full(host):
            return None
        if self._host_is_full(host):
            rival = self.quietest(host) if self.count_at(host) else None
        else:
            rival = self.quietest()
        return rival if rival and self._last_mail(rival) < self._last_mail(session) else None

    def quietest(self, host: str | None = None) -> OpenMailbox:
        """Return the open session without mail for longest, of one host or of all; there has to be one."""
        those = [each for each in self.sessions.values() if host in (None, each.account.endpoint.host)]
        return min(those, key=self._last_mail)

    def count_at(self, host: str) -> int:
        """Return how many sessions of the host are open."""
        return sum(each.account.endpoint.host == host for each in self.sessions.values())

    def _host_is_full(self, host: str) -> bool:
        most = self.hosts.of(host).connections
        return most > 0 and 2 * (self.count_at(host) + 1) > most

    def _last_mail(self, session: OpenMailbox) -> float:
        return self.mail_at.get(session.account.id, -inf)
