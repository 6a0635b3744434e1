"""Pausing a tenant or everything, as one person or token may; each act is audited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.access import Permission, Principal
from shared.operations.context import OperatorContext
from shared.operations.pausing import EVERYTHING, pause, resume
from shared.operations.people import Doer, record
from shared.operations.permitting import require
from shared.ports.store import Pause


@dataclass(frozen=True, slots=True)
class PermittedPauses:
    """What is paused, for `principal`."""

    context: OperatorContext
    principal: Principal
    doer: Doer

    async def list(self) -> Sequence[Pause]:
        """Return what is paused of what the principal sees, the widest first. Raises `NotPermitted`."""
        require(self.principal, Permission.ACCOUNTS_READ, tenant=self.principal.tenant)
        seen = [each for each in await self.context.store.pauses() if self._sees(each.scope)]
        return sorted(seen, key=_widest_first)

    async def pause(self, tenant: str | None) -> Sequence[str]:
        """Stop visiting the accounts of a tenant, or all (None); return those that were not paused before.

        Mail on its way is delivered, and accounts that come later are paused as well. Raises `NotVisible` and
        `NotPermitted`.
        """
        scope = self._scope(tenant)
        change = await pause(self.context, [scope])
        await self._record("pause", tenant)
        return change.changed

    async def resume(self, tenant: str | None) -> Sequence[str]:
        """Visit the accounts of a tenant, or all, again; return those that go on. Raises as `pause` does.

        This takes back the pauses of single accounts in it as well.
        """
        scope = self._scope(tenant)
        change = await resume(self.context, [scope])
        await self._record("resume", tenant)
        return change.changed

    def _scope(self, tenant: str | None) -> str:
        permission = Permission.SERVICE_DECIDE if tenant is None else Permission.ACCOUNTS_RUN
        require(self.principal, permission, tenant=tenant)
        return EVERYTHING if tenant is None else f"{tenant}/"

    def _sees(self, scope: str) -> bool:
        if scope == EVERYTHING:
            return True
        tenant, _, name = scope.partition("/")
        if self.principal.tenant not in {None, tenant}:
            return False
        return not name or self.principal.sees_account(scope)

    async def _record(self, act: str, tenant: str | None) -> None:
        kind, name = ("service", "all") if tenant is None else ("tenant", tenant)
        await record(self.context, self.doer, f"{kind}.{act}", name, tenant)


def _widest_first(each: Pause) -> tuple[bool, bool, str]:
    return each.scope != EVERYTHING, not each.scope.endswith("/"), each.scope
