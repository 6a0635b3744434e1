"""Lanes as bulkheads: what one target does not do keeps no other waiting."""

from __future__ import annotations

import asyncio

import pytest

from services.relay.targets.target_queue import QUICK, TargetQueues, UnknownTarget
from shared.adapters.system_clock import SystemClock
from shared.model.endpoint import Endpoint
from shared.model.target import DeliveryOptions, Target
from shared.smtp.envelope import Envelope
from tests.fakes.clock import ManualClock
from tests.fakes.smtp_server import Act, SmtpServer

MAIL = b"Subject: x\r\n\r\nHello\r\n"
TO_BOB = Envelope("", ("bob@corp.example",))


def lanes_to(*targets: Target, capacity: int = 10) -> TargetQueues:
    return TargetQueues(
        {each.name: each for each in targets}, helo_name="me.example", capacity=capacity, clock=SystemClock()
    )


def target(
    name: str, server: SmtpServer, connections: int = 2, delivery_options: DeliveryOptions = DeliveryOptions()
) -> Target:
    return Target(
        name, Endpoint("127.0.0.1", server.port), connections=connections, delivery_options=delivery_options
    )


@pytest.mark.parametrize("moment", ["GREETING", "MAIL", "CONTENT"])
async def test_a_black_hole_delays_no_mail_of_another_target(moment: str) -> None:
    async with SmtpServer(replies={moment: Act.SILENCE}) as black_hole, SmtpServer() as fast:
        lanes = lanes_to(target("black", black_hole), target("fast", fast))
        swallowed = [asyncio.create_task(lanes.send("black", TO_BOB, MAIL)) for _ in range(10)]
        await asyncio.sleep(0)
        assert lanes.is_full("black")
        assert not lanes.is_full("fast")
        for _ in range(20):
            await asyncio.gather(*(lanes.send("fast", TO_BOB, MAIL) for _ in range(5)))
        assert len(fast.accepted) == 100
        assert not any(each.done() for each in swallowed)
        assert black_hole.connections <= 2
        for each in swallowed:
            each.cancel()
        await asyncio.wait(swallowed)
        assert not lanes.is_full("black")
        await lanes.close()


async def test_a_lane_knows_how_long_its_oldest_mail_takes() -> None:
    clock = ManualClock()
    async with SmtpServer(replies={"CONTENT": Act.SILENCE}) as black_hole:
        one = target("black", black_hole)
        lanes = TargetQueues({"black": one}, helo_name="me.example", capacity=2, clock=clock)
        assert (lanes.held_for("black"), lanes.held_for("elsewhere")) == (0, 0)
        first = asyncio.create_task(lanes.send("black", TO_BOB, MAIL))
        await asyncio.sleep(0)
        await clock.advance(20)
        second = asyncio.create_task(lanes.send("black", TO_BOB, MAIL))
        await asyncio.sleep(0)
        await clock.advance(5)
        assert lanes.held_for("black") == 25
        first.cancel()
        await asyncio.wait([first])
        assert lanes.held_for("black") == 5
        second.cancel()
        await asyncio.wait([second])
        await lanes.close()


async def test_a_connection_carries_as_many_mails_as_the_target_wishes() -> None:
    async with SmtpServer() as server:
        lanes = lanes_to(
            target("few", server, connections=1, delivery_options=DeliveryOptions(connection_mails=3))
        )
        for _ in range(9):
            await lanes.send("few", TO_BOB, MAIL)
        assert server.connections == 3
        await lanes.close()


async def test_there_is_no_way_to_a_target_that_is_not_configured() -> None:
    with pytest.raises(UnknownTarget, match="elsewhere"):
        await lanes_to().send("elsewhere", TO_BOB, MAIL)


async def test_the_only_target_may_have_more_mails_under_way_as_long_as_it_is_quick() -> None:
    clock = ManualClock()
    async with SmtpServer() as server:
        lanes = TargetQueues({"one": target("one", server)}, helo_name="me.example", capacity=2, clock=clock)
        under_way = [asyncio.create_task(lanes.send("one", TO_BOB, MAIL)) for _ in range(3)]
        await asyncio.sleep(0)

        assert not lanes.is_full("one")
        await clock.advance(QUICK)
        assert lanes.is_full("one")

        await asyncio.gather(*under_way)
        await lanes.close()


async def test_a_target_that_gets_company_by_a_reload_may_not_have_more_any_longer() -> None:
    clock = ManualClock()
    async with SmtpServer() as server:
        first, second = target("first", server), target("second", server)
        lanes = TargetQueues({"first": first}, helo_name="me.example", capacity=2, clock=clock)
        under_way = [asyncio.create_task(lanes.send("first", TO_BOB, MAIL)) for _ in range(2)]
        await asyncio.sleep(0)

        await lanes.change({"first": first, "second": second})

        assert lanes.is_full("first")
        assert not lanes.is_full("second")
        await asyncio.gather(*under_way)
        await lanes.close()
