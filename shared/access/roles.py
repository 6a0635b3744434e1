"""The roles, the one table of their permissions, and the decision about one request.

The API and the console ask `access_to`; the documentation prints `PERMISSIONS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person or a token is there for."""

    OPERATOR = "operator"
    ADMIN = "admin"
    SUPPORT = "support"
    OWNER = "owner"
    AUDITOR = "auditor"


class Permission(StrEnum):
    """What may be allowed."""

    SERVICE_READ = "service.read"
    SERVICE_DECIDE = "service.decide"
    TENANTS_READ = "tenants.read"
    TENANTS_WRITE = "tenants.write"
    ACCOUNTS_READ = "accounts.read"
    ACCOUNTS_WRITE = "accounts.write"
    ACCOUNTS_SOURCE = "accounts.source"
    ACCOUNTS_RUN = "accounts.run"
    TARGETS_READ = "targets.read"
    TARGETS_WRITE = "targets.write"
    MEMBERS_READ = "members.read"
    MEMBERS_WRITE = "members.write"
    TOKENS_READ = "tokens.read"
    TOKENS_WRITE = "tokens.write"
    MESSAGES_READ = "messages.read"
    PARKED_RETRY = "parked.retry"
    PARKED_DISCARD = "parked.discard"
    MAIL_CONTENT = "mail.content"
    MAIL_ERASE = "mail.erase"
    LOGIN_TEST = "login.test"
    LOGIN_DIALOGUE = "login.dialogue"
    WEBHOOKS_READ = "webhooks.read"
    WEBHOOKS_WRITE = "webhooks.write"
    OAUTH_READ = "oauth.read"
    OAUTH_WRITE = "oauth.write"
    AUDIT_READ = "audit.read"
    USAGE_READ = "usage.read"


_P = Permission
OF_THE_SERVICE = frozenset({_P.SERVICE_READ, _P.SERVICE_DECIDE, _P.TENANTS_WRITE})
"""Permissions that mean nothing to somebody who is confined to one tenant."""
PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.OPERATOR: frozenset(Permission),
    Role.ADMIN: frozenset(Permission) - OF_THE_SERVICE,
    Role.SUPPORT: frozenset(
        {
            _P.SERVICE_READ,
            _P.TENANTS_READ,
            _P.ACCOUNTS_READ,
            _P.ACCOUNTS_RUN,
            _P.TARGETS_READ,
            _P.MESSAGES_READ,
            _P.PARKED_RETRY,
            _P.LOGIN_TEST,
            _P.WEBHOOKS_READ,
            _P.OAUTH_READ,
            _P.USAGE_READ,
        }
    ),
    Role.OWNER: frozenset({_P.ACCOUNTS_READ, _P.ACCOUNTS_SOURCE, _P.MESSAGES_READ, _P.LOGIN_TEST}),
    Role.AUDITOR: frozenset(
        {
            _P.SERVICE_READ,
            _P.TENANTS_READ,
            _P.ACCOUNTS_READ,
            _P.TARGETS_READ,
            _P.MEMBERS_READ,
            _P.TOKENS_READ,
            _P.MESSAGES_READ,
            _P.WEBHOOKS_READ,
            _P.OAUTH_READ,
            _P.AUDIT_READ,
            _P.USAGE_READ,
        }
    ),
}
"""What each role may do. To whose objects depends on the tenant, and for owners on the account."""

WITHIN_ONE_TENANT = frozenset({Role.ADMIN, Role.OWNER})
"""Roles that always belong to a tenant. An operator never does; the others may."""


class Access(StrEnum):
    """The answer to a request: `HIDDEN` is answered as if the object did not exist."""

    ALLOWED = "allowed"
    FORBIDDEN = "forbidden"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `tenant` is None for somebody who is not confined to one; `accounts` are those of an owner.

    `scope` narrows a token to some of its role's permissions; None narrows nothing. `token` is the token's id
    and None for a session.
    """

    name: str
    role: Role
    tenant: str | None = None
    accounts: frozenset[str] = frozenset()
    scope: frozenset[Permission] | None = None
    token: str | None = None

    @property
    def id(self) -> str:
        """Who it is in the audit: a person's name, or a token's id."""
        return self.name if self.token is None else f"token:{self.token}"

    def sees_account(self, account: str) -> bool:
        """Return whether the account with this id (`tenant/name`) exists for this principal."""
        if self.tenant is not None and not account.startswith(f"{self.tenant}/"):
            return False
        return self.role is not Role.OWNER or account in self.accounts


def permissions_of(principal: Principal) -> frozenset[Permission]:
    """Return what the principal may do to the objects that it sees."""
    granted = PERMISSIONS[principal.role]
    if principal.tenant is not None:
        granted -= OF_THE_SERVICE
    return granted if principal.scope is None else granted & principal.scope


def may_grant(giver: Principal, receiver: Principal) -> bool:
    """Return whether `giver` may make a person or a token like `receiver`: nobody gives more than he has."""
    if giver.tenant is not None and receiver.tenant != giver.tenant:
        return False
    if giver.role is Role.OWNER and not receiver.accounts <= giver.accounts:
        return False
    return permissions_of(receiver) <= permissions_of(giver)


OPERATOR_KEYS = frozenset({"addresses", "deny_addresses"})
"""What only people of the whole service may set: which networks a tenant's accounts connect to."""
OWNER_KEYS = frozenset({"source", "username", "password", "token", "auth", "tls", "retention"})
"""What an owner may change of his accounts: how his mailbox is reached, and how long mail is left there."""


def access_to(
    principal: Principal, permission: Permission, *, tenant: str | None, account: str | None = None
) -> Access:
    """Decide about an object of `tenant`, or with None about what belongs to the whole service.

    An object of another tenant is hidden whatever the permission, so that its existence is not given away.
    """
    if tenant is not None and principal.tenant not in {None, tenant}:
        return Access.HIDDEN
    if account is not None and not principal.sees_account(account):
        return Access.HIDDEN
    if permission not in permissions_of(principal):
        return Access.FORBIDDEN
    if tenant is None and principal.tenant is not None:
        return Access.FORBIDDEN
    return Access.ALLOWED
