"""The console's part of the application: its pages, the files that they load, and its errors."""

from __future__ import annotations

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from services.control.console.assets import PREFIX
from services.control.console.pages import (
    account,
    account_settings,
    accounts,
    adding,
    audit,
    connect,
    imports,
    live,
    mails,
    me,
    oauth,
    objects,
    overview,
    parked,
    people,
    preferences,
    service,
    sign_in,
    usage,
    webhooks,
)
from services.control.console.templates import assets
from services.control.console.view import read_form

PAGES = (
    sign_in.pages,
    preferences.pages,
    overview.pages,
    live.pages,
    accounts.pages,
    adding.pages,
    imports.pages,
    connect.pages,
    account.pages,
    account_settings.pages,
    mails.pages,
    parked.pages,
    objects.pages,
    people.pages,
    me.pages,
    service.pages,
    oauth.pages,
    webhooks.pages,
    usage.pages,
    audit.pages,
)
"""The routes of all pages; their entries in the navigation are in `navigation`."""


def add_console(app: FastAPI) -> None:
    """Add the console to the application."""
    console = APIRouter(dependencies=[Depends(read_form)], include_in_schema=False, route_class=APIRoute)
    for pages in PAGES:
        console.include_router(pages)
    app.include_router(console)
    app.add_api_route(PREFIX + "/{path:path}", assets().serve, include_in_schema=False)
