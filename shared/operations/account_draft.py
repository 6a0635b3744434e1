"""What is known of an account while it is being added, and the keys that it will have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from shared.autoconfig.candidate import Candidate
from shared.model.account import KEEP, MailboxKind
from shared.model.address import Address
from shared.model.endpoint import Tls
from shared.operations.login_test import LoginTest

DEFAULT_TENANT = "default"
LONGEST_NAME = 64
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._+-]+")


@dataclass(frozen=True, slots=True)
class Draft:
    """The answers so far; None or () is not answered yet.

    `targets` can be chosen, and `apps` for OAuth. `taken` are ids of accounts that exist; a registry says
    itself at the end if there are more. `found` are the candidates that the search gave, and `problems` what
    went wrong on the way. `source` is the URL of the server, which a person has confirmed, and `chosen` the
    candidate that it came from. `oauth_app`: the owner signs in to it once the account is saved; there is no
    password then. `login` is the last login test. `is_given_up`: nothing is to be saved.
    """

    targets: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    taken: frozenset[str] = frozenset()
    address: Address | None = None
    found: tuple[Candidate, ...] | None = None
    problems: tuple[str, ...] = ()
    source: str | None = None
    chosen: Candidate | None = None
    username: str | None = None
    password: SecretStr | None = field(default=None, repr=False)
    oauth_app: str | None = None
    login: LoginTest | None = None
    mailbox: MailboxKind | None = None
    recipient: Address | None = None
    domains: tuple[str, ...] = ()
    target: str | None = None
    retention: str | None = None
    tenant: str | None = None
    name: str | None = None
    is_confirmed: bool = False
    is_saved: bool = False
    is_given_up: bool = False

    @property
    def has_logged_in(self) -> bool:
        """Whether the login with these answers worked."""
        return self.login is not None and self.login.ok

    def server_keys(self) -> dict[str, Any]:
        """Return the keys that say where the mailbox is and who logs in, without the password.

        The kind of TLS of a found server is among them, as a default of the configuration may be weaker.
        """
        keys: dict[str, Any] = {}
        if self.chosen is not None and self.chosen.provider is not None:
            keys |= {"provider": self.chosen.provider, "source": self.chosen.protocol}
        else:
            keys |= {"source": self.source}
        if self.chosen is not None and self.chosen.tls is not Tls.IMPLICIT:
            keys["tls"] = self.chosen.tls.value
        keys["username"] = self.username
        if self.oauth_app is not None:
            keys |= {"auth": "oauth", "oauth_app": self.oauth_app}
        return keys

    def keys(self) -> dict[str, Any]:
        """Return the keys of the account as [[accounts]] has them, without the password."""
        whose: dict[str, Any] = (
            {"domains": dict.fromkeys(self.domains, KEEP)}
            if self.mailbox is MailboxKind.CATCH_ALL
            else {"recipient": str(self.recipient)}
        )
        return {
            "tenant": self.tenant,
            "name": self.name,
            **self.server_keys(),
            "mailbox": None if self.mailbox is None else self.mailbox.value,
            **whose,
            "target": self.target,
            "retention": self.retention,
        }


def proposed_name(address: Address) -> str:
    """Return a name for the account of an address."""
    local = _NOT_IN_NAMES.sub("-", address.local).strip("-")
    name = _NOT_IN_NAMES.sub("-", f"{local}-{address.domain}").strip("-._+")
    return name[:LONGEST_NAME] or "mailbox"


def summary(draft: Draft) -> Sequence[tuple[str, str]]:
    """Return what will be saved, line by line: a title and its value."""
    whose = (
        f"everybody at {', '.join(draft.domains)}"
        if draft.mailbox is MailboxKind.CATCH_ALL
        else f"{draft.recipient}"
    )
    signing_in = "" if draft.oauth_app is None else f", signed in to by the app {draft.oauth_app}"
    return (
        ("Account", f"{draft.tenant}/{draft.name}"),
        ("Source", f"{draft.source} as {draft.username}{signing_in}"),
        ("Mail is for", whose),
        ("Target", f"{draft.target}"),
        ("Copies at the source", f"{draft.retention}"),
    )
