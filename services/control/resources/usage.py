"""What tenants used, by day, as JSON or as a table for a spreadsheet."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from services.control.callers import Needs, TheCaller, TheControl
from services.control.resources.mail_shapes import InTenant
from services.control.resources.registry import READING
from services.control.routes import ApiRoute
from shared.access import Permission
from shared.operations.tenant_usage import usage_of

api = APIRouter(route_class=ApiRoute)
CSV = {"content": {"text/csv": {"schema": {"type": "string"}}}}


class Format(StrEnum):
    """How the answer is written."""

    JSON = "json"
    CSV = "csv"


class DayShape(BaseModel):
    """What a tenant used on a day, by UTC."""

    tenant: str
    day: date
    visits: int
    mails: int
    octets: int


class UsageShape(BaseModel):
    """The usage of the days from `first` to `last`; days without any are missing."""

    first: date
    last: date
    items: list[DayShape]


@api.get(
    "/usage",
    dependencies=[Depends(Needs(Permission.USAGE_READ))],
    responses={**READING, 200: CSV},
    tags=["usage"],
)
async def show_usage(
    control: TheControl,
    caller: TheCaller,
    response: Response,
    tenant: InTenant = None,
    first: Annotated[date | None, Query(description="The first day; by default 30 days with `last`.")] = None,
    last: Annotated[date | None, Query(description="The last day; by default today, by UTC.")] = None,
    form: Annotated[Format, Query(alias="format")] = Format.JSON,
) -> UsageShape:
    """Show what tenants used, by tenant and day, of 400 days at most."""
    found = await usage_of(control.context, caller.principal, tenant=tenant, first=first, last=last)
    if form is Format.CSV:
        return Response(found.as_csv(), media_type="text/csv")  # type: ignore[return-value] # sent as it is
    items = [
        DayShape(tenant=each.tenant, day=each.day, visits=each.visits, mails=each.mails, octets=each.octets)
        for each in found.days
    ]
    return UsageShape(first=found.first, last=found.last, items=items)
