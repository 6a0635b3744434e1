"""What belongs to the whole service: status, epoch, pauses, providers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.control.callers import Caller, Needs, TheCaller, TheControl
from services.control.problems import FieldProblem, Problem, documented
from services.control.resources.registry import ADDING, READING
from services.control.resources.shapes import (
    Changed,
    ObjectName,
    Shape,
    TenantName,
    moment_or_none,
)
from services.control.routes import ApiRoute
from services.control.state import Control
from shared.access import Permission
from shared.autoconfig.search import find_servers
from shared.config.providers import providers
from shared.model.address import DefectiveAddress, parse_address
from shared.operations.account_adding import network_of
from shared.operations.address_guard import may_connect_anywhere
from shared.operations.epoch import confirm_epoch_for, current_epoch
from shared.operations.explain import Explainer
from shared.operations.login_runs import usable_account
from shared.operations.permitted_accounts import PermittedAccounts
from shared.operations.status import status

api = APIRouter(route_class=ApiRoute)
_P = Permission
OPEN = documented(400, 401, 429, 503)


class Light(BaseModel):
    """How an account or a target is doing."""

    name: str
    colour: str
    sentence: str
    parked: int
    waiting: int


class ServiceStatus(BaseModel):
    """All accounts and targets. `deletion` says why nothing is deleted at the sources, if that is so."""

    accounts: list[Light]
    targets: list[Light]
    deletion: str | None


class EpochShape(BaseModel):
    """The database's epoch. While it is paused, nothing is deleted at the sources."""

    number: int
    paused_since: datetime | None
    reason: str | None


class ProviderShape(BaseModel):
    """A provider known by name."""

    name: str
    title: str
    urls: dict[str, str]
    domains: list[str]


class Providers(BaseModel):
    """The providers."""

    items: list[ProviderShape]


class MailAddress(Shape):
    """An address whose server is looked for."""

    address: Annotated[str, Field(max_length=320, examples=["info@acme.example"])]


class FoundServer(BaseModel):
    """A server that was found, and how."""

    protocol: str
    host: str
    port: int
    tls: str
    username: str
    found_by: str
    provider: str | None
    note: str


class FoundServers(BaseModel):
    """What was found, the best first, and what could not be asked."""

    items: list[FoundServer]
    problems: list[str]


class RawMail(Shape):
    """A mail, or its header alone."""

    raw: Annotated[str, Field(max_length=1_000_000, examples=["To: info@acme.example\n\n"])]


class Explained(BaseModel):
    """Who would get a mail, and by which header field."""

    recipients: list[str]
    reasons: list[str]
    evidence: str
    field: str
    value: str
    confidence: str
    loop: str | None
    park_reason: str | None


@api.get(
    "/status",
    dependencies=[Depends(Needs(_P.SERVICE_READ, of_service=True))],
    responses=READING,
    tags=["service"],
)
async def show_status(control: TheControl) -> ServiceStatus:
    """Show how all accounts and targets are doing."""
    now = await status(control.context)
    accounts = [_light(each.account, each) for each in now.accounts]
    return ServiceStatus(
        accounts=accounts, targets=[_light(each.target, each) for each in now.targets], deletion=now.deletion
    )


@api.get(
    "/epoch",
    dependencies=[Depends(Needs(_P.SERVICE_READ, of_service=True))],
    responses=READING,
    tags=["service"],
)
async def show_epoch(control: TheControl) -> EpochShape:
    """Show the database's epoch."""
    return _epoch(await current_epoch(control.context))


@api.post(
    "/epoch/confirm",
    dependencies=[Depends(Needs(_P.SERVICE_DECIDE, of_service=True))],
    responses=ADDING,
    tags=["service"],
)
async def confirm(control: TheControl, caller: TheCaller) -> EpochShape:
    """Allow deletion at the sources again, after a database was restored."""
    return _epoch(await confirm_epoch_for(control.context, caller.doer))


