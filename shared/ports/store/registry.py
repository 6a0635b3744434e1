"""What is asked of the registry: the tenants, targets and accounts as they were written, and their changes.

One number, the registry's revision, counts its changes. Each change gives the next revision to all objects
that it touches. So a process that knows how far it has read asks for what changed since, and an event that
carries the revision of its sender tells the reader that it has to ask.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from shared.model.errors import Fault, MailferryError
from shared.model.sealed import Sealed
from shared.model.spec import Kind, Manager, Spec
from shared.ports.store.fetcher import Schedule


class RevisionConflict(MailferryError):
    """Somebody else changed `objects` since they were read. Nothing was written."""

    temporary = False
    fault = Fault.OPERATOR

    def __init__(self, objects: Sequence[str]) -> None:
        named = ", ".join(objects[:5]) + (f" and {len(objects) - 5} more" if len(objects) > 5 else "")
        super().__init__(f"{named}: changed by somebody else meanwhile; read it again, then change it")
        self.objects = tuple(objects)


class TenantFull(MailferryError):
    """With the new accounts, `tenant` would have more than the `limit` that it may. Nothing was written."""

    temporary = False
    fault = Fault.OPERATOR

    def __init__(self, tenant: str, limit: int) -> None:
        super().__init__(f"tenant {tenant}: it may not have more than {limit} accounts")
        self.tenant, self.limit = tenant, limit


class Changes(NamedTuple):
    """What was changed up to `revision`. `objects` is None where these are more than were asked for."""

    revision: int
    objects: frozenset[tuple[Kind, str]] | None


ANY = -1
"""The revision that a change expects, where it does not matter what was there."""
ABSENT = 0
"""The revision that a change expects, where nothing may be there."""


@dataclass(frozen=True, slots=True)
class SpecChange:
    """An object as it is to be. `expected` is the revision that it was read with, `ABSENT` or `ANY`.

    `secrets` replaces the secrets that it names; None removes one. An account is scheduled anew with a
    `schedule`, and without one only stopped where it is not enabled. `most_in_tenant`: how many accounts its
    tenant may have, this one included; None where that does not matter.
    """

    kind: Kind
    id: str
    tenant: str
    keys: Mapping[str, Any]
    enabled: bool
    managed_by: Manager
    origin: str
    expected: int
    target: str | None = None
    schedule: Schedule | None = None
    secrets: Mapping[str, Sealed | None] = field(default_factory=dict, repr=False)
    most_in_tenant: int | None = None


class SpecFilter(NamedTuple):
    """Which objects are asked for: those of a tenant, of an origin, with a name (the id without the tenant),
    or accounts of a target. `enabled`: those that are visited, or not.
    """

    tenant: str | None = None
    origin: str | None = None
    target: str | None = None
    with_removed: bool = False
    enabled: bool | None = None
    managed_by: Manager | None = None
    name: str | None = None


class Extent(NamedTuple):
    """How many accounts are enabled, and whether they belong to several tenants."""

    enabled: int = 0
    several_tenants: bool = False


class RegistryStore(Protocol):
    """Tenants, targets and accounts."""

    async def registry_extent(self) -> Extent:
        """Return how much there is to visit."""
        ...

    async def registry_revision(self) -> int:
        """Return the revision of the latest change; 0 where there was none."""
        ...

    async def changes_since(self, revision: int, limit: int) -> Changes:
        """Return which objects were changed after `revision`, if no more than `limit`."""
        ...

    async def specs(self, kind: Kind, ids: Sequence[str]) -> Sequence[Spec]:
        """Return these objects with their sealed secrets, also those that were removed; unknown ids are
        passed over.
        """
        ...

    async def list_specs(
        self, kind: Kind, after: str, limit: int, only: SpecFilter = SpecFilter()
    ) -> Sequence[Spec]:
        """Return up to `limit` objects whose id comes after `after`, by id, with their sealed secrets."""
        ...

    async def count_specs(self, kind: Kind, only: SpecFilter = SpecFilter()) -> int:
        """Return how many objects there are."""
        ...

    async def save_specs(self, changes: Sequence[SpecChange], now: float) -> int:
        """Write these objects, and the schedules and secrets of accounts; return the new revision.

        A changed account is due at once. Raises `RevisionConflict` where an object is not as it was expected,
        and `TenantFull`.
        """
        ...

    async def remove_specs(self, kind: Kind, expected: Mapping[str, int], now: float) -> int:
        """Remove these objects (by id, each with the revision that is expected); return the new revision.

        A removed account is not visited any more; it stays in the registry until its mail is done. Raises
        `RevisionConflict`.
        """
        ...

    async def forget_removed(self, limit: int, now: float) -> Sequence[str]:
        """Delete up to `limit` removed objects of which nothing is in custody, with their secrets.

        Returns what was deleted, as `kind id`.
        """
        ...
