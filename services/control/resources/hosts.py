"""Source hosts, as far as something is to be known of them."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from services.control.callers import Needs, TheControl
from services.control.resources.registry import READING
from services.control.routes import ApiRoute
from shared.access import Permission
from shared.operations.hosts import hosts

api = APIRouter(route_class=ApiRoute, tags=["service"])


class HostShape(BaseModel):
    """A host. Limits hold over all fetchers; 0 is none. `connections`: visits at the same time; `spacing`:
    seconds between the starts of two visits; `interval`: seconds between two visits to one mailbox.
    """

    host: str
    visits: int
    connections: int
    spacing: float
    interval: float
    sentences: list[str]


class HostList(BaseModel):
    """Hosts, by name."""

    items: list[HostShape]


@api.get("/hosts", dependencies=[Depends(Needs(Permission.SERVICE_READ, of_service=True))], responses=READING)
async def list_hosts(control: TheControl) -> HostList:
    """List the source hosts that have visits under way, or of which something is known."""
    return HostList(
        items=[
            HostShape(
                host=each.host,
                visits=each.visits,
                connections=each.limit.connections,
                spacing=each.limit.spacing,
                interval=each.limit.interval,
                sentences=[*each.sentences],
            )
            for each in await hosts(control.context)
        ]
    )
