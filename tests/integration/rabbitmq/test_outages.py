"""What the RabbitMQ adapter does when the broker, its data or the way to it are lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from shared.adapters.rabbitmq import RabbitMqBroker, topology_apply
from shared.contract.topology import FETCHED_KEY, ROUTER_QUEUE, settled_key
from shared.ports.broker import BrokerUnavailable, Delivery, Publication, Subscription
from tests.fakes.tcp_proxy import Direction, TcpProxy
from tests.servers.ports import free_port
from tests.servers.rabbitmq import RabbitMq
from tests.servers.rabbitmq_adapter import QUICK, TOPOLOGY, made, published, until, working


def fetched(*bodies: bytes) -> list[Publication]:
    return [Publication(FETCHED_KEY, body) for body in bodies]


async def one(subscription: Subscription) -> Delivery:
    (delivery,) = await subscription.batch(1, 0)
    return delivery


async def remaining(broker: RabbitMqBroker) -> list[bytes]:
    """What waits in the router's queue, found by an event sent after it."""
    await published(broker, fetched(b"the last"))
    bodies: list[bytes] = []
    async with broker.subscribe(ROUTER_QUEUE, 100) as subscription:
        while b"the last" not in bodies:
            batch = await subscription.batch(100, 0)
            bodies += [delivery.body for delivery in batch]
            await subscription.ack(batch)
    return [body for body in bodies if body != b"the last"]


@pytest.fixture
def through(rabbitmq: RabbitMq, rabbitmq_url: str) -> tuple[TcpProxy, str]:
    """A proxy before the broker, not started yet, and the URL that leads through it."""
    proxy = TcpProxy(rabbitmq.port)
    return proxy, rabbitmq_url.replace(f":{rabbitmq.port}/", f":{proxy.port}/")


async def test_after_a_crash_of_the_broker_what_was_not_acknowledged_comes_again(
    private_rabbitmq: RabbitMq,
) -> None:
    async with working(private_rabbitmq.url()) as broker:
        await broker.publish(fetched(b"unsettled", b"settled"))
        async with broker.subscribe(ROUTER_QUEUE, 10) as subscription:
            before = [await one(subscription), await one(subscription)]
            await subscription.ack(before[1:])
            await remaining_is_confirmed(broker)
            await asyncio.to_thread(private_rabbitmq.kill)
            await until(broker.problem)
            await asyncio.to_thread(private_rabbitmq.start)
            again = await one(subscription)
            assert again.body == before[0].body
            assert again.epoch != before[0].epoch
            await subscription.ack(before)
        assert b"unsettled" in await remaining(broker)


async def remaining_is_confirmed(broker: RabbitMqBroker) -> None:
    """An acknowledgement has no answer; a confirm that came after it shows that the broker is that far."""
    await broker.publish([Publication(settled_key("nobody"), b"", mandatory=False)])


async def test_after_the_loss_of_all_data_the_topology_is_declared_anew(private_rabbitmq: RabbitMq) -> None:
    async with working(private_rabbitmq.url()) as broker, broker.subscribe(ROUTER_QUEUE, 10) as subscription:
        await asyncio.to_thread(private_rabbitmq.kill)
        private_rabbitmq.wipe()
        await asyncio.to_thread(private_rabbitmq.start)
        await published(broker, fetched(b"after the wipe"))
        assert (await one(subscription)).body == b"after the wipe"
        await until(lambda: broker.problem() is None)


async def test_fault_23_a_connection_cut_while_deliveries_are_handled_brings_them_again(
    through: tuple[TcpProxy, str],
) -> None:
    proxy, url = through
    async with proxy, working(url) as broker:
        await broker.publish(fetched(b"1", b"2"))
        async with broker.subscribe(ROUTER_QUEUE, 10) as subscription:
            handled = [await one(subscription), await one(subscription)]
            proxy.cut()
            again = [await one(subscription), await one(subscription)]
            await subscription.ack(handled)
            assert [each.body for each in again] == [b"1", b"2"]
            assert {each.epoch for each in again}.isdisjoint(each.epoch for each in handled)
        assert await remaining(broker) == [b"1", b"2"]


async def test_hints_arrive_again_after_a_cut(through: tuple[TcpProxy, str]) -> None:
    proxy, url = through
    hint = [Publication(settled_key("one"), b"hint")]
    async with proxy, working(url) as broker, broker.subscribe_hints("one", 10) as subscription:
        await broker.publish(hint)
        first = await one(subscription)
        proxy.cut()
        await until(broker.problem)
        await broker.ready(60)
        await published(broker, hint)
        assert (await one(subscription)).epoch != first.epoch


