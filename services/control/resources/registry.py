"""Tenants, targets and accounts.

Annotations are evaluated here: FastAPI cannot see variables of the functions that make routes.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Body, Depends, Query, Response

from services.control.callers import Needs, TheCaller, TheControl
from services.control.paging import ExpectedRevision, ThePaging, cursor_of, with_etag
from services.control.problems import documented
from services.control.resources.shapes import (
    SETTINGS_SCHEMAS,
    ObjectName,
    ObjectPage,
    RegistryObject,
    TenantName,
    registry_object,
)
from services.control.routes import ApiRoute
from services.control.state import Control
from shared.access import Permission
from shared.model.spec import Kind
from shared.operations.permitted_objects import PermittedObjects

READING = documented(400, 401, 403, 404, 422, 429, 503)
CHANGING = documented(400, 401, 403, 404, 408, 409, 412, 413, 422, 428, 429, 503)
ADDING = documented(400, 401, 403, 404, 408, 409, 413, 422, 429, 503)
Keys = dict[str, Any]


class Place(NamedTuple):
    """What a path names: the object's id, and the keys that the path gives."""

    id: str
    given: Mapping[str, str]


def _account(tenant: TenantName, account: ObjectName) -> Place:
    return Place(f"{tenant}/{account}", {"tenant": tenant, "name": account})


def _target(tenant: TenantName, target: ObjectName) -> Place:
    return Place(f"{tenant}/{target}", {"tenant": tenant, "name": target})


def _global_target(target: ObjectName) -> Place:
    return Place(target, {"name": target})


def _tenant(tenant: TenantName) -> Place:
    return Place(tenant, {"name": tenant})


def _in_tenant(tenant: TenantName) -> Place:
    return Place(tenant, {"tenant": tenant})


def _everywhere() -> Place:
    return Place("", {})


class Resource(NamedTuple):
    """A kind of object at a path, and the permissions that it needs."""

    kind: Kind
    path: str
    parameter: str
    name: str
    within: Callable[..., Place]
    named: Callable[..., Place]
    read: Needs
    change: Needs
    write: Needs


_P = Permission
RESOURCES = (
    Resource(
        Kind.ACCOUNT,
        "/tenants/{tenant}/accounts",
        "account",
        "account",
        _in_tenant,
        _account,
        Needs(_P.ACCOUNTS_READ),
        Needs(_P.ACCOUNTS_SOURCE),
        Needs(_P.ACCOUNTS_WRITE),
    ),
    Resource(
        Kind.TARGET,
        "/tenants/{tenant}/targets",
        "target",
        "target",
        _in_tenant,
        _target,
        Needs(_P.TARGETS_READ),
        Needs(_P.TARGETS_WRITE),
        Needs(_P.TARGETS_WRITE),
    ),
    Resource(
        Kind.TARGET,
        "/targets",
        "target",
        "global target",
        _everywhere,
        _global_target,
        Needs(_P.TARGETS_READ, of_service=True),
        Needs(_P.TARGETS_WRITE, of_service=True),
        Needs(_P.TARGETS_WRITE, of_service=True),
    ),
)


def permitted(control: Control, caller: TheCaller) -> PermittedObjects:
    """Return the objects as the caller may see and change them."""
    return PermittedObjects(control.context, control.objects, caller.principal, caller.doer)


def router() -> APIRouter:
    """Return the routes."""
    made = APIRouter(route_class=ApiRoute)
    _add_tenants(made)
    for each in RESOURCES:
        _add_reading(made, each)
        _add_adding(made, each)
        _add_changing(made, each)
    return made


def _answer(response: Response, shown: Any) -> RegistryObject:
    with_etag(response, shown.revision)
    return registry_object(shown)


def _body(kind: Kind) -> Any:
    return Body(json_schema_extra=SETTINGS_SCHEMAS[kind.value])


def _add_reading(made: APIRouter, each: Resource) -> None:
    @made.get(
        each.path,
        dependencies=[Depends(each.read)],
        responses=READING,
        name=f"list {each.name}s",
        tags=[f"{each.kind}s"],
    )
    async def list_objects(
        place: Annotated[Place, Depends(each.within)],
        paging: ThePaging,
        control: TheControl,
        caller: TheCaller,
    ) -> ObjectPage:
        tenant = place.given.get("tenant")
        page = await permitted(control, caller).list(each.kind, tenant, paging.after, paging.limit)
        return ObjectPage(items=[*map(registry_object, page.objects)], next=cursor_of(page.after))

    @made.get(
        f"{each.path}/{{{each.parameter}}}",
        dependencies=[Depends(each.read)],
        responses=READING,
        name=f"show {each.name}",
        tags=[f"{each.kind}s"],
    )
    async def show(
        place: Annotated[Place, Depends(each.named)],
        control: TheControl,
        caller: TheCaller,
        response: Response,
    ) -> RegistryObject:
        return _answer(response, await permitted(control, caller).show(each.kind, place.id))


