"""Importing accounts from the files of other programs: reading them, showing what would be, and saving.

Saving is the registry's, behind `AccountSaver`. It is idempotent by the account's id, so an import that broke
off is simply run again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from shared.config.object_keys import absolute, references
from shared.importing.checking import checked
from shared.importing.formats import FORMATS
from shared.importing.result import (
    Choices,
    Finding,
    Import,
    ImportedRow,
    KnownMail,
    Origin,
    UnreadableImport,
)
from shared.importing.row_builder import KEPT
from shared.model.errors import ConfigurationError, MailferryError
from shared.model.message import LedgerKey
from shared.model.progress import Progress, no_progress
from shared.model.spec import Kind
from shared.operations.context import OperatorContext
from shared.operations.objects import (
    Actor,
    AlreadyThere,
    InvalidObject,
    ManagedByFile,
    Objects,
    objects_of,
)
from shared.ports.store import OperatorStore

__all__ = [
    "FORMATS",
    "AccountSaver",
    "Choices",
    "Finding",
    "Import",
    "ImportedRow",
    "Plan",
    "RegistrySaver",
    "SaveResult",
    "SaveStatus",
    "StateFile",
    "import_known_mails",
    "known_accounts",
    "plan_import",
    "plan_upload",
    "save",
    "save_into_registry",
    "save_result",
    "save_state",
]
AT_ONCE = 500
"""Accounts of one query."""
THERE = "it is in the registry already, and was left as it is"
BEGUN = (
    "mails that were delivered before could not be entered, as the account was visited already; its mail was "
    "or is delivered"
)
LEFT_ALONE = (
    "mails that were delivered before: {}. They must be entered (--save-state) before the first visit; then "
    'all other mail is delivered. Otherwise begin = "now" leaves alone all mail that is there'
)


class SaveStatus(StrEnum):
    """What saving did with an account."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class SaveResult:
    """What became of one row. `sentence` says why an account was refused."""

    account: str
    status: SaveStatus
    sentence: str = ""


class StateFile(NamedTuple):
    """A file of another program that says which mails it delivered."""

    name: str
    content: bytes


