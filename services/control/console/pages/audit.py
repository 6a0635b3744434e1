"""The audit: who did what, from where, and what it was before and after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Response

from services.control.console.view import TheView, needs
from services.control.paging import Paging, cursor_of
from shared.access import Permission
from shared.operations.people import audit_page
from shared.ports.store import AuditRecord

pages = APIRouter()
PAGE = 50
LONGEST = 300


class Difference(NamedTuple):
    """A key that was changed, and its values as text; None where there was none."""

    key: str
    before: str | None
    after: str | None


@pages.get("/audit", dependencies=[needs(Permission.AUDIT_READ)])
async def list_audit(view: TheView, cursor: Annotated[str, Query(max_length=1000)] = "") -> Response:
    """List who did what, newest first."""
    before = Paging(cursor or None).number
    found = await audit_page(view.control.context, view.me.principal, before, PAGE)
    leads_on = cursor_of(found[-1].number if len(found) == PAGE else None)
    return view.page(
        "audit.html",
        records=[(each, differences(each)) for each in found],
        next=None if leads_on is None else f"/audit?cursor={leads_on}",
        first="/audit" if cursor else None,
    )


def differences(record: AuditRecord) -> list[Difference]:
    """Return what a record changed, key by key."""
    before, after = record.before or {}, record.after or {}
    keys = dict.fromkeys([*before, *after])
    return [Difference(key, _text(before, key), _text(after, key)) for key in keys]


def _text(values: Mapping[str, Any], key: str) -> str | None:
    value = values.get(key)
    if value is None:
        return None
    return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))[:LONGEST]