async def test_publishing_during_an_outage_waits_for_the_connection_to_come_back(
    through: tuple[TcpProxy, str],
) -> None:
    proxy, url = through
    async with proxy, working(url, replace(QUICK, outage_grace=60)) as broker:
        proxy.cut()
        await until(broker.problem)
        await broker.publish(fetched(b"after the cut"))
        assert await remaining(broker) == [b"after the cut"]


async def test_fault_19_confirms_that_never_come_are_an_error_and_the_end_of_the_session(
    through: tuple[TcpProxy, str],
) -> None:
    proxy, url = through
    async with proxy, working(url, replace(QUICK, confirm_timeout=0.3)) as broker:
        proxy.swallow(Direction.TO_CLIENT)
        with pytest.raises(BrokerUnavailable, match=r"confirmed no publication for 0\.3 s"):
            await broker.publish(fetched(b"unconfirmed"))
        proxy.resume()
        await published(broker, fetched(b"confirmed"))
        assert b"confirmed" in await remaining(broker)


async def test_fault_19_a_full_window_without_confirms_fails_too(through: tuple[TcpProxy, str]) -> None:
    proxy, url = through
    async with proxy, working(url, replace(QUICK, confirm_timeout=0.3, window=2)) as broker:
        proxy.stall(Direction.TO_SERVER)
        with pytest.raises(BrokerUnavailable, match="confirmed no publication"):
            await broker.publish(fetched(b"1", b"2", b"3"))
        proxy.resume()


async def test_a_broker_that_falls_silent_is_given_up(through: tuple[TcpProxy, str]) -> None:
    proxy, url = through
    async with (
        proxy,
        working(url, replace(QUICK, heartbeat=1)) as broker,
        broker.subscribe(ROUTER_QUEUE, 10) as subscription,
    ):
        proxy.stall(Direction.TO_CLIENT)
        assert "stopped answering" in str(await until(broker.problem))
        proxy.resume()
        await published(broker, fetched(b"after the silence"))
        assert (await one(subscription)).body == b"after the silence"


async def test_a_broker_that_is_down_is_no_reason_to_fail_at_the_start(
    through: tuple[TcpProxy, str],
) -> None:
    proxy, url = through
    async with made(url, replace(QUICK, outage_grace=0)) as broker:
        await until(lambda: "cannot be reached" in str(broker.problem()))  # the first attempt has failed
        with pytest.raises(BrokerUnavailable, match=f"127.0.0.1:{proxy.port} cannot be reached"):
            await broker.ready(0.2)
        with pytest.raises(BrokerUnavailable, match="Connection refused"):
            await broker.publish(fetched(b"nobody there"))
        waiting = asyncio.ensure_future(remaining(broker))
        async with proxy:
            await broker.ready(60)
            await until(lambda: broker.problem() is None)
            assert await waiting == []
            await broker.close()


async def test_closing_does_not_wait_for_a_broker_that_is_silent(through: tuple[TcpProxy, str]) -> None:
    proxy, url = through
    async with proxy, working(url, replace(QUICK, close_timeout=0.1)) as broker:
        proxy.stall(Direction.TO_CLIENT)
        await broker.close()
        assert "closed" in str(broker.problem())


async def test_a_server_that_speaks_no_amqp_is_a_problem_not_a_crash() -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    port = free_port()
    async with (
        await asyncio.start_server(serve, "127.0.0.1", port),
        made(f"amqp://127.0.0.1:{port}/") as broker,
    ):
        await until(lambda: "RabbitMQ at" in str(broker.problem()))  # the first attempt has failed
        with pytest.raises(BrokerUnavailable, match=f"RabbitMQ at 127.0.0.1:{port}"):
            await broker.ready(0.5)


async def test_a_queue_that_a_crash_left_without_a_leader_is_made_anew(private_rabbitmq: RabbitMq) -> None:
    url = private_rabbitmq.url()
    await topology_apply(url, TOPOLOGY)
    await asyncio.to_thread(private_rabbitmq.kill)
    await asyncio.to_thread(private_rabbitmq.start)

    async with working(url, replace(QUICK, confirm_timeout=1, answer_timeout=7)) as broker:
        await published(broker, [Publication(queue.key, b"x") for queue in TOPOLOGY.queues])


async def test_a_queue_without_a_leader_is_made_anew_for_its_consumer(private_rabbitmq: RabbitMq) -> None:
    url = private_rabbitmq.url()
    only_one = replace(TOPOLOGY, queues=TOPOLOGY.queues[:1])
    await topology_apply(url, only_one)
    await asyncio.to_thread(private_rabbitmq.kill)
    await asyncio.to_thread(private_rabbitmq.start)

    async with (
        working(url, replace(QUICK, confirm_timeout=60, answer_timeout=7)) as broker,
        broker.subscribe(ROUTER_QUEUE, 10) as subscription,
    ):
        await published(broker, fetched(b"led again"))
        assert (await one(subscription)).body == b"led again"
