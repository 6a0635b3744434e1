"""The overview: lights first, problems with what to do, mails and targets."""

from __future__ import annotations

from fastapi import APIRouter, Response

from services.control.console.view import TheView, needs
from shared.access import Permission

pages = APIRouter()


@pages.get("/", dependencies=[needs(Permission.ACCOUNTS_READ)])
async def show_overview(view: TheView) -> Response:
    """Show how everything is doing."""
    return view.page("overview.html")
