"""Carries imports out in the background, in batches, each of which is written down when it is done.

Any number of processes may do so. One that ends leaves its import to whoever finds that its time is over; the
rows of the batch that was under way are then tried again, and those that had been saved are left as they are.
Before each batch it is looked up what whoever began the import may do by now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import structlog

from shared.access import Permission, permissions_of
from shared.importing.result import Finding, ImportedRow, UnreadableImport
from shared.model.errors import ConfigurationError, MailferryError
from shared.model.sealed import SecretName
from shared.model.spec import Kind
from shared.operations.context import OperatorContext
from shared.operations.importing import (
    THERE,
    Choices,
    Plan,
    SaveResult,
    SaveStatus,
    known_accounts,
    plan_upload,
    save,
    save_result,
)
from shared.operations.imports import TEXT_FIELD, ImportStopped, doer_of, files_of, principal_of
from shared.operations.objects import AlreadyThere, Objects, objects_of
from shared.operations.people import record
from shared.operations.permitted_objects import PermittedObjects
from shared.ports.store import IMPORT_TEXT_KIND, ImportPart, StoredImport, StoredImportRow

BATCH = 50
"""Rows of a batch. Checking one takes some milliseconds, in which the process serves nobody else."""
MOST_ROWS = 20_000
LOOK_EVERY = 2.0
"""Seconds between two looks for an import that waits."""
BUSY = 60.0
"""Seconds after which an import whose process was killed goes on in another one. Reading the largest file
that a request may have takes a third of that.
"""
WOULD_BE_ADDED = "would be added"
NO_TARGETS = "its target would have to be added, which needs the permission targets.write"

log = structlog.get_logger("mailferry.control")


class PermittedSaver:
    """Saves the rows of a tenant with the permissions of whoever began the import, see `AccountSaver`."""

    def __init__(self, permitted: PermittedObjects, tenant: str) -> None:
        self._permitted = permitted
        self._tenant = tenant

    async def save_accounts(self, rows: Sequence[ImportedRow]) -> Sequence[SaveResult]:
        """Save the accounts and their targets; those of a target that is refused are refused with it."""
        refused = await self._save_targets(rows)
        told: dict[str, SaveResult] = {}
        for row in rows:
            if row.target is not None and (why := refused.get(str(row.target["name"]))):
                told[row.account_id] = SaveResult(row.account_id, SaveStatus.REFUSED, why)
        new = [row for row in rows if row.account_id not in told]
        added = await self._permitted.add_all(Kind.ACCOUNT, self._tenant, [row.account for row in new])
        for row, result in zip(new, added, strict=True):
            told[row.account_id] = save_result(row.account_id, result)
        return [told[row.account_id] for row in rows]

    async def check_accounts(self, rows: Sequence[ImportedRow], planned: int) -> Sequence[SaveResult]:
        """Return what `save_accounts` would, after `planned` others; nothing is saved."""
        targets = [*self._targets(rows).values()]
        accounts = [row.account for row in rows]
        found = await self._permitted.check_all(Kind.ACCOUNT, accounts, planned, targets)
        return [save_result(row.account_id, result) for row, result in zip(rows, found, strict=True)]

    async def _save_targets(self, rows: Sequence[ImportedRow]) -> Mapping[str, str]:
        """Add the targets that are not there; return why others could not be added, by name."""
        targets = self._targets(rows)
        if not targets:
            return {}
        if Permission.TARGETS_WRITE not in permissions_of(self._permitted.principal):
            ids = {f"{self._tenant}/{name}": name for name in targets}
            there = await self._permitted.context.registry.store.specs(Kind.TARGET, [*ids])
            known = {each.id for each in there if each.removed_at is None}
            return {name: NO_TARGETS for full, name in ids.items() if full not in known}
        results = await self._permitted.add_all(Kind.TARGET, self._tenant, [*targets.values()])
        return {
            name: str(result)
            for name, result in zip(targets, results, strict=True)
            if isinstance(result, MailferryError) and not isinstance(result, AlreadyThere)
        }

    def _targets(self, rows: Sequence[ImportedRow]) -> dict[str, Mapping[str, Any]]:
        """The targets that rows bring along, which become the tenant's own."""
        given = [row.target for row in rows if row.target is not None]
        return {str(each["name"]): {**each, "tenant": self._tenant} for each in given}


