"""Login tests as one person or token may begin and see them: of a saved account, or of settings that are not.

Settings that are not saved are those of [[accounts]], as far as they are known. A password that is kept is
sent to the server that it was given for, and to no other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.access import Permission, Principal
from shared.config.object_keys import (
    DEFAULT_TENANT,
    absolute,
    account_from,
    object_id,
    with_defaults,
)
from shared.model.account import Account, MailboxKind
from shared.model.spec import Kind
from shared.operations.login_runs import LoginRun, LoginRuns, Trial, usable_account
from shared.operations.objects.adding import check_references
from shared.operations.people import record
from shared.operations.permitted_objects import PermittedObjects
from shared.operations.permitting import NotVisible, require

MOST_MAILS = 50
TRIAL = "trial"
SECRETS = frozenset({"password", "token"})


@dataclass(frozen=True, slots=True)
class LoginTests:
    """The login tests of a principal."""

    permitted: PermittedObjects
    runs: LoginRuns

    async def begin(self, account: str, mails: int = 0) -> LoginRun:
        """Begin to log in to a saved account, `account` by its id; tell who would get so many of its mails.

        Raises `NotVisible`, `NotPermitted`, `NotThere` and `LoginRunsExhausted`.
        """
        tenant = account.partition("/")[0]
        require(self._principal, Permission.LOGIN_TEST, tenant=tenant, account=account)
        await self.permitted.show(Kind.ACCOUNT, account)
        await self._allow_mails(tenant, account, mails)
        return await self.runs.begin(
            self._trial(tenant, account, lambda: usable_account(self.permitted.context, account), mails)
        )

    async def begin_changed(self, account: str, keys: Mapping[str, Any], mails: int = 0) -> LoginRun:
        """Begin to log in to an account with these keys changed; nothing is saved.

        Raises what `begin` does, what `Objects.change` does, and `GrantRefused`.
        """
        tenant = account.partition("/")[0]
        require(self._principal, Permission.LOGIN_TEST, tenant=tenant, account=account)
        require(self._principal, Permission.ACCOUNTS_SOURCE, tenant=tenant, account=account)
        saved = await self.permitted.show(Kind.ACCOUNT, account)
        given = await self.permitted.allowed_keys(Kind.ACCOUNT, keys, saved.keys)
        objects, actor = self.permitted.objects, self.permitted.actor
        _, written = await objects.written_change(Kind.ACCOUNT, account, given, actor)
        secrets = {field: secret for field, secret in written.secrets.items() if secret is not None}
        made = account_from({**written.keys, **secrets}, objects.surroundings, given)
        if not SECRETS & keys.keys():
            await self._allow_mails(tenant, account, mails)
        return await self.runs.begin(self._trial(tenant, account, _always(made), mails))

    async def begin_new(self, tenant: str, keys: Mapping[str, Any], mails: int = 0) -> LoginRun:
        """Begin to log in with the settings of an account that is still to be added.

        What is not known yet of target and recipients is filled in. Raises `NotVisible`, `NotPermitted`,
        `GrantRefused`, `InvalidObject` and `LoginRunsExhausted`.
        """
        require(self._principal, Permission.LOGIN_TEST, tenant=tenant)
        require(self._principal, Permission.ACCOUNTS_WRITE, tenant=tenant)
        given = await self.permitted.allowed_keys(Kind.ACCOUNT, {**keys, "tenant": tenant})
        if not SECRETS & keys.keys():
            await self._allow_mails(tenant, f"{tenant}/{TRIAL}", mails)
        check_references(Kind.ACCOUNT, object_id(Kind.ACCOUNT, given), given, self.permitted.actor)
        objects = self.permitted.objects
        inherited = absolute(objects.defaults, objects.base)
        full = with_defaults(_filled_in(given), inherited, trusted=False)
        made = account_from(full, objects.surroundings, given)
        return await self.runs.begin(self._trial(tenant, "", _always(made), mails))

    async def show(self, test: str) -> LoginRun:
        """Return a test. Raises `NotVisible`."""
        found = await self.runs.find(test)
        if found is None or not self._sees(found):
            raise NotVisible
        return found

    def _sees(self, run: LoginRun) -> bool:
        if self._principal.tenant not in {None, run.tenant}:
            return False
        return self._principal.sees_account(run.account) if run.account else run.who == self._principal.id

    async def _allow_mails(self, tenant: str, account: str, mails: int) -> None:
        """Raise `NotPermitted` unless the principal may see headers of mails that a kept password opens.

        Whoever gives the password may read the mailbox anyway.
        """
        if mails:
            require(self._principal, Permission.MAIL_CONTENT, tenant=tenant, account=account)
            context, doer = self.permitted.context, self.permitted.doer
            await record(context, doer, "account.explain", account, tenant, after={"mails": mails})

    @property
    def _principal(self) -> Principal:
        return self.permitted.principal

    def _trial(
        self, tenant: str, account: str, prepare: Callable[[], Awaitable[Account]], mails: int
    ) -> Trial:
        return Trial(tenant, account, self._principal.id, prepare, mails=min(mails, MOST_MAILS))


def _filled_in(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The keys with what a login does not depend on."""
    given = {key: value for key, value in keys.items() if value is not None}
    filled = {"tenant": DEFAULT_TENANT, "name": TRIAL, "mailbox": MailboxKind.SINGLE.value, **given}
    filled["target"] = TRIAL
    if filled["mailbox"] == MailboxKind.SINGLE.value:
        filled.setdefault("recipient", "trial@trial.invalid")
    else:
        filled.setdefault("domains", {"trial.invalid": "keep"})
    return filled


def _always(account: Account) -> Callable[[], Awaitable[Account]]:
    async def prepared() -> Account:
        return account

    return prepared
