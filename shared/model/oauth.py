"""The vocabulary of OAuth grants: whose they are, and how they are doing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.model.tenant_room import tenant_of

ACCOUNT, TARGET = "account", "target"
REVOKE_FOR = 7 * 86400.0
"""Seconds for which a provider is told that a grant has ended, before that is given up. An outage is over by
then, and the refresh token, which is kept for that long, becomes void by disuse in the end.
"""


class Flow(StrEnum):
    """How an app gets its tokens.

    `USER`: the owner of a mailbox signs in, in a browser or with a device code. `CLIENT_CREDENTIALS`: the app
    signs in as itself (Microsoft 365). `SERVICE_ACCOUNT`: the app signs a JWT for each mailbox (Google
    Workspace, domain-wide delegation).
    """

    USER = "user"
    CLIENT_CREDENTIALS = "client-credentials"
    SERVICE_ACCOUNT = "service-account"


class GrantState(StrEnum):
    """How a grant is doing. `REFRESHING` is a grant in one of the other states whose lease is held.

    `REVOKING`: it has ended, and its provider is to be told. `REVOKED`: it has ended.
    """

    VALID = "valid"
    REFRESHING = "refreshing"
    RETRYING = "retrying"
    NEEDS_OWNER = "needs owner"
    NEEDS_ADMIN = "needs admin"
    APP_BROKEN = "app broken"
    REVOKING = "revoking"
    REVOKED = "revoked"

    @property
    def label(self) -> str:
        """The state as a metric's label."""
        return self.value.replace(" ", "_")


@dataclass(frozen=True, slots=True)
class GrantRef:
    """Whose tokens are wanted: those of the grant `id`, got by `app` for the mailbox of `username`.

    `protocol` is "imap", "pop3" or "smtp".
    """

    id: str
    app: str
    username: str
    protocol: str

    @property
    def name(self) -> str:
        """What the grant is for, in words: account acme/sales."""
        return named(self.id)


def account_grant(account: str) -> str:
    """Return the id of an account's grant."""
    return f"{ACCOUNT}:{account}"


def target_grant(target: str) -> str:
    """Return the id of a target's grant."""
    return f"{TARGET}:{target}"


def grant_tenant(grant: str) -> str:
    """Return the tenant whose account or target a grant is for; "" for a global target."""
    name = grant.partition(":")[2]
    return tenant_of(name) if "/" in name else ""


def named(grant: str) -> str:
    """Return what a grant is for, in words: account acme/sales."""
    kind, _, name = grant.partition(":")
    return f"{kind} {name}"
