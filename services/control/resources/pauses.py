"""Pausing a tenant, or everything."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.control.callers import Caller, Needs, TheCaller, TheControl
from services.control.resources.registry import ADDING, READING
from services.control.resources.shapes import Changed, TenantName, moment
from services.control.routes import ApiRoute
from services.control.state import Control
from shared.access import Permission
from shared.operations.permitted_pauses import PermittedPauses

api = APIRouter(route_class=ApiRoute, tags=["pauses"])
RUN = Depends(Needs(Permission.ACCOUNTS_RUN))
DECIDE = Depends(Needs(Permission.SERVICE_DECIDE, of_service=True))


class PauseShape(BaseModel):
    """What is paused: `*` is everything, `acme/` a tenant, `acme/info` an account."""

    scope: Annotated[str, Field(examples=["acme/"])]
    since: datetime


class Pauses(BaseModel):
    """What is paused, the widest first."""

    items: list[PauseShape]


def pauses_of(control: Control, caller: Caller) -> PermittedPauses:
    """Return the pauses as the caller may see and change them."""
    return PermittedPauses(control.context, caller.principal, caller.doer)


@api.get("/pauses", dependencies=[Depends(Needs(Permission.ACCOUNTS_READ))], responses=READING)
async def list_pauses(control: TheControl, caller: TheCaller) -> Pauses:
    """List what is paused."""
    found = await pauses_of(control, caller).list()
    return Pauses(items=[PauseShape(scope=each.scope, since=moment(each.since)) for each in found])


@api.post("/tenants/{tenant}/pause", dependencies=[RUN], responses=ADDING)
async def pause_tenant(tenant: TenantName, control: TheControl, caller: TheCaller) -> Changed:
    """Stop visiting the accounts of a tenant until they are resumed, also those that come later."""
    return Changed(changed=[*await pauses_of(control, caller).pause(tenant)])


@api.post("/tenants/{tenant}/resume", dependencies=[RUN], responses=ADDING)
async def resume_tenant(tenant: TenantName, control: TheControl, caller: TheCaller) -> Changed:
    """Visit the accounts of a tenant again, at once; pauses of single ones are taken back, too."""
    return Changed(changed=[*await pauses_of(control, caller).resume(tenant)])


@api.post("/pause", dependencies=[DECIDE], responses=ADDING)
async def pause_everything(control: TheControl, caller: TheCaller) -> Changed:
    """Stop visiting all accounts until they are resumed."""
    return Changed(changed=[*await pauses_of(control, caller).pause(None)])


@api.post("/resume", dependencies=[DECIDE], responses=ADDING)
async def resume_everything(control: TheControl, caller: TheCaller) -> Changed:
    """Visit all accounts again, at once; all pauses are taken back."""
    return Changed(changed=[*await pauses_of(control, caller).resume(None)])
