from __future__ import annotations

from pydantic import SecretStr

from shared.ops.appetite import FAR, NEAR, Appetite, appetite_for
from shared.ops.config.runtime import BrokerSection


def test_a_batch_waits_longer_while_many_come() -> None:
    appetite = Appetite(prefetch=600, batch=200, linger=0.003, stream_linger=0.04)
    assert appetite.linger_after(0) == 0.003
    assert appetite.linger_after(19) == 0.003
    assert appetite.linger_after(20) == 0.04
    assert appetite.linger_after(200) == 0.04


def test_a_stream_shortens_no_wait() -> None:
    assert Appetite(prefetch=10, batch=10, linger=0.01).linger_after(10) == 0.01


def test_only_with_a_broker_outside_of_the_process_a_batch_waits_longer() -> None:
    assert appetite_for(BrokerSection(SecretStr("memory:"))) is NEAR
    assert appetite_for(BrokerSection(SecretStr("amqp://rabbit.example"))) is FAR
    assert NEAR.linger_after(NEAR.batch) < FAR.linger_after(FAR.batch)
