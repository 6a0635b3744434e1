"""What tenants used: a plot by day and a table by tenant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query, Response

from services.control.console.view import TheView, needs
from shared.access import Permission
from shared.operations.tenant_usage import DayUsage, usage_of, usage_sums

pages = APIRouter()
DAYS = (7, 30, 90, 365)
WIDTH, HEIGHT = 720, 120
"""Of the plot, in its own units; it takes the width of the page."""


class Bar(NamedTuple):
    """A day in the plot."""

    x: float
    width: float
    height: float
    day: date
    mails: int


@pages.get("/usage", dependencies=[needs(Permission.USAGE_READ)])
async def show_usage(
    view: TheView,
    tenant: Annotated[str, Query(max_length=64)] = "",
    days: Annotated[int, Query(ge=1, le=400)] = 30,
    form: Annotated[str, Query(alias="format", max_length=4)] = "",
) -> Response:
    """Show what tenants used."""
    principal, context = view.me.principal, view.control.context
    if form == "csv":
        newest = await usage_of(context, principal, tenant=tenant or None)
        first = newest.last - timedelta(days=days - 1)
        found = await usage_of(context, principal, tenant=tenant or None, first=first, last=newest.last)
        head = {"Content-Disposition": f'attachment; filename="usage-{found.first}-{found.last}.csv"'}
        return Response(found.as_csv(), media_type="text/csv", headers=head)
    sums = await usage_sums(context, principal, tenant=tenant or None, days=days)
    return view.page(
        "usage.html",
        usage=sums,
        bars=bars(sums.days),
        width=WIDTH,
        height=HEIGHT,
        chosen={"tenant": tenant, "days": days},
        choices=DAYS,
    )


def bars(by_day: Sequence[DayUsage]) -> list[Bar]:
    """Return the bars of the plot of mails by day."""
    most = max(1, *(each.mails for each in by_day))
    step = WIDTH / len(by_day)
    return [
        Bar(number * step, step * 0.8, HEIGHT * each.mails / most, each.day, each.mails)
        for number, each in enumerate(by_day)
    ]
