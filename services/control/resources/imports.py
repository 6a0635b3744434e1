"""Imports of accounts from the files of other programs, which run in the background."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AfterValidator, BaseModel, Field, SecretStr, model_validator

from services.control.callers import Needs, TheCaller, TheControl
from services.control.paging import ThePaging, cursor_of
from services.control.resources.registry import ADDING, READING, permitted
from services.control.resources.shapes import (
    NAME_PATTERN,
    Id,
    Shape,
    TenantName,
    moment,
    moment_or_none,
)
from services.control.routes import ApiRoute
from shared.access import Permission
from shared.operations.importing import FORMATS, Choices, StateFile
from shared.operations.imports import Imports, ImportState, ImportView, NewImport
from shared.ports.store import StoredImportRow


def known_format(form: str) -> str:
    """Return the format if there is a reader of it. Raises `ValueError`."""
    if form not in FORMATS:
        raise ValueError(f"it is one of {', '.join(FORMATS)}")
    return form


api = APIRouter(route_class=ApiRoute)
LONGEST_TEXT = 4_000_000
NEEDED = Depends(Needs(Permission.ACCOUNTS_WRITE))
TEXT = {"examples": ["source,username,password,target,recipient\n"]}
Format = Annotated[str, Field(json_schema_extra={"enum": [*FORMATS]}), AfterValidator(known_format)]
Word = Annotated[str | None, Field(max_length=320)]


class ImportOptions(Shape):
    """What holds for all rows.

    `target` takes the place of what the file says about delivery; `domain` completes recipients without one;
    `recipient` is for a mailbox of which the file names none; `begin` (all, now, or a date) says from when
    on mail that was kept at the source is delivered.
    """

    target: Annotated[str | None, Field(pattern=NAME_PATTERN)] = None
    domain: Word = None
    recipient: Word = None
    begin: Word = None


class ImportFile(Shape):
    """A file of state of another program, which says what it delivered: .fetchids, or an oldmail file."""

    name: Annotated[str, Field(min_length=1, max_length=255, examples=[".fetchids"])]
    text: Annotated[str, Field(max_length=LONGEST_TEXT)]


class WantedImport(Shape):
    """A file to import. With `dry_run` nothing is saved, and the rows say what would be."""

    format: Format
    text: Annotated[SecretStr, Field(min_length=1, max_length=LONGEST_TEXT, json_schema_extra=TEXT)]
    dry_run: bool = False
    options: ImportOptions = ImportOptions()
    states: Annotated[list[ImportFile], Field(max_length=100, default_factory=list)]

    @model_validator(mode="after")
    def _takes_state(self) -> WantedImport:
        if self.states and FORMATS[self.format].read_state is None:
            raise ValueError(f"there is no file of state for the format {self.format}")
        return self


class ImportFinding(BaseModel):
    """A sentence about an option of the file. One that `blocks` keeps its row from being saved."""

    line: int
    option: str
    sentence: str
    blocks: bool


class ImportShape(BaseModel):
    """An import. `total` rows are known once the file is read; `counts` has how many ended in which way."""

    id: str
    format: str
    dry_run: bool
    state: ImportState
    total: int | None
    done: int
    counts: dict[str, int]
    findings: list[ImportFinding]
    problem: str | None
    created_by: str
    created_at: datetime
    ended_at: datetime | None


class ImportPage(BaseModel):
    """Some imports, newest first."""

    items: list[ImportShape]
    next: str | None


class ImportRowShape(BaseModel):
    """What became of a row: added, unchanged, refused, or "would be added" of a dry run."""

    number: int
    line: int
    account: str
    status: str
    sentence: str
    findings: list[ImportFinding]


class ImportRows(BaseModel):
    """Some rows, by number."""

    items: list[ImportRowShape]
    next: str | None


def imports_of(control: TheControl, caller: TheCaller) -> Imports:
    """Return the imports of the caller."""
    return Imports(permitted(control, caller))


TheImports = Annotated[Imports, Depends(imports_of)]


@api.post(
    "/tenants/{tenant}/imports",
    dependencies=[NEEDED],
    responses=ADDING,
    status_code=202,
    tags=["imports"],
)
async def begin_import(
    tenant: TenantName, wanted: WantedImport, imports: TheImports, response: Response
) -> ImportShape:
    """Begin to import accounts; ask at `Location` how far it is. Accounts that are there are left alone."""
    options = wanted.options
    choices = Choices(tenant, options.target, options.domain, options.recipient, options.begin)
    states = [StateFile(each.name, each.text.encode()) for each in wanted.states]
    text = wanted.text.get_secret_value()
    begun = await imports.begin(tenant, NewImport(wanted.format, text, choices, wanted.dry_run, states))
    response.headers["Location"] = f"/api/v1/tenants/{tenant}/imports/{begun.stored.id}"
    return import_shape(begun)


@api.get("/tenants/{tenant}/imports", dependencies=[NEEDED], responses=READING, tags=["imports"])
async def list_imports(tenant: TenantName, paging: ThePaging, imports: TheImports) -> ImportPage:
    """List the imports of the last 30 days, newest first."""
    found = await imports.list(tenant, paging.after, paging.limit)
    after = found[-1].stored.id if len(found) == paging.limit else None
    return ImportPage(items=[*map(import_shape, found)], next=cursor_of(after))


@api.get("/tenants/{tenant}/imports/{name}", dependencies=[NEEDED], responses=READING, tags=["imports"])
async def show_import(tenant: TenantName, name: Id, imports: TheImports) -> ImportShape:
    """Show how far an import is."""
    return import_shape(await imports.show(tenant, name))


@api.get("/tenants/{tenant}/imports/{name}/rows", dependencies=[NEEDED], responses=READING, tags=["imports"])
async def list_import_rows(
    tenant: TenantName,
    name: Id,
    paging: ThePaging,
    imports: TheImports,
    status: Annotated[str | None, Query(max_length=20, description="Only rows that ended so.")] = None,
) -> ImportRows:
    """List what became of the rows so far, in the order of the file."""
    found = await imports.rows(tenant, name, paging.number, paging.limit, status)
    after = found[-1].number if len(found) == paging.limit else None
    return ImportRows(items=[*map(_row, found)], next=cursor_of(after))


def import_shape(view: ImportView) -> ImportShape:
    """Return an import as the API shows it."""
    stored = view.stored
    return ImportShape(
        id=stored.id,
        format=stored.request["format"],
        dry_run=stored.request["dry_run"],
        state=view.state,
        total=stored.total,
        done=stored.done,
        counts=dict(view.counts),
        findings=[*map(_finding, stored.findings)],
        problem=stored.problem or None,
        created_by=stored.created_by,
        created_at=moment(stored.created_at),
        ended_at=moment_or_none(stored.ended_at),
    )


def _row(row: StoredImportRow) -> ImportRowShape:
    return ImportRowShape(
        number=row.number,
        line=row.line,
        account=row.account,
        status=row.status,
        sentence=row.sentence,
        findings=[*map(_finding, row.findings)],
    )


def _finding(finding: Mapping[str, Any]) -> ImportFinding:
    return ImportFinding.model_validate(finding)
