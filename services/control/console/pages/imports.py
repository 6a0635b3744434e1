"""Importing accounts from a file: a preview of each row, then the import, which goes on in the background."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from starlette.datastructures import UploadFile

from services.control.console.navigation import text
from services.control.console.view import TheView, View, needs
from services.control.paging import Paging, cursor_of
from services.control.resources.registry import permitted
from shared.access import Permission
from shared.importing.formats import FORMATS
from shared.model.errors import MailferryError
from shared.operations.import_runs import WOULD_BE_ADDED
from shared.operations.importing import Choices, SaveStatus, StateFile
from shared.operations.imports import Imports, ImportState, NewImport
from shared.ports.store import StoredImportRow

pages = APIRouter()
NEEDED = needs(Permission.ACCOUNTS_WRITE)
PAGE = 50
LATEST = 10
CSV_PAGE = 1000
TOLD = "%(why)s"
NO_FILE = text("Choose a file to import.")
NO_FORMAT = text("Choose what made the file.")
NO_STATE = text("There is no file of state for this kind of file.")
TENANT_NEEDED = text("Say which tenant the accounts belong to.")
BEGUN = text("The import has begun. It goes on when you leave this page.")
PREVIEWED = text("This is a preview; nothing is saved.")
FORMS: Mapping[str, str] = {
    "csv": text("a table (CSV) with a column for each setting"),
    "fetchmailrc": text("fetchmail: .fetchmailrc"),
    "getmailrc": text("getmail: a getmailrc"),
    "mailcow": text("mailcow: its sync jobs, as JSON"),
    "imapsync-csv": text("imapsync: a list of mailboxes"),
}
STATES: Mapping[ImportState, str] = {
    ImportState.WAITING: text("Waiting for a process to take it"),
    ImportState.RUNNING: text("Under way"),
    ImportState.DONE: text("Done"),
    ImportState.FAILED: text("Stopped"),
}
STATUSES: Mapping[str, str] = {
    SaveStatus.ADDED.value: text("added"),
    SaveStatus.UNCHANGED.value: text("there already"),
    SaveStatus.REFUSED.value: text("refused"),
    WOULD_BE_ADDED: text("would be added"),
}
Cursor = Annotated[str, Query(max_length=1000)]
Tenant = Annotated[str, Query(max_length=64)]


@pages.get("/imports", dependencies=[NEEDED])
async def show_imports(view: TheView, tenant: Tenant = "") -> Response:
    """Ask for a file, and show the latest imports of a tenant."""
    of = view.me.principal.tenant or tenant
    return view.page(
        "imports.html",
        tenant=of,
        forms=FORMS,
        states=STATES,
        imports=await _imports(view).list(of, "", LATEST) if of else (),
    )


@pages.post("/imports", dependencies=[NEEDED])
async def begin_import(view: TheView) -> Response:
    """Begin an import, or its preview."""
    tenant = view.me.principal.tenant or _field(view, "tenant")
    back, form = f"/imports?tenant={tenant}", _field(view, "format")
    if not tenant:
        return view.refused("/imports", TENANT_NEEDED)
    if form not in FORMS:
        return view.refused(back, NO_FORMAT)
    file = view.form.get("file")
    content = await file.read() if isinstance(file, UploadFile) else b""
    if not content:
        return view.refused(back, NO_FILE)
    states = [
        StateFile(each.filename or "state", await each.read())
        for each in view.form.getlist("state")
        if isinstance(each, UploadFile) and each.filename
    ]
    if states and FORMATS[form].read_state is None:
        return view.refused(back, NO_STATE)
    choices = Choices(
        tenant,
        target=_field(view, "target") or None,
        domain=_field(view, "domain") or None,
        recipient=_field(view, "recipient") or None,
        begin=_field(view, "begin") or None,
    )
    is_preview = _field(view, "preview") == "yes"
    wanted = NewImport(form, content.decode("utf-8", "surrogateescape"), choices, is_preview, states)
    try:
        begun = await _imports(view).begin(tenant, wanted)
    except MailferryError as refusal:
        return view.refused(back, TOLD, why=view.reader.sentence(str(refusal)))
    return view.done(f"/imports/{tenant}/{begun.stored.id}", PREVIEWED if is_preview else BEGUN)


@pages.get("/imports/{tenant}/{name}", dependencies=[NEEDED])
async def show_import(
    view: TheView,
    tenant: str,
    name: str,
    cursor: Cursor = "",
    status: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Show how far an import is, and what became of its rows."""
    imports, path = _imports(view), f"/imports/{tenant}/{name}"
    after = Paging(cursor or None).number
    rows = await imports.rows(tenant, name, after, PAGE, status or None)
    leads_on = cursor_of(rows[-1].number if len(rows) == PAGE else None)
    shown = await imports.show(tenant, name)
    return view.page(
        "import_progress.html" if view.is_partial else "import.html",
        shown=shown,
        is_under_way=shown.state in {ImportState.WAITING, ImportState.RUNNING},
        states=STATES,
        statuses=STATUSES,
        forms=FORMS,
        rows=rows,
        chosen=status,
        path=path,
        next=None if leads_on is None else f"{path}?status={status}&cursor={leads_on}",
        first=f"{path}?status={status}" if cursor else None,
    )


@pages.get("/imports/{tenant}/{name}/rows.csv", dependencies=[NEEDED])
async def download_rows(view: TheView, tenant: str, name: str) -> Response:
    """Give out what became of the rows as a table."""
    imports = _imports(view)
    await imports.show(tenant, name)
    head = {"Content-Disposition": f'attachment; filename="import-{name}.csv"'}
    return StreamingResponse(_table(imports, tenant, name), media_type="text/csv", headers=head)


async def _table(imports: Imports, tenant: str, name: str) -> AsyncIterator[str]:
    yield "line,account,status,sentence\r\n"
    after = 0
    while rows := await imports.rows(tenant, name, after, CSV_PAGE):
        yield "".join(map(_line, rows))
        after = rows[-1].number


def _line(row: StoredImportRow) -> str:
    written = io.StringIO()
    sentences = (row.sentence, *(str(each["sentence"]) for each in row.findings))
    csv.writer(written).writerow([row.line, row.account, row.status, " ".join(filter(None, sentences))])
    return written.getvalue()


def _imports(view: View) -> Imports:
    return Imports(permitted(view.control, view.me))


def _field(view: View, name: str) -> str:
    value = view.form.get(name, "")
    return value.strip()[:320] if isinstance(value, str) else ""
