"""Each target has a pool of its own: a target that does not answer delays no other."""

from __future__ import annotations

import asyncio

import pytest

from services.relay.targets.target_pools import QUICK, TargetPools, UnknownTarget
from shared.adapters.system_clock import SystemClock
from shared.model.endpoint import Endpoint
from shared.model.target import DeliveryOptions, Target
from shared.smtp.envelope import Envelope
from tests.fakes.clock import ManualClock
from tests.fakes.smtp_server import Act, SmtpServer

MAIL = b"Subject: x\r\n\r\nHello\r\n"
TO_BOB = Envelope("", ("bob@corp.example",))


def pools_to(*targets: Target, capacity: int = 10) -> TargetPools:
    return TargetPools(
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
        pools = pools_to(target("black", black_hole), target("fast", fast))
        swallowed = [asyncio.create_task(pools.deliver_mail("black", TO_BOB, MAIL)) for _ in range(10)]
        await asyncio.sleep(0)
        assert pools.is_busy("black")
        assert not pools.is_busy("fast")
        for _ in range(20):
            await asyncio.gather(*(pools.deliver_mail("fast", TO_BOB, MAIL) for _ in range(5)))
        assert len(fast.accepted) == 100
        assert not any(each.done() for each in swallowed)
        assert black_hole.connections <= 2
        for each in swallowed:
            each.cancel()
        await asyncio.wait(swallowed)
        assert not pools.is_busy("black")
        await pools.close()


async def test_a_pool_knows_the_age_of_its_oldest_mail() -> None:
    clock = ManualClock()
    async with SmtpServer(replies={"CONTENT": Act.SILENCE}) as black_hole:
        one = target("black", black_hole)
        pools = TargetPools({"black": one}, helo_name="me.example", capacity=2, clock=clock)
        assert (pools.oldest_age("black"), pools.oldest_age("elsewhere")) == (0, 0)
        first = asyncio.create_task(pools.deliver_mail("black", TO_BOB, MAIL))
        await asyncio.sleep(0)
        await clock.advance(20)
        second = asyncio.create_task(pools.deliver_mail("black", TO_BOB, MAIL))
        await asyncio.sleep(0)
        await clock.advance(5)
        assert pools.oldest_age("black") == 25
        first.cancel()
        await asyncio.wait([first])
        assert pools.oldest_age("black") == 5
        second.cancel()
        await asyncio.wait([second])
        await pools.close()


async def test_a_connection_carries_as_many_mails_as_the_target_wishes() -> None:
    async with SmtpServer() as server:
        pools = pools_to(
            target("few", server, connections=1, delivery_options=DeliveryOptions(connection_mails=3))
        )
        for _ in range(9):
            await pools.deliver_mail("few", TO_BOB, MAIL)
        assert server.connections == 3
        await pools.close()


async def test_a_mail_for_an_unknown_target_is_an_error() -> None:
    with pytest.raises(UnknownTarget, match="elsewhere"):
        await pools_to().deliver_mail("elsewhere", TO_BOB, MAIL)


async def test_a_single_target_may_have_more_mails_as_long_as_it_is_quick() -> None:
    clock = ManualClock()
    async with SmtpServer() as server:
        pools = TargetPools({"one": target("one", server)}, helo_name="me.example", capacity=2, clock=clock)
        sending = [asyncio.create_task(pools.deliver_mail("one", TO_BOB, MAIL)) for _ in range(3)]
        await asyncio.sleep(0)

        assert not pools.is_busy("one")
        await clock.advance(QUICK)
        assert pools.is_busy("one")

        await asyncio.gather(*sending)
        await pools.close()


async def test_a_target_that_gets_company_may_not_have_more_any_longer() -> None:
    clock = ManualClock()
    async with SmtpServer() as server:
        first, second = target("first", server), target("second", server)
        targets = {"first": first}
        pools = TargetPools(targets, helo_name="me.example", capacity=2, clock=clock)
        sending = [asyncio.create_task(pools.deliver_mail("first", TO_BOB, MAIL)) for _ in range(2)]
        await asyncio.sleep(0)

        targets["second"] = second

        assert pools.is_busy("first")
        assert not pools.is_busy("second")
        await asyncio.gather(*sending)
        await pools.close()