@dataclass(slots=True)
class ImportRuns:
    """The imports that this process carries out, one at a time. `holder` names the process."""

    context: OperatorContext
    holder: str
    wait: Callable[[float], Any] = asyncio.sleep
    _objects: Objects = field(init=False)

    def __post_init__(self) -> None:
        self._objects = objects_of(self.context)

    async def run(self) -> None:
        """Work until cancelled. While the database is away, imports wait."""
        while True:
            try:
                has_worked = await self.work()
            except MailferryError as error:
                log.warning("imports wait", error=error)
                has_worked = False
            if not has_worked:
                await self.wait(LOOK_EVERY)

    async def work(self) -> bool:
        """Carry out an import that waits, to its end; return whether there was one."""
        now = self.context.clock.now()
        taken = await self.context.onboarding.take_import(self.holder, now, now + BUSY)
        if taken is None:
            return False
        try:
            problem = await self._carry_out(taken)
        except (UnreadableImport, ConfigurationError, ImportStopped) as error:
            problem = str(error)
        except MailferryError:
            # The database or the keys are away: the import goes on when its time is over.
            raise
        except Exception as error:
            # Without an end, whoever waits would never learn of it, and it would be tried for ever.
            log.exception("import failed, over a mistake in Mailferry")
            problem = f"internal error {type(error).__name__}"
        if problem is not None:
            await self._end(taken, problem)
        return True

    async def _carry_out(self, taken: StoredImport) -> str | None:
        """Work on all rows; return what went wrong ("": nothing), None where another process has it now."""
        name = SecretName(IMPORT_TEXT_KIND, taken.id, TEXT_FIELD)
        sealed = (await self.context.secrets.sealed_secrets(name.kind, [name.id])).get((name.id, name.field))
        if sealed is None:
            return "the text of the file is not there any more"
        content, states = files_of(self.context.registry.box.open(name, sealed))
        choices = Choices(**{**taken.request["choices"], "tenant": taken.tenant})
        plan = await asyncio.to_thread(plan_upload, content, taken.request["format"], choices, states)
        if len(plan.rows) > MOST_ROWS:
            return f"the file has {len(plan.rows)} accounts; an import may have {MOST_ROWS}, so split it"
        if not await self._write(taken.id, plan, taken.done, []):
            return None
        planned = 0 if taken.done == 0 else await self._count_of(taken.id, WOULD_BE_ADDED)
        for start in range(taken.done, len(plan.rows), BATCH):
            saver = await self._saver(taken)
            rows = plan.rows[start : start + BATCH]
            if taken.request["dry_run"]:
                results = await self._checked(saver, rows, planned)
                planned += sum(each.status is SaveStatus.ADDED for each in results)
            else:
                results = await self._saved(saver, rows, plan)
            told = [
                _told(start + number, row, result, is_dry_run=taken.request["dry_run"])
                for number, (row, result) in enumerate(zip(rows, results, strict=True), 1)
            ]
            if not await self._write(taken.id, plan, start, told):
                return None
        return ""

    async def _saver(self, taken: StoredImport) -> PermittedSaver:
        """What saves rows with the permissions of this moment. Raises `ImportStopped`."""
        principal = await principal_of(self.context, taken)
        permitted = PermittedObjects(self.context, self._objects, principal, doer_of(taken))
        return PermittedSaver(permitted, taken.tenant)

    async def _saved(
        self, saver: PermittedSaver, rows: Sequence[ImportedRow], plan: Plan
    ) -> Sequence[SaveResult]:
        there = await self._there(rows)
        new = Plan([row for row in rows if row.account_id not in there], (), plan.known)
        saved = await save(saver, self.context.store, new, self.context.clock.now())
        results = {each.account: each for each in saved}
        return [results.get(row.account_id) or _unchanged(row) for row in rows]

    async def _checked(
        self, saver: PermittedSaver, rows: Sequence[ImportedRow], planned: int
    ) -> Sequence[SaveResult]:
        there = await self._there(rows)
        usable = [row for row in rows if row.is_usable and row.account_id not in there]
        results = {each.account: each for each in await saver.check_accounts(usable, planned)}
        return [
            _unchanged(row)
            if row.account_id in there
            else results.get(row.account_id) or SaveResult(row.account_id, SaveStatus.REFUSED, row.reasons)
            for row in rows
        ]

    async def _there(self, rows: Sequence[ImportedRow]) -> set[str]:
        return await known_accounts(self._objects, [row.account_id for row in rows])

    async def _write(self, name: str, plan: Plan, done: int, rows: Sequence[StoredImportRow]) -> bool:
        findings = [_written(each) for each in plan.findings]
        part = ImportPart(done, len(plan.rows), findings, rows)
        until = self.context.clock.now() + BUSY
        return await self.context.onboarding.write_import_part(name, self.holder, part, until)

    async def _count_of(self, name: str, status: str) -> int:
        return (await self.context.onboarding.import_counts(name)).get(status, 0)

    async def _end(self, taken: StoredImport, problem: str) -> None:
        now = self.context.clock.now()
        if not await self.context.onboarding.end_import(taken.id, self.holder, problem, now):
            return
        counts = await self.context.onboarding.import_counts(taken.id)
        after = {**counts, **({"problem": problem} if problem else {})}
        await record(self.context, doer_of(taken), "import.end", taken.id, taken.tenant, after=after)


def _unchanged(row: ImportedRow) -> SaveResult:
    return SaveResult(row.account_id, SaveStatus.UNCHANGED, THERE)


def _told(number: int, row: ImportedRow, result: SaveResult, *, is_dry_run: bool) -> StoredImportRow:
    status = result.status.value
    if is_dry_run and result.status is SaveStatus.ADDED:
        status = WOULD_BE_ADDED
    findings = [_written(each) for each in row.findings]
    return StoredImportRow(number, row.line, row.account_id, status, result.sentence, findings)


def _written(finding: Finding) -> dict[str, object]:
    return asdict(finding)
