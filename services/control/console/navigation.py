"""The navigation: an entry for each page that the reader may open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from shared.access import Access, Permission, Principal, access_to


class Entry(NamedTuple):
    """An entry: a path, its text and icon, and the permission without which it is not shown.

    `of_service`: the page is for people who belong to no tenant.
    """

    path: str
    text: str
    icon: str
    permission: Permission
    of_service: bool = False

    def is_for(self, principal: Principal) -> bool:
        """Return whether somebody may open the page."""
        tenant = None if self.of_service else principal.tenant or ""
        return access_to(principal, self.permission, tenant=tenant) is Access.ALLOWED


class Shown(NamedTuple):
    """An entry, and whether the page is one below it."""

    entry: Entry
    is_current: bool


def text(msgid: str) -> str:
    """Mark a text for the catalogue; it is translated where it is shown."""
    return msgid


_P = Permission
ENTRIES: Sequence[Entry] = (
    Entry("/", text("Overview"), "home", _P.ACCOUNTS_READ),
    Entry("/live", text("Live"), "activity", _P.ACCOUNTS_READ),
    Entry("/accounts", text("Accounts"), "mailbox", _P.ACCOUNTS_READ),
    Entry("/messages", text("Mails"), "mail", _P.MESSAGES_READ),
    Entry("/parked", text("Parked"), "alert-triangle", _P.MESSAGES_READ),
    Entry("/targets", text("Targets"), "server", _P.TARGETS_READ),
    Entry("/tenants", text("Tenants"), "building", _P.TENANTS_READ),
    Entry("/people", text("People"), "users", _P.MEMBERS_READ),
    Entry("/tokens", text("Tokens"), "key", _P.TOKENS_READ),
    Entry("/oauth-apps", text("OAuth apps"), "shield-lock", _P.OAUTH_READ),
    Entry("/webhooks", text("Webhooks"), "webhook", _P.WEBHOOKS_READ),
    Entry("/usage", text("Usage"), "chart-bar", _P.USAGE_READ),
    Entry("/service", text("Service"), "adjustments", _P.SERVICE_READ, of_service=True),
    Entry("/audit", text("Audit"), "clipboard-list", _P.AUDIT_READ),
)
"""In the order in which they are shown."""


def entries_of(principal: Principal, path: str) -> Sequence[Shown]:
    """Return the entries for somebody who is at `path`."""
    return [Shown(each, _is_below(path, each.path)) for each in ENTRIES if each.is_for(principal)]


def _is_below(path: str, entry: str) -> bool:
    return path == entry or (entry != "/" and path.startswith(entry + "/"))