class AccountSaver(Protocol):
    """What the registry of accounts offers."""

    async def save_accounts(self, rows: Sequence[ImportedRow]) -> Sequence[SaveResult]:
        """Save the accounts of usable rows, with their targets, and the secrets sealed; return a result each.

        Saving is idempotent by the account's id: a row that is there already is unchanged. One row that is
        refused does not hold up the others.
        """
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What an import would do: the rows in the order of the file, checked, and what was delivered before."""

    rows: Sequence[ImportedRow]
    findings: Sequence[Finding]
    known: Mapping[str, Sequence[KnownMail]]

    @property
    def usable(self) -> Sequence[ImportedRow]:
        """Return the rows that can be saved."""
        return [row for row in self.rows if row.is_usable]


def plan_import(
    path: Path,
    form: str,
    choices: Choices,
    states: Sequence[Path] = (),
    targets: Sequence[Mapping[str, Any]] = (),
    environ: Mapping[str, str] | None = None,
) -> Plan:
    """Read a file and its files of state. `targets` are the tables of those that exist.

    Accounts may name variables of `environ` that hold their secrets.

    Raises `ConfigurationError` where a file cannot be read, or is not in the form that it is said to be in.
    """
    content = _content(path)
    files = [StateFile(each.name, _content(each)) for each in states]
    try:
        return _planned(content, form, choices, files, path.absolute().parent, targets, environ)
    except UnreadableImport as error:
        raise ConfigurationError([f"{path}: {error}"]) from error


def plan_upload(content: bytes, form: str, choices: Choices, states: Sequence[StateFile] = ()) -> Plan:
    """Read a file that somebody sent who has no access to this machine: rows that name its files, variables
    or sockets are blocked, and nothing of what they name is looked at.

    Raises `UnreadableImport`, and `ConfigurationError` where there is no file of state for the form.
    """
    return _planned(content, form, choices, states, Path("/"), may_refer=False)


def _planned(
    content: bytes,
    form: str,
    choices: Choices,
    states: Sequence[StateFile],
    base: Path,
    targets: Sequence[Mapping[str, Any]] = (),
    environ: Mapping[str, str] | None = None,
    *,
    may_refer: bool = True,
) -> Plan:
    choices = replace(choices, has_state=bool(states))
    found = FORMATS[form].read(content, choices)
    rows = checked(
        found.rows if may_refer else [*map(_without_references, found.rows)], base, targets, environ
    )
    known, findings = _known_mails(states, form, rows)
    if states:
        rows = [_with_state(row, known.get(row.account_id, ()), choices) for row in rows]
    return Plan(rows, (*found.findings, *findings), known)


def _without_references(row: ImportedRow) -> ImportedRow:
    """Return the row without what it must not name, and blocked where there was any."""
    of_account = [*references(Kind.ACCOUNT, row.account)]
    of_target = [*references(Kind.TARGET, row.target or {})]
    if not of_account and not of_target:
        return row
    findings = [
        Finding(row.origins.get(each.key, Origin(row.line, "")).line, each.key, each.sentence, blocks=True)
        for each in (*of_account, *of_target)
    ]
    refused = {each.key for each in of_account}
    account = {key: value for key, value in row.account.items() if key not in refused}
    target = None if of_target else row.target
    return replace(row, account=account, target=target, findings=(*row.findings, *findings))


class RegistrySaver:
    """Saves rows into the registry, with their targets and their secrets. `base` is the directory that
    relative paths in them start from.
    """

    def __init__(self, objects: Objects, actor: Actor, base: Path, progress: Progress = no_progress) -> None:
        self._objects = objects
        self._progress = progress
        self._actor = actor
        self._base = base

    async def save_accounts(self, rows: Sequence[ImportedRow]) -> Sequence[SaveResult]:
        """See `AccountSaver`."""
        await self._save_targets(rows)
        tables = [absolute(row.account, self._base) for row in rows]
        results = await self._objects.add_all(
            Kind.ACCOUNT,
            tables,
            self._actor,
            lambda done: self._progress("Accounts saved", done, len(tables)),
        )
        return [save_result(row.account_id, result) for row, result in zip(rows, results, strict=True)]

    async def _save_targets(self, rows: Sequence[ImportedRow]) -> None:
        """Add the targets that are not there. What is wrong with one, its accounts say."""
        tables = {str(row.target["name"]): row.target for row in rows if row.target is not None}
        for result in await self._objects.add_all(Kind.TARGET, [*tables.values()], self._actor):
            if isinstance(result, MailferryError) and not isinstance(result, AlreadyThere | ManagedByFile):
                raise result


async def known_accounts(objects: Objects, accounts: Sequence[str]) -> set[str]:
    """Return those of the accounts that are in the registry."""
    known: set[str] = set()
    for start in range(0, len(accounts), AT_ONCE):
        found = await objects.registry.specs(Kind.ACCOUNT, accounts[start : start + AT_ONCE])
        known |= {each.id for each in found if each.removed_at is None}
    return known


def save_result(account: str, result: str | MailferryError) -> SaveResult:
    """Return what became of an account that was to be added, as `Objects.add_all` says it."""
    match result:
        case AlreadyThere() | ManagedByFile():
            return SaveResult(account, SaveStatus.UNCHANGED, THERE)
        case InvalidObject():
            return SaveResult(account, SaveStatus.REFUSED, "; ".join(each.sentence for each in result.found))
        case MailferryError():
            return SaveResult(account, SaveStatus.REFUSED, str(result))
    return SaveResult(account, SaveStatus.ADDED)


async def save_into_registry(
    context: OperatorContext,
    plan: Plan,
    actor: Actor,
    base: Path,
    progress: Progress = no_progress,
) -> Sequence[SaveResult]:
    """Save the usable rows of a plan into the registry; return a result for each row.

    Accounts that are there are left alone, so an import that broke off is simply run again.
    """
    objects = objects_of(context)
    saver = RegistrySaver(objects, actor, base, progress)
    there = await known_accounts(objects, [row.account_id for row in plan.rows])
    new = replace(plan, rows=[row for row in plan.rows if row.account_id not in there])
    saved = await save(saver, context.store, new, context.clock.now(), progress)
    results = {each.account: each for each in saved}
    unchanged = {name: SaveResult(name, SaveStatus.UNCHANGED, THERE) for name in there}
    return [(unchanged | results)[row.account_id] for row in plan.rows]


async def save(
    saver: AccountSaver, store: OperatorStore, plan: Plan, now: float, progress: Progress = no_progress
) -> Sequence[SaveResult]:
    """Save the usable rows of a plan, what was delivered before first; return a result for each row.

    The order matters: an account that is saved may be visited at once, and would deliver all its mail.
    """
    results: dict[str, SaveResult] = {}
    ready: list[ImportedRow] = []
    for number, row in enumerate(plan.rows, 1):
        name = row.account_id
        progress("Rows prepared", number, len(plan.rows))
        if not row.is_usable:
            results[name] = SaveResult(name, SaveStatus.REFUSED, row.reasons)
        elif await import_known_mails(store, name, plan.known.get(name, ()), now):
            ready.append(row)
        else:
            results[name] = SaveResult(name, SaveStatus.REFUSED, BEGUN)
    for result in await saver.save_accounts(ready):
        results[result.account] = result
    return [results[row.account_id] for row in plan.rows]


async def save_state(context: OperatorContext, plan: Plan) -> Sequence[SaveResult]:
    """Enter what was delivered before, for accounts that are saved in another way; return their results."""
    results = []
    for row in plan.usable:
        if mails := plan.known.get(row.account_id):
            entered = await import_known_mails(context.store, row.account_id, mails, context.clock.now())
            status = SaveStatus.CHANGED if entered else SaveStatus.REFUSED
            results.append(SaveResult(row.account_id, status, "" if entered else BEGUN))
    return results


async def import_known_mails(
    store: OperatorStore, account: str, mails: Sequence[KnownMail], now: float
) -> bool:
    """Enter mails that another program has delivered; return False where the account was visited already."""
    keys = [LedgerKey(each.folder, each.uidvalidity or 0, each.uid) for each in mails]
    return not keys or await store.import_known_mails(account, keys, now)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}"]) from error


def _known_mails(
    states: Sequence[StateFile], form: str, rows: Sequence[ImportedRow]
) -> tuple[dict[str, Sequence[KnownMail]], list[Finding]]:
    """Return the delivered mails by account. A mail that is named twice is one."""
    read_state = FORMATS[form].read_state
    if states and read_state is None:
        raise ConfigurationError([f"{states[0].name}: there is no file of state for --from {form}"])
    known: dict[str, dict[KnownMail, None]] = {}
    findings: list[Finding] = []
    for state in states:
        assert read_state is not None, "it was looked for above"
        found = read_state(state.content, state.name, rows)
        findings += [replace(each, option=f"{state.name}: {each.option}") for each in found.findings]
        for mail in found.mails:
            known.setdefault(mail.account, {})[mail] = None
    return {account: list(mails) for account, mails in known.items()}, findings


def _with_state(row: ImportedRow, mails: Sequence[KnownMail], choices: Choices) -> ImportedRow:
    """Return the row so that its known mails are left alone and all others are delivered.

    The account has begun with `now` when it is first visited: only what was entered for it is skipped.
    """
    if mails:
        account = {**row.account, "begin": "now"}
        findings = (*row.findings, Finding(row.line, "--state", LEFT_ALONE.format(len(mails))))
        origins = {**row.origins, "begin": Origin(row.line, "--state")}
        return replace(row, account=account, origins=origins, findings=findings)
    if row.account.get("retention", "delete") != "delete" and choices.begin is None:
        line = row.origins.get("retention", Origin(row.line, "")).line
        finding = Finding(line, "--state", f"no state was found of this account; {KEPT}", blocks=True)
        return replace(row, findings=(*row.findings, finding))
    return row