def _add_adding(made: APIRouter, each: Resource) -> None:
    @made.post(
        each.path,
        dependencies=[Depends(each.write)],
        responses=ADDING,
        status_code=201,
        name=f"add {each.name}",
        tags=[f"{each.kind}s"],
    )
    async def add(
        place: Annotated[Place, Depends(each.within)],
        keys: Annotated[Keys, _body(each.kind)],
        control: TheControl,
        caller: TheCaller,
        response: Response,
    ) -> RegistryObject:
        return _answer(response, await permitted(control, caller).add(each.kind, {**keys, **place.given}))


def _add_changing(made: APIRouter, each: Resource) -> None:
    @made.patch(
        f"{each.path}/{{{each.parameter}}}",
        dependencies=[Depends(each.change)],
        responses=CHANGING,
        name=f"change {each.name}",
        tags=[f"{each.kind}s"],
    )
    async def change(
        place: Annotated[Place, Depends(each.named)],
        keys: Annotated[Keys, _body(each.kind)],
        expected: ExpectedRevision,
        control: TheControl,
        caller: TheCaller,
        response: Response,
    ) -> RegistryObject:
        changed = await permitted(control, caller).change(each.kind, place.id, keys, expected)
        return _answer(response, changed)

    @made.delete(
        f"{each.path}/{{{each.parameter}}}",
        dependencies=[Depends(each.write)],
        responses=CHANGING,
        status_code=204,
        name=f"remove {each.name}",
        tags=[f"{each.kind}s"],
    )
    async def remove(
        place: Annotated[Place, Depends(each.named)],
        expected: ExpectedRevision,
        control: TheControl,
        caller: TheCaller,
        force: Annotated[bool, Query(description="Also if accounts need it.")] = False,
    ) -> None:
        await permitted(control, caller).remove(each.kind, place.id, expected, force=force)


def _add_tenants(made: APIRouter) -> None:
    """Tenants differ: the list shows those that one belongs to, and only the service's people add any."""
    tag: list[Any] = ["tenants"]
    read, write = Depends(Needs(_P.TENANTS_READ)), Depends(Needs(_P.TENANTS_WRITE, of_service=True))

    @made.get("/tenants", dependencies=[read], responses=READING, name="list tenants", tags=tag)
    async def list_tenants(paging: ThePaging, control: TheControl, caller: TheCaller) -> ObjectPage:
        page = await permitted(control, caller).list_tenants(paging.after, paging.limit)
        return ObjectPage(items=[*map(registry_object, page.objects)], next=cursor_of(page.after))

    @made.get("/tenants/{tenant}", dependencies=[read], responses=READING, name="show tenant", tags=tag)
    async def show_tenant(
        place: Annotated[Place, Depends(_tenant)],
        control: TheControl,
        caller: TheCaller,
        response: Response,
    ) -> RegistryObject:
        return _answer(response, await permitted(control, caller).show(Kind.TENANT, place.id))

    @made.post(
        "/tenants", dependencies=[write], responses=ADDING, status_code=201, name="add tenant", tags=tag
    )
    async def add_tenant(
        keys: Annotated[Keys, _body(Kind.TENANT)],
        control: TheControl,
        caller: TheCaller,
        response: Response,
    ) -> RegistryObject:
        return _answer(response, await permitted(control, caller).add(Kind.TENANT, keys))

    @made.patch("/tenants/{tenant}", dependencies=[write], responses=CHANGING, name="change tenant", tags=tag)
    async def change_tenant(
        place: Annotated[Place, Depends(_tenant)],
        keys: Annotated[Keys, _body(Kind.TENANT)],
        expected: ExpectedRevision,
        control: TheControl,
        caller: TheCaller,
        response: Response,
    ) -> RegistryObject:
        changed = await permitted(control, caller).change(Kind.TENANT, place.id, keys, expected)
        return _answer(response, changed)

    @made.delete(
        "/tenants/{tenant}",
        dependencies=[write],
        responses=CHANGING,
        status_code=204,
        name="remove tenant",
        tags=tag,
    )
    async def remove_tenant(
        place: Annotated[Place, Depends(_tenant)],
        expected: ExpectedRevision,
        control: TheControl,
        caller: TheCaller,
        force: Annotated[bool, Query(description="Also if accounts are left.")] = False,
    ) -> None:
        await permitted(control, caller).remove(Kind.TENANT, place.id, expected, force=force)
