"""What the RabbitMQ adapter does when RabbitMQ says no."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import uvloop

from shared.adapters.rabbitmq import TopologyMismatch, topology_apply, topology_check
from shared.contract.topology import EXCHANGE, FETCHED_KEY, ROUTER_QUEUE
from shared.model.errors import ConfigurationError
from shared.ports.broker import Broker, BrokerUnavailable, Publication, TooLarge, Unroutable
from tests.servers.rabbitmq import RabbitMq
from tests.servers.rabbitmq_adapter import QUICK, TOPOLOGY, made, operator, published, until, working

FETCHED = [Publication(FETCHED_KEY, b"a mail")]


async def test_fault_20_a_missing_binding_is_an_error_and_mended_for_the_next_attempt(
    rabbitmq_url: str,
) -> None:
    async with working(rabbitmq_url) as broker:
        async with operator(rabbitmq_url) as channel:
            await channel.call(channel.amqp.queue_unbind, ROUTER_QUEUE, EXCHANGE, FETCHED_KEY)
        with pytest.raises(Unroutable, match=r"no queue takes message\.fetched"):
            await broker.publish(FETCHED)
        await broker.publish(FETCHED)
        async with broker.subscribe(ROUTER_QUEUE, 10) as subscription:
            assert len(await subscription.batch(10, 0)) == 1


async def test_a_deleted_exchange_is_declared_again(rabbitmq_url: str) -> None:
    async with working(rabbitmq_url) as broker:
        async with operator(rabbitmq_url) as channel:
            await channel.call(channel.amqp.exchange_delete, EXCHANGE)
        with pytest.raises(BrokerUnavailable, match="no exchange"):
            await broker.publish(FETCHED)
        await published(broker, FETCHED)


async def test_a_queue_deleted_while_it_is_consumed_is_declared_and_consumed_again(rabbitmq_url: str) -> None:
    async with working(rabbitmq_url) as broker, broker.subscribe(ROUTER_QUEUE, 10) as subscription:
        async with operator(rabbitmq_url) as channel:
            await channel.call(channel.amqp.queue_delete, ROUTER_QUEUE)
        assert "deleted the queue mailferry.router" in str(await until(broker.problem))
        await broker.ready(60)
        await published(broker, FETCHED)
        assert [each.body for each in await subscription.batch(10, 0)] == [b"a mail"]


async def test_a_queue_made_otherwise_is_an_error_that_names_it_and_stays(rabbitmq_url: str) -> None:
    async with operator(rabbitmq_url) as channel:
        await channel.call(channel.amqp.queue_declare, ROUTER_QUEUE, durable=True)

    with pytest.raises(
        TopologyMismatch, match=r"queue mailferry\.router exists with other settings"
    ) as caught:
        await topology_apply(rabbitmq_url, TOPOLOGY)
    assert not caught.value.temporary
    async with made(rabbitmq_url) as broker:
        with pytest.raises(TopologyMismatch, match=r"mailferry\.router"):
            await broker.ready(0.5)
        assert "mailferry.router exists with other settings" in str(broker.problem())
    assert any(
        "mailferry.router exists with other" in each for each in await topology_check(rabbitmq_url, TOPOLOGY)
    )


async def test_the_check_names_everything_that_is_missing_and_makes_nothing(rabbitmq_url: str) -> None:
    missing = [
        "the exchange mailferry.events is missing",
        "the queue mailferry.router is missing",
        "the queue mailferry.relay is missing",
        "the queue mailferry.dead is missing",
        "the queue mailferry.retry.1 is missing",
        "the queue mailferry.retry.5 is missing",
        "the queue mailferry.retry.15 is missing",
        "the queue mailferry.retry.60 is missing",
        "the queue mailferry.retry.3600 is missing",
        "the queue mailferry.retry.3780 is missing",
    ]
    assert await topology_check(rabbitmq_url, TOPOLOGY) == missing
    assert await topology_check(rabbitmq_url, TOPOLOGY) == missing


async def test_applying_the_topology_twice_leaves_nothing_to_complain_about(rabbitmq_url: str) -> None:
    await topology_apply(rabbitmq_url, TOPOLOGY)
    await topology_apply(rabbitmq_url, TOPOLOGY)

    assert await topology_check(rabbitmq_url, TOPOLOGY) == []


async def publish_without_end(broker: Broker) -> None:
    """What RabbitMQ takes before its alarm has reached the connection is confirmed."""
    while True:
        await broker.publish(FETCHED)


async def test_fault_18_a_memory_or_disk_alarm_is_told_and_fails_in_bounded_time(
    private_rabbitmq: RabbitMq,
) -> None:
    async with working(private_rabbitmq.url(), replace(QUICK, confirm_timeout=2)) as broker:
        private_rabbitmq.evaluate("ok = vm_memory_monitor:set_vm_memory_high_watermark(0.0).")
        with pytest.raises(BrokerUnavailable, match="blocks publishers: low on memory"):
            await publish_without_end(broker)
        assert "blocks publishers" in str(broker.problem())
        with pytest.raises(BrokerUnavailable, match="blocks publishers"):
            await broker.publish(FETCHED)

        private_rabbitmq.evaluate("ok = vm_memory_monitor:set_vm_memory_high_watermark(0.9).")
        await until(lambda: broker.problem() is None)
        await published(broker, FETCHED)  # a broker that was blocked may be slow at first


async def test_fault_22_an_event_that_is_too_large_keeps_its_batch_from_going_out(rabbitmq_url: str) -> None:
    large = Publication(FETCHED_KEY, b"x" * 101)
    async with working(rabbitmq_url, replace(QUICK, largest_event=100)) as broker:
        with pytest.raises(TooLarge, match="101 bytes exceeds the broker's limit of 100") as caught:
            await broker.publish([*FETCHED, large])
        assert caught.value.publications == (large,)
        assert not caught.value.temporary
        await broker.publish([Publication(FETCHED_KEY, b"x" * 100)])
        async with broker.subscribe(ROUTER_QUEUE, 10) as subscription:
            assert [len(each.body) for each in await subscription.batch(10, 0)] == [100]


async def test_the_largest_event_that_is_allowed_goes_through(rabbitmq_url: str) -> None:
    async with working(rabbitmq_url) as broker:
        await broker.publish([Publication(FETCHED_KEY, b"x" * QUICK.largest_event)])
        async with broker.subscribe(ROUTER_QUEUE, 1) as subscription:
            assert [len(each.body) for each in await subscription.batch(1, 0)] == [QUICK.largest_event]


async def test_a_wrong_password_is_told_without_telling_it(rabbitmq: RabbitMq) -> None:
    url = rabbitmq.url().replace("guest:guest", "guest:s3cret")
    async with made(url) as broker:
        with pytest.raises(BrokerUnavailable) as caught:
            await broker.ready(1)
        assert str(caught.value) == (
            f"RabbitMQ at 127.0.0.1:{rabbitmq.port} refuses the user 'guest' or its password"
        )
        assert caught.value.temporary


async def test_a_missing_virtual_host_is_told(rabbitmq: RabbitMq) -> None:
    async with made(rabbitmq.url("no such host")) as broker:
        with pytest.raises(BrokerUnavailable, match="has no virtual host 'no such host'"):
            await broker.ready(1)


@pytest.mark.parametrize(
    "url", ["amqp://user:s3cret@host:port/", "http://user:s3cret@host/", "amqp://h/?s3cret=1"]
)
def test_a_url_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        made(url)
    assert "s3cret" not in str(caught.value)


def test_it_works_under_uvloop(rabbitmq_url: str) -> None:
    async def round_trip() -> bytes:
        async with working(rabbitmq_url) as broker, broker.subscribe(ROUTER_QUEUE, 10) as subscription:
            await broker.publish(FETCHED)
            (delivery,) = await subscription.batch(1, 0)
            await subscription.ack([delivery])
            return delivery.body

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(round_trip()) == b"a mail"
