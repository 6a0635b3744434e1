"""Erasure: an address is taken out of all that is known of a tenant's mails."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from services.control.callers import Needs, TheCaller, TheControl
from services.control.paging import Paging, cursor_of
from services.control.resources.registry import ADDING, READING
from services.control.resources.shapes import Shape, TenantName
from services.control.routes import ApiRoute
from shared.access import Permission
from shared.operations.erasure import Erasure, erase, exported
from shared.operations.people import record

api = APIRouter(route_class=ApiRoute)
LONGEST = 15.0
"""Seconds after which an answer says how to go on: a request may take twice that."""
JSON_LINES = {
    **READING,
    200: {"content": {"application/x-ndjson": {"schema": {"type": "string", "format": "binary"}}}},
}
NEEDED = Depends(Needs(Permission.MAIL_ERASE))
Address = Annotated[str, Field(min_length=3, max_length=320, examples=["anna@acme.example"])]


class WantedErasure(Shape):
    """An address of a recipient or a sender. `include_custody` discards mail that is parked for it.

    `cursor` is the `next` of an answer that did not get to the end.
    """

    address: Address
    dry_run: bool = False
    include_custody: bool = False
    cursor: Annotated[str | None, Field(max_length=1000)] = None


class ErasureShape(BaseModel):
    """What was done. `kept` are mails in custody; `certificate` is the object of the audit's entry."""

    found: int
    erased: int
    discarded: int
    blobs: int
    kept: list[str]
    certificate: str | None
    next: str | None


@api.post("/tenants/{tenant}/erasures", dependencies=[NEEDED], responses=ADDING, tags=["erasure"])
async def erase_address(
    tenant: TenantName, wanted: WantedErasure, control: TheControl, caller: TheCaller
) -> ErasureShape:
    """Erase an address from the mails of a tenant; with `next`, ask again with it as `cursor`."""
    asked = Erasure(tenant, wanted.address, wanted.dry_run, wanted.include_custody)
    after = Paging(wanted.cursor).after
    report = await erase(control.context, caller.doer, asked, after=after, seconds=LONGEST)
    return ErasureShape(
        found=report.found,
        erased=report.erased,
        discarded=report.discarded,
        blobs=report.blobs,
        kept=report.kept,
        certificate=report.certificate or None,
        next=cursor_of(report.after),
    )


@api.get(
    "/tenants/{tenant}/erasures/export",
    dependencies=[NEEDED, Depends(Needs(Permission.MAIL_CONTENT))],
    responses=JSON_LINES,
    tags=["erasure"],
)
async def export_address(
    tenant: TenantName,
    address: Annotated[str, Query(min_length=3, max_length=320)],
    control: TheControl,
    caller: TheCaller,
) -> StreamingResponse:
    """Export all that is known of each mail about an address, as a line of JSON; nothing is changed."""
    wanted = Erasure(tenant, address)
    await record(control.context, caller.doer, "mail.export", tenant, tenant)

    async def lines() -> AsyncIterator[bytes]:
        async for story in exported(control.context, wanted):
            yield json.dumps(story, ensure_ascii=False).encode() + b"\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")
