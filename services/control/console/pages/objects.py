"""Targets and tenants: lists with lights, adding, settings, disabling and removing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.control.callers import check_access
from services.control.console.navigation import text
from services.control.console.notices import Undo
from services.control.console.object_form import ObjectForm
from services.control.console.view import TheView, View, needs
from services.control.paging import Paging, cursor_of
from services.control.problems import NO_SUCH_THING, Problem
from services.control.resources.pauses import pauses_of
from services.control.resources.registry import permitted
from shared.access import Permission, access_to
from shared.config.settings import TargetSettings, TenantSettings
from shared.model.spec import Kind
from shared.operations.objects import InUse, Shown
from shared.operations.permitted_accounts import PermittedAccounts
from shared.operations.status import target_statuses

pages = APIRouter()
PAGE = 50
TARGETS = ObjectForm(
    Kind.TARGET,
    TargetSettings,
    (
        (text("Server"), ("name", "tenant", "url", "enabled", "tenants", "connections")),
        (text("Security"), ("tls", "tls_verify", "tls_pin", "username", "password", "oauth_app", "auth")),
    ),
    "/targets",
    text("Add a target"),
    text("Target %(name)s is added."),
    text("The settings of %(name)s are saved. They are in force from its next delivery on."),
)
TENANTS = ObjectForm(
    Kind.TENANT,
    TenantSettings,
    (
        (text("Tenant"), ("name", "enabled", "trusted")),
        (text("Limits"), ("max_accounts", "daily_mails", "window_messages", "window_bytes")),
    ),
    "/tenants",
    text("Add a tenant"),
    text("Tenant %(name)s is added."),
    text("The settings of %(name)s are saved."),
)
ENABLED = text("%(name)s is enabled.")
DISABLED = text("%(name)s is disabled: its mailboxes are not visited, and its mail waits.")
REMOVED = text("%(name)s is removed.")
NOT_REPEATED = text("Nothing was removed: the name was not repeated.")
Name = Annotated[str, Query(max_length=140)]
Cursor = Annotated[str, Query(max_length=1000)]


@pages.get("/targets", dependencies=[needs(Permission.TARGETS_READ)])
async def list_targets(view: TheView, cursor: Cursor = "") -> Response:
    """List targets with their lights."""
    tenant = view.me.principal.tenant
    after = Paging(cursor or None).after
    found = await permitted(view.control, view.me).list(Kind.TARGET, tenant, after, PAGE)
    statuses = await target_statuses(view.control.context, [each.id for each in found.objects])
    leads_on = cursor_of(found.after)
    return view.page(
        "targets.html",
        targets=list(zip(found.objects, statuses, strict=True)),
        may_add=_may_write(view, Kind.TARGET, tenant or ""),
        may_change={each.id: _may_write(view, Kind.TARGET, each.tenant) for each in found.objects},
        next=None if leads_on is None else f"/targets?cursor={leads_on}",
        first="/targets" if cursor else None,
    )


@pages.get("/tenants", dependencies=[needs(Permission.TENANTS_READ)])
async def list_tenants(view: TheView, cursor: Cursor = "") -> Response:
    """List tenants with the lights of their accounts."""
    found = await permitted(view.control, view.me).list_tenants(Paging(cursor or None).after, PAGE)
    accounts = PermittedAccounts(view.control.context, view.me.principal, view.me.doer)
    lights = await accounts.of_tenants([each.id for each in found.objects])
    pauses = await pauses_of(view.control, view.me).list()
    leads_on = cursor_of(found.after)
    return view.page(
        "tenants.html",
        tenants=found.objects,
        lights=lights,
        paused={each.scope[:-1] for each in pauses if each.scope.endswith("/")},
        may_pause=view.may(Permission.ACCOUNTS_RUN),
        may_write=_may_write(view, Kind.TENANT, ""),
        next=None if leads_on is None else f"/tenants?cursor={leads_on}",
        first="/tenants" if cursor else None,
    )


def _add_pages(form: ObjectForm, write: Permission, *, of_service: bool) -> None:
    """The pages that targets and tenants have in common."""
    needed = [needs(write, of_service=of_service)]

    @pages.get(f"{form.home}/add", dependencies=needed)
    async def show_new(view: TheView) -> Response:
        _check_write(view, form.kind, view.me.principal.tenant or "", write)
        return form.new(view)

    @pages.post(f"{form.home}/add", dependencies=needed)
    async def add(view: TheView) -> Response:
        tenant = view.me.principal.tenant
        entered = str(view.form.get("tenant", "")).strip() if form.kind is Kind.TARGET else ""
        _check_write(view, form.kind, tenant or entered, write)
        return await form.add(view, tenant)

    @pages.get(f"{form.home}/settings", dependencies=needed)
    async def show_settings(view: TheView, name: Name = "") -> Response:
        return form.shown(view, await _shown(view, form, name, write))

    @pages.post(f"{form.home}/settings", dependencies=needed)
    async def save_settings(view: TheView, name: Name = "") -> Response:
        return await form.save(view, await _shown(view, form, name, write))

    @pages.post(f"{form.home}/enable", dependencies=needed)
    async def enable(view: TheView) -> Response:
        return await _switch(view, form, write, enabled=True)

    @pages.post(f"{form.home}/disable", dependencies=needed)
    async def disable(view: TheView) -> Response:
        return await _switch(view, form, write, enabled=False)

    @pages.post(f"{form.home}/remove", dependencies=needed)
    async def remove(view: TheView) -> Response:
        shown = await _shown(view, form, str(view.form.get("name", "")), write)
        if str(view.form.get("confirmed", "")).strip() != shown.id:
            return view.refused(form.home, NOT_REPEATED)
        try:
            await permitted(view.control, view.me).remove(form.kind, shown.id, None)
        except InUse as refusal:
            return view.refused(form.home, "%(why)s", why=view.reader.sentence(str(refusal)))
        return view.done(form.home, REMOVED, name=shown.id)


async def _switch(view: View, form: ObjectForm, write: Permission, *, enabled: bool) -> Response:
    shown = await _shown(view, form, str(view.form.get("name", "")), write)
    keys: Mapping[str, bool | None] = {"enabled": None if enabled else False}
    await permitted(view.control, view.me).change(form.kind, shown.id, keys, None)
    undo = Undo(f"{form.home}/{'disable' if enabled else 'enable'}", {"name": [shown.id]})
    return view.done(form.home, ENABLED if enabled else DISABLED, undo, name=shown.id)


async def _shown(view: View, form: ObjectForm, name: str, write: Permission) -> Shown:
    """Return an object that the reader may change. Raises `Problem` and `NotThere`."""
    if not name:
        raise Problem(404, "not_found", NO_SUCH_THING)
    tenant = name if form.kind is Kind.TENANT else name.rpartition("/")[0]
    _check_write(view, form.kind, tenant, write)
    return await permitted(view.control, view.me).show(form.kind, name)


def _check_write(view: View, kind: Kind, tenant: str, write: Permission) -> None:
    principal = view.me.principal
    if kind is Kind.TENANT and tenant:
        check_access(access_to(principal, Permission.TENANTS_READ, tenant=tenant), Permission.TENANTS_READ)
    check_access(access_to(principal, write, tenant=None if kind is Kind.TENANT else tenant or None), write)


def _may_write(view: View, kind: Kind, tenant: str) -> bool:
    if kind is Kind.TENANT:
        return view.may(Permission.TENANTS_WRITE, None)
    return view.may(Permission.TARGETS_WRITE, tenant or None)


_add_pages(TARGETS, Permission.TARGETS_WRITE, of_service=False)
_add_pages(TENANTS, Permission.TENANTS_WRITE, of_service=True)
