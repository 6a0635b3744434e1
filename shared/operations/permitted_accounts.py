"""How accounts are doing and what is done to them at once, as one person or token may.

Each act is audited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.access import Access, Permission, Principal, Role, access_to
from shared.model.account_condition import WORST_FIRST, AccountCondition, Colour
from shared.model.spec import Kind
from shared.operations.context import OperatorContext
from shared.operations.objects import NotThere
from shared.operations.pausing import pause, resume
from shared.operations.people import Doer, GrantRefused, record
from shared.operations.status import AccountStatus, account_statuses
from shared.ports.store import AccountQuery, AccountState, ListedAccount

MOST_AT_ONCE = 500
"""Accounts of one act: they are named in one statement, and each has a row in the audit."""


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """Which accounts are asked for: of a tenant, with these colours, with a text in their names."""

    tenant: str | None = None
    colours: tuple[Colour, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class AccountListing:
    """A page of accounts, the worst first. `counts` are those of all colours, whichever are listed.

    `after` leads to the next page; None after the last.
    """

    accounts: Sequence[AccountStatus]
    counts: Mapping[Colour, int]
    after: tuple[Colour, str] | None


@dataclass(frozen=True, slots=True)
class PermittedAccounts:
    """The accounts that `principal` sees. What it may do to them is checked here."""

    context: OperatorContext
    principal: Principal
    doer: Doer

    async def list(
        self, only: AccountFilter, limit: int, after: tuple[Colour, str] | None = None
    ) -> AccountListing:
        """Return up to `limit` accounts, those with problems first. Raises `GrantRefused`."""
        scope = self._scope(only.tenant)
        if scope is None:
            return AccountListing((), {}, None)
        accounts, tenants = scope
        now = self.context.clock.now()
        if only.text:
            return await self._found(
                AccountQuery(accounts, tenants, False, limit + 1, only.colours, only.text, after)
            )
        counted = AccountQuery(accounts, tenants, limit=0)
        counts = await self.context.recent.get(counted, now, lambda: self._counts(counted))
        # Only for colours that there are: for each other one, all accounts would be looked through for none.
        colours = tuple(each for each in only.colours or WORST_FIRST if counts.get(each))
        if not colours:
            return AccountListing((), counts, None)
        query = AccountQuery(accounts, tenants, False, limit + 1, colours, after=after, counted=False)
        page = await self.context.store.account_page(query, now)
        return await self._listing(page.accounts, counts, limit)

    async def _found(self, query: AccountQuery) -> AccountListing:
        """The accounts with a text in their names. Names are read one by one, so all is asked at once."""
        page = await self.context.store.account_page(query, self.context.clock.now())
        return await self._listing(page.accounts, _of_colours(page.counts), query.limit - 1)

    async def _listing(
        self, found: Sequence[ListedAccount], counts: Mapping[Colour, int], limit: int
    ) -> AccountListing:
        """A page of up to `limit` accounts; `found` has one more where there is another page."""
        listed = found[:limit]
        last = listed[-1] if len(found) > limit else None
        return AccountListing(
            await account_statuses(self.context, listed),
            counts,
            None if last is None else (last.colour, last.account),
        )

    async def of_tenants(self, tenants: Sequence[str]) -> Mapping[str, Mapping[Colour, int]]:
        """Return how many accounts of each colour each of these tenants has. Raises `GrantRefused`."""
        asked = [each for each in tenants if self._scope(each) == ((), (each,))]
        found = await self.context.store.tenant_colours(asked, self.context.clock.now()) if asked else {}
        return {each: found.get(each, {}) for each in tenants}

    async def _counts(self, query: AccountQuery) -> Mapping[Colour, int]:
        page = await self.context.store.account_page(query, self.context.clock.now())
        return _of_colours(page.counts)

    async def show(self, name: str) -> tuple[AccountStatus, AccountState | None]:
        """Return how an account is doing, and its schedule if it has one. Raises `NotThere`."""
        self._check(Permission.ACCOUNTS_READ, [name])
        page = await self.context.store.account_page(
            AccountQuery((name,), counted=False), self.context.clock.now()
        )
        if not page.accounts:
            raise NotThere(Kind.ACCOUNT, name)
        [status] = await account_statuses(self.context, page.accounts)
        return status, page.accounts[0].state

    async def pause(self, names: Sequence[str]) -> Sequence[str]:
        """Stop visiting accounts until they are resumed; return those that were not paused before.

        Mail on its way is delivered. Raises `NotThere` and `GrantRefused`.
        """
        await self._checked(Permission.ACCOUNTS_RUN, names)
        change = await pause(self.context, names)
        await self._record("account.pause", names)
        return change.changed

    async def resume(self, names: Sequence[str]) -> Sequence[str]:
        """Visit accounts again, at once; return those that go on. Raises as `pause` does."""
        await self._checked(Permission.ACCOUNTS_RUN, names)
        change = await resume(self.context, names)
        await self._record("account.resume", names)
        return change.changed

    async def check_now(self, names: Sequence[str]) -> None:
        """Have accounts visited as soon as a fetcher has a free place. Raises as `pause` does."""
        await self._checked(Permission.ACCOUNTS_RUN, names)
        await self.context.store.make_due(names, self.context.clock.now())
        await self._record("account.check", names)

    def _scope(self, tenant: str | None) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """The accounts and the tenants to ask for, both empty for all; None where there is nothing to see."""
        asked = tenant or self.principal.tenant
        access = access_to(self.principal, Permission.ACCOUNTS_READ, tenant=asked or "")
        if access is Access.FORBIDDEN:
            raise GrantRefused(f"this needs the permission {Permission.ACCOUNTS_READ}")
        if access is Access.HIDDEN:
            return None
        if self.principal.role is Role.OWNER:
            return (tuple(sorted(self.principal.accounts)), ()) if self.principal.accounts else None
        return (), (() if asked is None else (asked,))

    def _check(self, permission: Permission, names: Sequence[str]) -> None:
        for name in names:
            tenant = name.partition("/")[0]
            access = access_to(self.principal, permission, tenant=tenant, account=name)
            if access is Access.HIDDEN:
                raise NotThere(Kind.ACCOUNT, name)
            if access is Access.FORBIDDEN:
                raise GrantRefused(f"this needs the permission {permission}")

    async def _checked(self, permission: Permission, names: Sequence[str]) -> None:
        """Check that all of these may be acted upon, and are there."""
        if len(names) > MOST_AT_ONCE:
            raise GrantRefused(f"at most {MOST_AT_ONCE} accounts at once")
        self._check(permission, names)
        found = await self.context.registry.store.specs(Kind.ACCOUNT, names)
        there = {each.id for each in found if each.removed_at is None}
        for name in names:
            if name not in there:
                raise NotThere(Kind.ACCOUNT, name)

    async def _record(self, action: str, names: Sequence[str]) -> None:
        for name in names:
            await record(self.context, self.doer, action, name, name.partition("/")[0])


def _of_colours(counts: Mapping[tuple[Colour, AccountCondition], int]) -> Mapping[Colour, int]:
    """The sums of all conditions of each colour."""
    sums: dict[Colour, int] = {}
    for (colour, _), number in counts.items():
        sums[colour] = sums.get(colour, 0) + number
    return sums
