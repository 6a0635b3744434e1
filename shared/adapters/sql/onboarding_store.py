"""The port `OnboardingStore` in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.adapters.sql.access import connecting, imports, login_tests
from shared.adapters.sql.runner import TransactionRunner
from shared.ports.store.onboarding import (
    Authorization,
    ConnectLink,
    ImportPart,
    NewGrant,
    StoredImport,
    StoredImportRow,
    StoredLoginTest,
)
from shared.ports.store.registry import SpecChange
from shared.ports.store.secrets import SealedSecret


class SqlOnboardingStore:
    """Connect links, sign-ins in a browser, login tests and imports, see `OnboardingStore`."""

    def __init__(self, runner: TransactionRunner) -> None:
        self._runner = runner

    async def add_connect_link(self, link: ConnectLink) -> None:
        """Write a new link; those that ended long ago are deleted."""
        await self._runner.write(connecting.add_connect_link, link)

    async def connect_link(self, digest: str) -> ConnectLink | None:
        """Return the link with this digest."""
        return await self._runner.read(connecting.connect_link_of, digest)

    async def connect_link_by_id(self, link: str) -> ConnectLink | None:
        """Return the link with this id."""
        return await self._runner.read(connecting.connect_link_by_id, link)

    async def connect_links(
        self, tenant: str, accounts: Sequence[str] | None, before: str, limit: int
    ) -> Sequence[ConnectLink]:
        """Return up to `limit` links of a tenant, newest first."""
        return await self._runner.read(connecting.connect_links_before, tenant, accounts, before, limit)

    async def note_link_opened(self, link: str, now: float) -> None:
        """Write when a link was opened first."""
        await self._runner.write(connecting.note_link_opened, link, now)

    async def count_link_try(self, link: str, most: int, now: float) -> bool:
        """Count a login that is tried by an open link; return whether it may be."""
        return await self._runner.write(connecting.count_link_try, link, most, now)

    async def revoke_connect_link(self, link: str, now: float) -> bool:
        """End a link; return whether it was open."""
        return await self._runner.write(connecting.revoke_connect_link, link, now)

    async def use_connect_link(
        self, link: str, now: float, changes: Sequence[SpecChange], grant: NewGrant | None = None
    ) -> bool:
        """Use a link up, and write what its owner gave; return whether it was open."""
        return await self._runner.write(connecting.use_connect_link, link, now, changes, grant)

    async def add_authorization(self, authorization: Authorization) -> None:
        """Write a sign-in that begins; those that have expired by then are deleted."""
        await self._runner.write(connecting.add_authorization, authorization)

    async def take_authorization(self, digest: str, now: float) -> Authorization | None:
        """Return a sign-in that has not expired, and forget it."""
        return await self._runner.write(connecting.take_authorization, digest, now)

    async def add_login_test(self, test: StoredLoginTest, most: int, alive_since: float) -> bool:
        """Write a test that begins, if its tenant has fewer than `most` under way."""
        return await self._runner.write(login_tests.add_login_test, test, most, alive_since)

    async def write_login_test(self, test: str, report: Mapping[str, Any], *, is_done: bool) -> None:
        """Write what is known of a test."""
        await self._runner.write(login_tests.write_login_test, test, report, is_done=is_done)

    async def login_test(self, test: str) -> StoredLoginTest | None:
        """Return a test."""
        return await self._runner.read(login_tests.login_test_of, test)

    async def add_import(self, wanted: StoredImport, text: SealedSecret, most: int) -> bool:
        """Write an import that waits, and its text, if its tenant has fewer than `most`."""
        return await self._runner.write(imports.add_import, wanted, text, most)

    async def import_by_id(self, name: str) -> StoredImport | None:
        """Return an import."""
        return await self._runner.read(imports.import_by_id, name)

    async def imports(self, tenant: str, before: str, limit: int) -> Sequence[StoredImport]:
        """Return up to `limit` imports of a tenant, newest first."""
        return await self._runner.read(imports.imports_before, tenant, before, limit)

    async def import_rows(
        self, name: str, after: int, limit: int, status: str | None = None
    ) -> Sequence[StoredImportRow]:
        """Return up to `limit` rows, by number."""
        return await self._runner.read(imports.rows_after, name, after, limit, status)

    async def import_counts(self, name: str) -> Mapping[str, int]:
        """Return how many rows there are of each status."""
        return await self._runner.read(imports.counts, name)

    async def take_import(self, holder: str, now: float, until: float) -> StoredImport | None:
        """Return an import that nobody works on, which is `holder`'s until then."""
        return await self._runner.write(imports.take_import, holder, now, until)

    async def write_import_part(self, name: str, holder: str, part: ImportPart, until: float) -> bool:
        """Write what became of rows; return whether the import is still `holder`'s."""
        return await self._runner.write(imports.write_part, name, holder, part, until)

    async def end_import(self, name: str, holder: str, problem: str, now: float) -> bool:
        """End an import and forget its text; return whether it was `holder`'s."""
        return await self._runner.write(imports.end_import, name, holder, problem, now)
