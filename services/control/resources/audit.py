"""The audit: who did what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from services.control.callers import Needs, TheCaller, TheControl
from services.control.paging import ThePaging, cursor_of
from services.control.resources.registry import READING
from services.control.resources.shapes import (
    moment,
)
from services.control.routes import ApiRoute
from shared.access import Permission
from shared.operations.people import audit_page
from shared.ports.store import AuditRecord

api = APIRouter(route_class=ApiRoute)
_P = Permission


class AuditEntry(BaseModel):
    """Who did what."""

    number: int
    at: datetime
    who: str
    address: str
    action: str
    tenant: str | None
    object: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class AuditPage(BaseModel):
    """The audit, newest first."""

    items: list[AuditEntry]
    next: str | None


@api.get("/audit", dependencies=[Depends(Needs(_P.AUDIT_READ))], responses=READING, tags=["audit"])
async def list_audit(paging: ThePaging, control: TheControl, caller: TheCaller) -> AuditPage:
    """List who did what, newest first."""
    found = await audit_page(control.context, caller.principal, paging.number, paging.limit)
    after = found[-1].number if len(found) == paging.limit else None
    return AuditPage(items=[*map(audit_entry, found)], next=cursor_of(after))


def audit_entry(record: AuditRecord) -> AuditEntry:
    """Return a record of the audit for an answer."""
    return AuditEntry(
        number=record.number,
        at=moment(record.at),
        who=record.who,
        address=record.address,
        action=record.action,
        tenant=record.tenant,
        object=record.object,
        before=None if record.before is None else dict(record.before),
        after=None if record.after is None else dict(record.after),
    )