@api.post(
    "/tenants/{tenant}/accounts/{account}/pause",
    dependencies=[Depends(Needs(_P.ACCOUNTS_RUN))],
    responses=ADDING,
    tags=["accounts"],
)
async def pause_account(
    tenant: TenantName, account: ObjectName, control: TheControl, caller: TheCaller
) -> Changed:
    """Stop visiting an account until it is resumed."""
    return Changed(changed=[*await _accounts(control, caller).pause([f"{tenant}/{account}"])])


@api.post(
    "/tenants/{tenant}/accounts/{account}/resume",
    dependencies=[Depends(Needs(_P.ACCOUNTS_RUN))],
    responses=ADDING,
    tags=["accounts"],
)
async def resume_account(
    tenant: TenantName, account: ObjectName, control: TheControl, caller: TheCaller
) -> Changed:
    """Visit an account again, at once."""
    return Changed(changed=[*await _accounts(control, caller).resume([f"{tenant}/{account}"])])


@api.post(
    "/tenants/{tenant}/accounts/{account}/check",
    dependencies=[Depends(Needs(_P.ACCOUNTS_RUN))],
    responses=ADDING,
    tags=["accounts"],
)
async def check_account(
    tenant: TenantName, account: ObjectName, control: TheControl, caller: TheCaller
) -> Changed:
    """Visit an account as soon as a fetcher has a free place."""
    name = f"{tenant}/{account}"
    await _accounts(control, caller).check_now([name])
    return Changed(changed=[name])


def _accounts(control: Control, caller: Caller) -> PermittedAccounts:
    return PermittedAccounts(control.context, caller.principal, caller.doer)


@api.get("/providers", responses=OPEN, tags=["finding servers"])
async def list_providers(_caller: TheCaller) -> Providers:
    """List the providers that are known by name."""
    return Providers(
        items=[
            ProviderShape(
                name=each.name, title=each.title, urls=dict(each.urls), domains=sorted(each.domains)
            )
            for each in providers().values()
        ]
    )


def _light(name: str, each: Any) -> Light:
    return Light(
        name=name,
        colour=each.colour.value,
        sentence=each.sentence,
        parked=each.parked,
        waiting=each.waiting,
    )


def _epoch(epoch: Any) -> EpochShape:
    return EpochShape(
        number=epoch.number, paused_since=moment_or_none(epoch.paused_since), reason=epoch.reason
    )


@api.post(
    "/autoconfig",
    dependencies=[Depends(Needs(_P.LOGIN_TEST))],
    responses=ADDING,
    tags=["finding servers"],
)
async def find(given: MailAddress, control: TheControl, caller: TheCaller) -> FoundServers:
    """Find the server of a mailbox by its address; no password is sent."""
    try:
        address = parse_address(given.address)
    except DefectiveAddress as defect:
        field = FieldProblem(field="address", detail=str(defect))
        raise Problem(422, "invalid_input", "this is no address", [field]) from defect
    anywhere = await may_connect_anywhere(control.context.registry.store, caller.principal)
    network = network_of(control.context.configuration, public_only=not anywhere)
    found = await find_servers(address, network)
    items = [
        FoundServer(
            protocol=each.protocol,
            host=each.host,
            port=each.port,
            tls=each.tls.value,
            username=each.username,
            found_by=each.way.value,
            provider=each.provider,
            note=each.note,
        )
        for each in found.candidates
    ]
    return FoundServers(items=items, problems=[*found.problems])


@api.post(
    "/tenants/{tenant}/accounts/{account}/explain",
    dependencies=[Depends(Needs(_P.ACCOUNTS_READ))],
    responses=ADDING,
    tags=["accounts"],
)
async def explain(tenant: TenantName, account: ObjectName, given: RawMail, control: TheControl) -> Explained:
    """Explain who would get a mail of this account, by its header; nothing is fetched or kept."""
    found = await usable_account(control.context, f"{tenant}/{account}")
    explainer = Explainer(control.context.configuration, found, control.tools.explain_mail)
    [told] = await explainer.explain_mails([given.raw.encode("utf-8", "surrogateescape")])
    return Explained(
        recipients=[each.address for each in told.recipients],
        reasons=[each.reason for each in told.recipients],
        evidence=told.evidence,
        field=told.field,
        value=told.value,
        confidence=told.confidence,
        loop=told.loop,
        park_reason=told.park_reason,
    )
