"""Links for the owners of mailboxes are made, shown and revoked. Whoever has one needs no user here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from shared.access import Permission, Role
from shared.access.tokens import mint
from shared.config.object_keys import object_id
from shared.model.spec import Kind
from shared.operations.connecting.errors import ConnectRefused
from shared.operations.connecting.mailboxes import Mailboxes, check_app
from shared.operations.oauth_authorizing import new_id, oauth_context
from shared.operations.objects import AlreadyThere, NotThere
from shared.operations.people import record
from shared.operations.permitted_objects import PermittedObjects
from shared.operations.permitting import NotVisible, require
from shared.operations.public_urls import CONNECT, public_url
from shared.ports.store import ConnectLink

LINK_LASTS = 24 * 3600.0
LONGEST_LASTS = 7 * 86400.0
SECRETS = frozenset({"password", "token"})


class LinkStatus(StrEnum):
    """How a link is doing."""

    OPEN = "open"
    USED = "used"
    REVOKED = "revoked"
    EXPIRED = "expired"


def status_of(link: ConnectLink, now: float) -> LinkStatus:
    """Return how a link is doing."""
    if link.used_at is not None:
        return LinkStatus.USED
    if link.revoked_at is not None:
        return LinkStatus.REVOKED
    return LinkStatus.OPEN if link.expires_at > now else LinkStatus.EXPIRED


class NewLink(NamedTuple):
    """A link that was just made. `url` has its secret, which is shown only now."""

    link: ConnectLink
    url: str
    secret: str


@dataclass(frozen=True, slots=True)
class ConnectLinks:
    """The links of a principal's tenants."""

    permitted: PermittedObjects
    entropy: Callable[[int], bytes]

    async def create(self, account: str, lasts: float = LINK_LASTS) -> NewLink:
        """Make a link for an account that is there, `account` by its id.

        Raises `NotVisible`, `NotPermitted`, `NotThere`, `ManagedByFile`, `InvalidObject`, `ConnectRefused`.
        """
        self._require(account)
        return await self._made(account, None, lasts)

    async def create_for_new(
        self, tenant: str, keys: Mapping[str, Any], lasts: float = LINK_LASTS
    ) -> NewLink:
        """Make a link for an account that is added once its owner has connected the mailbox.

        `keys` are those of the account, without a password. Raises what `create` does, and `AlreadyThere`.
        """
        require(self.permitted.principal, Permission.ACCOUNTS_WRITE, tenant=tenant)
        if found := sorted(SECRETS & {key for key, value in keys.items() if value is not None}):
            raise ConnectRefused(f"{', '.join(found)}: that is what the owner gives; leave it out")
        full = await self.permitted.allowed_keys(Kind.ACCOUNT, {**keys, "tenant": tenant})
        account = object_id(Kind.ACCOUNT, full)
        objects = self.permitted.objects
        given = {} if full.get("oauth_app") is not None else {"password": "unknown"}
        # All that is wrong with the account is told now, to who can mend it, and not to the owner later.
        await objects.prepare_addition(Kind.ACCOUNT, {**full, **given}, self.permitted.actor)
        return await self._made(account, {key: each for key, each in full.items() if each is not None}, lasts)

    async def list(
        self, tenant: str, before: str = "", limit: int = 100, account: str | None = None
    ) -> Sequence[ConnectLink]:
        """Return up to `limit` links, newest first; with `account` (an id), only those of one account.

        Raises `NotVisible` and `NotPermitted`.
        """
        principal = self.permitted.principal
        require(principal, Permission.ACCOUNTS_SOURCE, tenant=tenant, account=account)
        accounts = None if account is None else [account]
        if account is None and principal.role is Role.OWNER:
            accounts = sorted(principal.accounts)
        store = self.permitted.context.onboarding
        return await store.connect_links(tenant, accounts, before, limit)

    async def show(self, tenant: str, link: str) -> ConnectLink:
        """Return a link. Raises `NotVisible` and `NotPermitted`."""
        principal = self.permitted.principal
        require(principal, Permission.ACCOUNTS_SOURCE, tenant=tenant)
        found = await self.permitted.context.onboarding.connect_link_by_id(link)
        if found is None or found.tenant != tenant or not principal.sees_account(found.account):
            raise NotVisible
        return found

    async def revoke(self, tenant: str, link: str) -> ConnectLink:
        """End a link. Raises what `show` does, and `ConnectRefused` where it has ended."""
        found = await self.show(tenant, link)
        context = self.permitted.context
        now = context.clock.now()
        if not await context.onboarding.revoke_connect_link(link, now):
            ended = await self.show(tenant, link)
            raise ConnectRefused(f"the link is {status_of(ended, now)} already")
        await record(context, self.permitted.doer, "connect_link.revoke", link, tenant)
        return found

    async def _made(self, account: str, keys: Mapping[str, Any] | None, lasts: float) -> NewLink:
        context, now = self.permitted.context, self.permitted.context.clock.now()
        minted = mint(self.entropy)
        expires_at = now + min(lasts, LONGEST_LASTS)
        by = self.permitted.principal.id
        link = ConnectLink(new_id(now), minted.digest, account, keys, by, now, expires_at)
        await self._check(link)
        await context.onboarding.add_connect_link(link)
        after = {"account": account, "is_new": keys is not None}
        doer = self.permitted.doer
        await record(context, doer, "connect_link.create", link.id, link.tenant, after=after)
        url = public_url(context.configuration, CONNECT + minted.secret)
        return NewLink(link, url, minted.secret)

    async def _check(self, link: ConnectLink) -> None:
        """Raise what is wrong with the account or its app, as far as it shows now."""
        mailboxes = Mailboxes(self.permitted.objects)
        if link.keys is not None and await self._is_there(link.account):
            raise AlreadyThere(Kind.ACCOUNT, link.account)
        if await mailboxes.by_oauth(link):
            account = await mailboxes.with_grant(link)
            await check_app(oauth_context(self.permitted.context), account)
        else:
            await mailboxes.with_password(link)

    async def _is_there(self, account: str) -> bool:
        try:
            await self.permitted.objects.show(Kind.ACCOUNT, account)
        except NotThere:
            return False
        return True

    def _require(self, account: str) -> None:
        tenant = account.partition("/")[0]
        principal = self.permitted.principal
        require(principal, Permission.ACCOUNTS_SOURCE, tenant=tenant, account=account)
