"""Imports of accounts as one person or token may begin and see them. Processes carry them out beside all
other work (`import_runs`), each row as if it was added now by the one who began the import.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import SecretStr

from shared.access import Access, Permission, Principal, access_to
from shared.model.errors import Fault, MailferryError
from shared.model.sealed import SecretName
from shared.operations.context import OperatorContext
from shared.operations.importing import FORMATS, Choices, StateFile
from shared.operations.oauth_authorizing import new_id
from shared.operations.people import Doer, present_principal, record
from shared.operations.permitted_objects import PermittedObjects
from shared.operations.permitting import NotVisible, require
from shared.ports.store import IMPORT_TEXT_KIND, SealedSecret, StoredImport, StoredImportRow

MOST_OF_TENANT = 3
"""Imports of a tenant that wait or are under way."""
TEXT_FIELD = "text"
REVOKED = (
    "stopped, as the token that began this import was revoked or has expired; what was added stays, and the "
    "rest can be imported with another token"
)
PERSON_GONE = (
    "stopped, as the person who began this import is disabled or removed; what was added stays, and somebody "
    "else can import the rest"
)
NOT_ANY_MORE = (
    "stopped, as whoever began this import may not add accounts of this tenant any more; what was added "
    "stays, and somebody else can import the rest"
)


class ImportsExhausted(MailferryError):
    """Too many imports of the tenant wait already."""

    fault = Fault.OPERATOR


class ImportState(StrEnum):
    """How far an import is. `FAILED`: it could not be carried out, and `problem` says why."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class NewImport(NamedTuple):
    """What is to be imported: a file of a form of `FORMATS`, with files of state that belong to it."""

    form: str
    text: str
    choices: Choices
    is_dry_run: bool = False
    states: Sequence[StateFile] = ()


@dataclass(frozen=True, slots=True)
class ImportView:
    """An import, and how many of its rows ended in which way."""

    stored: StoredImport
    counts: Mapping[str, int]

    @property
    def state(self) -> ImportState:
        """How far it is."""
        if self.stored.ended_at is not None:
            return ImportState.FAILED if self.stored.problem else ImportState.DONE
        return ImportState.WAITING if self.stored.total is None else ImportState.RUNNING


@dataclass(frozen=True, slots=True)
class Imports:
    """The imports of the tenants that a principal may add accounts to."""

    permitted: PermittedObjects

    async def begin(self, tenant: str, wanted: NewImport) -> ImportView:
        """Write an import down, so that a process carries it out.

        Raises `NotVisible`, `NotPermitted` and `ImportsExhausted`.
        """
        self._require(tenant)
        assert wanted.form in FORMATS, "the caller offers these"
        context, now = self.permitted.context, self.permitted.context.clock.now()
        stored = StoredImport(new_id(now), tenant, self._request(wanted), self._principal.id, now)
        name = SecretName(IMPORT_TEXT_KIND, stored.id, TEXT_FIELD)
        states = [[each.name, each.content.decode("utf-8", "surrogateescape")] for each in wanted.states]
        sealed = context.registry.box.seal(name, SecretStr(json.dumps([wanted.text, states])))
        if not await context.onboarding.add_import(stored, SealedSecret(name, sealed), MOST_OF_TENANT):
            raise ImportsExhausted(f"{MOST_OF_TENANT} imports of this tenant are under way; try again later")
        after = {"format": wanted.form, "dry_run": wanted.is_dry_run}
        await record(context, self.permitted.doer, "import.begin", stored.id, tenant, after=after)
        return ImportView(stored, {})

    async def show(self, tenant: str, name: str) -> ImportView:
        """Return an import. Raises `NotVisible` and `NotPermitted`."""
        self._require(tenant)
        found = await self.permitted.context.onboarding.import_by_id(name)
        if found is None or found.tenant != tenant:
            raise NotVisible
        return ImportView(found, await self.permitted.context.onboarding.import_counts(name))

    async def list(self, tenant: str, before: str, limit: int) -> Sequence[ImportView]:
        """Return up to `limit` imports, newest first, from those with ids below `before` on."""
        self._require(tenant)
        store = self.permitted.context.onboarding
        found = await store.imports(tenant, before, limit)
        return [ImportView(each, await store.import_counts(each.id)) for each in found]

    async def rows(
        self, tenant: str, name: str, after: int, limit: int, status: str | None = None
    ) -> Sequence[StoredImportRow]:
        """Return up to `limit` rows that were worked on, by number; with a `status` only those that ended so.

        Raises what `show` does.
        """
        await self.show(tenant, name)
        return await self.permitted.context.onboarding.import_rows(name, after, limit, status)

    def _require(self, tenant: str) -> None:
        require(self._principal, Permission.ACCOUNTS_WRITE, tenant=tenant)

    @property
    def _principal(self) -> Principal:
        return self.permitted.principal

    def _request(self, wanted: NewImport) -> dict[str, Any]:
        """All but the text, as JSON can hold it."""
        return {
            "format": wanted.form,
            "dry_run": wanted.is_dry_run,
            "choices": asdict(wanted.choices),
            "doer": [self._principal.name, self._principal.token],
            "address": self.permitted.doer.address,
        }


class ImportStopped(MailferryError):
    """Whoever began an import may not go on with it."""

    temporary = False
    fault = Fault.OPERATOR


async def principal_of(context: OperatorContext, stored: StoredImport) -> Principal:
    """Return who began an import, with the permissions that he has now. Raises `ImportStopped`."""
    name, token = stored.request["doer"]
    principal = await present_principal(context, name, token)
    if principal is None:
        raise ImportStopped(REVOKED if token is not None else PERSON_GONE)
    access = access_to(principal, Permission.ACCOUNTS_WRITE, tenant=stored.tenant)
    if access is not Access.ALLOWED:
        raise ImportStopped(NOT_ANY_MORE)
    return principal


def doer_of(stored: StoredImport) -> Doer:
    """Return who began an import, for the audit."""
    return Doer(stored.created_by, stored.request["address"])


def files_of(text: SecretStr) -> tuple[bytes, Sequence[StateFile]]:
    """Return the file and its files of state, as `Imports.begin` sealed them."""
    content, states = json.loads(text.get_secret_value())
    return content.encode("utf-8", "surrogateescape"), [
        StateFile(name, state.encode("utf-8", "surrogateescape")) for name, state in states
    ]
