"""What is asked of the store while mailboxes are connected: links for their owners, sign-ins that were begun
in a browser, login tests, and imports. Any control process may go on with what another one began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from shared.model.sealed import Sealed
from shared.ports.store.oauth import Renewal
from shared.ports.store.registry import SpecChange
from shared.ports.store.secrets import SealedSecret

IMPORT_TEXT_KIND = "import"
"""The kind of object whose secret is the text of a file that is being imported."""


@dataclass(frozen=True, slots=True)
class ConnectLink:
    """A link by which the owner of a mailbox connects it, once. Times are seconds since the epoch.

    `account` is the id of the account. `keys`: what a new account has, without secrets; None where the
    account is there already. `tries` logins were tried by it.
    """

    id: str
    digest: str = field(repr=False)
    account: str
    keys: Mapping[str, Any] | None
    created_by: str
    created_at: float
    expires_at: float
    opened_at: float | None = None
    tries: int = 0
    used_at: float | None = None
    revoked_at: float | None = None

    @property
    def tenant(self) -> str:
        """The tenant of the account."""
        return self.account.partition("/")[0]

    def is_open(self, now: float) -> bool:
        """Return whether it can be used."""
        return self.used_at is None and self.revoked_at is None and self.expires_at > now


class NewGrant(NamedTuple):
    """A grant as an owner has just given it."""

    id: str
    app: str
    username: str
    renewal: Renewal


@dataclass(frozen=True, slots=True)
class Authorization:
    """A sign-in that was begun in a browser, until the browser comes back. `digest` is that of its state.

    `purpose` says what it is for, and `subject` for whom. `sealed` has what must not be read: the verifier.
    """

    digest: str = field(repr=False)
    purpose: str
    subject: str
    who: str
    created_at: float
    expires_at: float
    sealed: Sealed = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredLoginTest:
    """A login test as any process sees it. `account` is "" for settings that are not saved.

    `link` is the id of the connect link that it was begun by, "" for none. `report` is what is known so far.
    """

    id: str
    tenant: str
    account: str
    link: str
    who: str
    begun_at: float
    report: Mapping[str, Any]
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class StoredImport:
    """An import as any process sees it. Times are seconds since the epoch.

    `request` is all that it was asked for, but for the file's text, which is a sealed secret until the end.
    `total` rows are to be worked on, None before they are counted, and `done` of them were. `ended_at`: it is
    over, and `problem` says why it could not be carried out, "" where it was.
    """

    id: str
    tenant: str
    request: Mapping[str, Any]
    created_by: str
    created_at: float
    total: int | None = None
    done: int = 0
    findings: Sequence[Mapping[str, Any]] = ()
    ended_at: float | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class StoredImportRow:
    """What became of a row; `number` counts from 1."""

    number: int
    line: int
    account: str
    status: str
    sentence: str
    findings: Sequence[Mapping[str, Any]] = ()


class ImportPart(NamedTuple):
    """What a process found out since it last wrote: rows that follow those that were `done`."""

    done: int
    total: int
    findings: Sequence[Mapping[str, Any]]
    rows: Sequence[StoredImportRow]


class OnboardingStore(Protocol):
    """Connect links, sign-ins in a browser, login tests, and imports."""

    async def add_connect_link(self, link: ConnectLink) -> None:
        """Write a new link; those that ended long ago are deleted."""
        ...

    async def connect_link(self, digest: str) -> ConnectLink | None:
        """Return the link with this digest."""
        ...

    async def connect_link_by_id(self, link: str) -> ConnectLink | None:
        """Return the link with this id."""
        ...

    async def connect_links(
        self, tenant: str, accounts: Sequence[str] | None, before: str, limit: int
    ) -> Sequence[ConnectLink]:
        """Return up to `limit` links of a tenant with ids below `before` ("": from the newest on), newest
        first; with `accounts`, only those of these accounts.
        """
        ...

    async def note_link_opened(self, link: str, now: float) -> None:
        """Write when a link was opened first."""
        ...

    async def count_link_try(self, link: str, most: int, now: float) -> bool:
        """Count a login that is tried by an open link; return False where `most` were tried already."""
        ...

    async def revoke_connect_link(self, link: str, now: float) -> bool:
        """End a link; return whether it was open."""
        ...

    async def use_connect_link(
        self, link: str, now: float, changes: Sequence[SpecChange], grant: NewGrant | None = None
    ) -> bool:
        """Use a link up, and write what its owner gave: all of it, or nothing; return whether it was open.

        Of several at once, one is the first. Raises `RevisionConflict` where an object is not as expected.
        """
        ...

    async def add_authorization(self, authorization: Authorization) -> None:
        """Write a sign-in that begins; those that have expired by then are deleted."""
        ...

    async def take_authorization(self, digest: str, now: float) -> Authorization | None:
        """Return a sign-in that has not expired, and forget it: it comes back once."""
        ...

    async def add_login_test(self, test: StoredLoginTest, most: int, alive_since: float) -> bool:
        """Write a test that begins; return False where its tenant has `most` under way.

        Those that began before `alive_since` and are not done have ended with their process. Old ones are
        deleted.
        """
        ...

    async def write_login_test(self, test: str, report: Mapping[str, Any], *, is_done: bool) -> None:
        """Write what is known of a test."""
        ...

    async def login_test(self, test: str) -> StoredLoginTest | None:
        """Return a test."""
        ...

    async def add_import(self, wanted: StoredImport, text: SealedSecret, most: int) -> bool:
        """Write an import that waits, and its text; return False where its tenant has `most` that have not
        ended. Old ones are deleted.
        """
        ...

    async def import_by_id(self, name: str) -> StoredImport | None:
        """Return an import."""
        ...

    async def imports(self, tenant: str, before: str, limit: int) -> Sequence[StoredImport]:
        """Return up to `limit` imports of a tenant with ids below `before` ("": from the newest on)."""
        ...

    async def import_rows(
        self, name: str, after: int, limit: int, status: str | None = None
    ) -> Sequence[StoredImportRow]:
        """Return up to `limit` rows with a number above `after`, by number; with a `status` only those that
        have it.
        """
        ...

    async def import_counts(self, name: str) -> Mapping[str, int]:
        """Return how many rows there are of each status."""
        ...

    async def take_import(self, holder: str, now: float, until: float) -> StoredImport | None:
        """Return an import that nobody works on, the oldest; it is `holder`'s until then."""
        ...

    async def write_import_part(self, name: str, holder: str, part: ImportPart, until: float) -> bool:
        """Write what became of rows; return False, and write nothing, where it is another's meanwhile."""
        ...

    async def end_import(self, name: str, holder: str, problem: str, now: float) -> bool:
        """End an import and forget its text; return whether it was `holder`'s."""
        ...
