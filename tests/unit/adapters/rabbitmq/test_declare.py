"""How RabbitMQ is told the topology: nothing leaves a queue for nowhere."""

from __future__ import annotations

from shared.adapters.rabbitmq.declare import DELIVERY_LIMIT, queue_arguments
from shared.contract.topology import DEAD_QUEUE, EXCHANGE, topology

TOPOLOGY = topology([60, 3600])
ARGUMENTS = {queue.name: queue_arguments(TOPOLOGY, queue) for queue in TOPOLOGY.queues}


def test_every_queue_is_a_quorum_queue_with_a_delivery_limit_that_is_ours() -> None:
    assert {arguments["x-queue-type"] for arguments in ARGUMENTS.values()} == {"quorum"}
    assert {arguments["x-delivery-limit"] for arguments in ARGUMENTS.values()} == {DELIVERY_LIMIT}


def test_a_retry_queue_hands_back_to_the_relay_after_its_delay_at_least_once() -> None:
    assert ARGUMENTS["mailferry.retry.60"] == {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-message-ttl": 60_000,
        "x-dead-letter-exchange": EXCHANGE,
        "x-dead-letter-routing-key": "message.routed",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def test_a_work_queue_gives_up_to_the_dead_events() -> None:
    for name in ("mailferry.router", "mailferry.relay"):
        assert ARGUMENTS[name]["x-dead-letter-exchange"] == EXCHANGE
        assert ARGUMENTS[name]["x-dead-letter-routing-key"] == "message.dead"
        assert "x-message-ttl" not in ARGUMENTS[name]


def test_dead_events_go_nowhere_and_do_not_expire() -> None:
    assert ARGUMENTS[DEAD_QUEUE] == {"x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT}
