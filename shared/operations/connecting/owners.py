"""What the owner of a mailbox does: open the link, sign in or enter the password, and see whether it worked.

The login is tried first. Only one that works is saved, and uses the link up, in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from shared.access import Permission, Principal
from shared.access.tokens import digest_of, is_well_formed
from shared.config.providers import provider_of_host
from shared.model.account import Account
from shared.model.spec import Kind
from shared.oauth.answers import Refreshed, refused_sign_in
from shared.oauth.requests import SignInRefused, UnfitRedirect, code_of
from shared.operations.connecting.errors import ConnectRefused, LinkExhausted
from shared.operations.connecting.mailboxes import Mailboxes, check_app, grant_of, with_token
from shared.operations.context import OperatorContext
from shared.operations.login_runs import LoginRun, LoginRuns, Trial, usable_account
from shared.operations.oauth_authorizing import Authorizations, Begun, oauth_context
from shared.operations.oauth_connect import (
    SignInFailed,
    app_of,
    checked_consent,
    exchanged,
    failed_sign_in,
)
from shared.operations.objects import Objects
from shared.operations.objects.adding import refused
from shared.operations.people import Doer, LinkUnusable, record
from shared.operations.permitting import NotVisible, require
from shared.ports.store import ConnectLink, NewGrant, RevisionConflict, TenantFull

MOST_TRIES = 10
"""Logins by one link: enough for typing errors, and too few for guessing."""
MOST_CONFLICTS = 5
FOR_LINK, FOR_ACCOUNT = "link", "account"
CHANGED_TOO_OFTEN = "the account is being changed by others; try again"


class ConnectWay(StrEnum):
    """How the owner proves that the mailbox is his."""

    PASSWORD = "password"  # noqa: S105 - the name of a way
    OAUTH = "oauth"


@dataclass(frozen=True, slots=True)
class ConnectPage:
    """What the owner is shown. `advice`: what one has to know or do at the provider. `sign_in_with` is whose
    sign-in it is, None for a password.
    """

    username: str
    server: str
    protocol: str
    provider: str | None
    advice: str
    way: ConnectWay
    sign_in_with: str | None
    expires_at: float


class CameBack(NamedTuple):
    """A browser that came back from the provider: the login test that was begun, and what it is for.

    `link` is "" for somebody who is signed in here, `account` the account's id.
    """

    test: str
    link: str
    account: str


@dataclass(frozen=True, slots=True)
class Connecting:
    """Connecting mailboxes."""

    context: OperatorContext
    objects: Objects
    runs: LoginRuns

    async def open(self, secret: str) -> ConnectPage:
        """Return what the owner is shown; the link stays as it is. Raises `LinkUnusable`, and what is wrong
        with the account.
        """
        link = await self._link(secret)
        mailboxes, sign_in_with = Mailboxes(self.objects), None
        if await mailboxes.by_oauth(link):
            account = await mailboxes.with_grant(link)
            sign_in_with = await check_app(oauth_context(self.context), account)
        else:
            account = await mailboxes.with_password(link)
        if link.opened_at is None:
            await self.context.onboarding.note_link_opened(link.id, self.context.clock.now())
        return _page(link, account, sign_in_with)

    async def try_password(self, secret: str, password: str, address: str) -> LoginRun:
        """Begin to log in with a password, which is saved if the login works; `address` is for the audit.

        Raises `LinkUnusable`, `LinkExhausted`, `LoginRunsExhausted`, and what is wrong with the account.
        """
        link = await self._link(secret)
        mailboxes = Mailboxes(self.objects)
        if await mailboxes.by_oauth(link):
            raise ConnectRefused("the owner of this mailbox signs in at the provider")
        account = await mailboxes.with_password(link, password)
        await self._count_try(link)

        async def prepared() -> Account:
            return account

        async def conclude() -> None:
            await self._use(link, {"password": password}, None, address)

        trial = Trial(link.tenant, _id_if_there(link), _who(link), prepared, link.id, conclude=conclude)
        return await self.runs.begin(trial)

    async def begin_sign_in(self, secret: str) -> str:
        """Return the URL at which the owner signs in. Raises what `try_password` does, and `SignInFailed`."""
        link = await self._link(secret)
        mailboxes = Mailboxes(self.objects)
        if not await mailboxes.by_oauth(link):
            raise ConnectRefused("the owner of this mailbox enters a password")
        account = await mailboxes.with_grant(link)
        await check_app(oauth_context(self.context), account)
        await self._count_try(link)
        authorizations = Authorizations(self.context)
        return await authorizations.begin(grant_of(account), FOR_LINK, link.id, _who(link))

    async def begin_own_sign_in(self, account: str, principal: Principal) -> str:
        """Return the URL at which the owner of an account (by its id) signs in, for who is signed in here.

        Raises `NotVisible`, `NotPermitted`, `NotThere`, `ConnectRefused` and `SignInFailed`.
        """
        tenant = account.partition("/")[0]
        require(principal, Permission.ACCOUNTS_SOURCE, tenant=tenant, account=account)
        await self.objects.show(Kind.ACCOUNT, account)
        found = await usable_account(self.context, account)
        await check_app(oauth_context(self.context), found)
        authorizations = Authorizations(self.context)
        return await authorizations.begin(grant_of(found), FOR_ACCOUNT, account, principal.id)

    async def finish_sign_in(self, begun: Begun, came_back: str, address: str) -> CameBack:
        """Take the URL that a provider sent the browser to, and try the login with the new token.

        If it works, the sign-in is saved. Raises `SignInFailed`, `LinkUnusable`, `LoginRunsExhausted`, and
        what is wrong with the account.
        """
        try:
            code = code_of(begun.sign_in, came_back)
        except UnfitRedirect as error:
            raise SignInFailed(str(error)) from error
        except SignInRefused as error:
            raise failed_sign_in(refused_sign_in(error.error, error.description)) from error
        if begun.purpose == FOR_LINK:
            link = await self._link_by_id(begun.subject)
            account = await Mailboxes(self.objects).with_grant(link)
        else:
            link, account = None, await usable_account(self.context, begun.subject)
        return await self._try_token(begun, code, account, link, address)

    async def result(self, test: str) -> LoginRun:
        """Return a test that was begun by a link; its id is known to the owner alone. Raises `NotVisible`."""
        found = await self.runs.find(test)
        if found is None or not found.link:
            raise NotVisible
        return found

    async def _try_token(
        self, begun: Begun, code: str, account: Account, link: ConnectLink | None, address: str
    ) -> CameBack:
        """Turn the code into tokens, and begin to log in with them."""
        oauth, ref = oauth_context(self.context), grant_of(account)
        app, provider = await app_of(oauth, ref)
        found = await exchanged(oauth, app, provider, begun.sign_in, code)
        renewal = await checked_consent(oauth, ref, app, provider, found)
        assert isinstance(found, Refreshed), "the consent was checked"
        grant = NewGrant(ref.id, ref.app, ref.username, renewal)
        opened = with_token(account, found.access_token)

        async def prepared() -> Account:
            return opened

        async def conclude() -> None:
            if link is not None:
                await self._use(link, {}, grant, address)
                return
            now = self.context.clock.now()
            await oauth.oauth.store.put_grant(grant.id, grant.app, grant.username, now, renewal)
            doer = Doer(begun.who, address)
            await record(self.context, doer, "account.connect", account.id, account.tenant)

        saved = account.id if link is None else _id_if_there(link)
        link_id = "" if link is None else link.id
        trial = Trial(account.tenant, saved, begun.who, prepared, link_id, conclude=conclude)
        return CameBack((await self.runs.begin(trial)).id, link_id, account.id)

    async def _use(
        self, link: ConnectLink, given: Mapping[str, Any], grant: NewGrant | None, address: str
    ) -> None:
        """Save what the owner gave, and use the link up by that. Raises `LinkUnusable`."""
        for _ in range(MOST_CONFLICTS):
            change = await Mailboxes(self.objects).change(link, given)
            changes = [] if change is None else [change]
            now = self.context.clock.now()
            try:
                used = await self.context.onboarding.use_connect_link(link.id, now, changes, grant)
            except RevisionConflict:
                continue  # somebody else changed the account meanwhile; the link is as it was
            except TenantFull as full:
                raise refused(full) from full
            if not used:
                raise LinkUnusable
            way = ConnectWay.PASSWORD if grant is None else ConnectWay.OAUTH
            after = {"account": link.account, "way": way.value}
            doer = Doer(_who(link), address)
            await record(self.context, doer, "connect_link.use", link.id, link.tenant, after=after)
            return
        raise ConnectRefused(CHANGED_TOO_OFTEN)

    async def _link(self, secret: str) -> ConnectLink:
        found = None
        if is_well_formed(secret):
            found = await self.context.onboarding.connect_link(digest_of(secret))
        return self._usable(found)

    async def _link_by_id(self, link: str) -> ConnectLink:
        return self._usable(await self.context.onboarding.connect_link_by_id(link))

    def _usable(self, link: ConnectLink | None) -> ConnectLink:
        if link is None or not link.is_open(self.context.clock.now()):
            raise LinkUnusable
        return link

    async def _count_try(self, link: ConnectLink) -> None:
        now = self.context.clock.now()
        if not await self.context.onboarding.count_link_try(link.id, MOST_TRIES, now):
            raise LinkExhausted


def _page(link: ConnectLink, account: Account, sign_in_with: str | None) -> ConnectPage:
    provider = provider_of_host(account.endpoint.host)
    return ConnectPage(
        account.login.username,
        account.endpoint.host,
        account.protocol,
        None if provider is None else provider.title,
        "" if provider is None else provider.advice(account.protocol),
        ConnectWay.PASSWORD if sign_in_with is None else ConnectWay.OAUTH,
        sign_in_with,
        link.expires_at,
    )


def _id_if_there(link: ConnectLink) -> str:
    """The account that a test is shown with: one that is still to be added is shown to nobody by its id."""
    return link.account if link.keys is None else ""


def _who(link: ConnectLink) -> str:
    return f"link:{link.id}"
