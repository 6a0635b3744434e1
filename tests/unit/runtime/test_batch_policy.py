from __future__ import annotations

from pydantic import SecretStr

from shared.config.settings import BrokerSettings
from shared.runtime.batch_policy import FAR, NEAR, BatchPolicy, batch_policy_for


def test_much_is_more_than_a_tenth_of_a_batch_and_never_a_single_one() -> None:
    appetite = BatchPolicy(prefetch=600, batch=200, linger=0.003)
    assert not appetite.is_much(20)
    assert appetite.is_much(21)
    assert not BatchPolicy(prefetch=5, batch=5, linger=0).is_much(1)


def test_only_for_a_broker_outside_of_the_process_batches_are_filled() -> None:
    assert batch_policy_for(BrokerSettings(url=SecretStr("memory:"))) is NEAR
    assert batch_policy_for(BrokerSettings(url=SecretStr("amqp://rabbit.example"))) is FAR
    assert NEAR.filling == 0 < FAR.filling


def test_only_where_nobody_else_works_while_it_is_written_a_second_batch_is_worked_on_meanwhile() -> None:
    assert (NEAR.at_once, FAR.at_once) == (2, 1)
