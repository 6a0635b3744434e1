"""The broker and its queues."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from services.control.callers import Needs, TheControl
from services.control.resources.registry import READING
from services.control.routes import ApiRoute
from shared.access import Permission
from shared.operations.broker_status import broker_status

api = APIRouter(route_class=ApiRoute, tags=["service"])


class QueueShape(BaseModel):
    """A queue: messages that wait in it, each with one event or several, and consumers. What these hold does
    not count.
    """

    name: str
    messages: int
    consumers: int


class BrokerShape(BaseModel):
    """The broker. `problem` says why it cannot be used; then no queue is known."""

    in_process: bool
    problem: str | None
    queues: list[QueueShape]


@api.get(
    "/broker", dependencies=[Depends(Needs(Permission.SERVICE_READ, of_service=True))], responses=READING
)
async def show_broker(control: TheControl) -> BrokerShape:
    """Show how the broker is doing, and what waits in its queues."""
    found = await broker_status(control.broker)
    return BrokerShape(
        in_process=control.context.configuration.broker.in_process,
        problem=found.problem,
        queues=[QueueShape(**each._asdict()) for each in found.queues],
    )
