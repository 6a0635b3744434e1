"""Reaching a configured target: in turn with all processes of the machine."""

from __future__ import annotations

import pytest

from shared.model.endpoint import Endpoint
from shared.model.target import DeliveryOptions, Target
from shared.smtp.errors import NoConnectionFree
from shared.smtp.target import connect_target
from shared.smtp.timeouts import Timeouts
from tests.fakes.smtp_server import SmtpServer

HASTY = Timeouts(connect=0.05)


async def test_a_machine_has_no_more_connections_than_it_may() -> None:
    async with SmtpServer() as server:
        target = Target(
            "shared", Endpoint("127.0.0.1", server.port), delivery_options=DeliveryOptions(host_connections=1)
        )
        first = await connect_target(target, helo_name="me.example")
        with pytest.raises(NoConnectionFree, match="this machine may have"):
            await connect_target(target, helo_name="me.example", timeouts=HASTY)
        assert server.connections == 1
        await first.quit()
        second = await connect_target(target, helo_name="me.example")
        assert server.connections == 2
        await second.quit()


async def test_a_connection_that_fails_gives_its_place_back() -> None:
    async with SmtpServer(replies={"GREETING": ["554 5.3.2 no", "220 welcome"]}) as server:
        target = Target(
            "shared", Endpoint("127.0.0.1", server.port), delivery_options=DeliveryOptions(host_connections=1)
        )
        with pytest.raises(Exception, match="does not accept"):
            await connect_target(target, helo_name="me.example")
        await (await connect_target(target, helo_name="me.example")).quit()
