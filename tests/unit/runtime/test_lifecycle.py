from __future__ import annotations

import asyncio
import os
import signal

import pytest

from shared.runtime.lifecycle import ServiceEnded, ServiceStuck, handle_signals, run_together
from shared.runtime.stop import Stop

LONG = 30.0


class Exits:
    """Records exit codes instead of exiting."""

    def __init__(self) -> None:
        self.codes: list[int] = []

    def __call__(self, code: int) -> None:
        self.codes.append(code)


async def delivered() -> None:
    """Let the event loop handle a signal that was just sent to this process."""
    arrived = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, arrived.set)
    os.kill(os.getpid(), signal.SIGUSR1)
    await arrived.wait()
    asyncio.get_running_loop().remove_signal_handler(signal.SIGUSR1)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
async def test_the_first_signal_requests_a_stop_and_the_second_one_exits_at_once(
    number: signal.Signals, code: int
) -> None:
    stop, exits = Stop(), Exits()
    with handle_signals(stop, lambda: None, exits):
        os.kill(os.getpid(), number)
        await delivered()
        assert (stop.requested, exits.codes) == (True, [])
        assert stop.reason == f"signal {number.name}"
        os.kill(os.getpid(), number)
        await delivered()
        assert exits.codes == [code]


async def test_hup_reads_the_configuration_again_and_does_not_stop() -> None:
    stop, reloads = Stop(), []
    with handle_signals(stop, lambda: reloads.append("again"), Exits()):
        os.kill(os.getpid(), signal.SIGHUP)
        await delivered()
    assert (reloads, stop.requested) == (["again"], False)


async def test_outside_of_its_context_a_signal_has_its_default_effect() -> None:
    before = signal.getsignal(signal.SIGINT)
    with handle_signals(Stop(), lambda: None, Exits()):
        pass
    assert signal.getsignal(signal.SIGINT) in (before, signal.default_int_handler)


async def test_services_run_until_a_stop_is_requested() -> None:
    stop, ended = Stop(), []

    async def service(name: str) -> None:
        await stop.wait()
        ended.append(name)

    running = asyncio.create_task(
        run_together({"router": service("router"), "relay": service("relay")}, stop)
    )
    await asyncio.sleep(0)
    assert not running.done()
    stop.request("test")
    await running
    assert sorted(ended) == ["relay", "router"]


async def test_the_first_failure_stops_all_and_is_raised() -> None:
    stop, ended = Stop(), []

    async def failing() -> None:
        raise OSError("no database")

    async def draining() -> None:
        await stop.wait()
        await asyncio.sleep(0)
        ended.append("drained")

    with pytest.raises(OSError, match="no database"):
        await run_together({"router": failing(), "relay": draining()}, stop)
    assert ended == ["drained"]


async def test_all_failures_are_raised() -> None:
    stop = Stop()

    async def failing(error: Exception) -> None:
        raise error

    with pytest.raises(BaseExceptionGroup) as group:
        await run_together({"a": failing(OSError("one")), "b": failing(KeyError("two"))}, stop)
    assert {type(error) for error in group.value.exceptions} == {OSError, KeyError}


async def test_a_failure_while_draining_is_raised() -> None:
    stop = Stop()

    async def failing_late() -> None:
        await stop.wait()
        raise OSError("too late")

    stop.request("test")
    with pytest.raises(OSError, match="too late"):
        await run_together({"relay": failing_late()}, stop)


async def test_a_service_that_returns_without_a_request_is_a_failure() -> None:
    stop = Stop()

    async def returning() -> None:
        return

    async def waiting() -> None:
        await stop.wait()

    with pytest.raises(ServiceEnded, match=r"The router ended by itself\."):
        await run_together({"router": returning(), "relay": waiting()}, stop)


async def test_a_service_that_cancels_itself_is_a_failure() -> None:
    async def cancelling() -> None:
        raise asyncio.CancelledError

    with pytest.raises(ServiceEnded, match=r"The router ended by itself\."):
        await run_together({"router": cancelling()}, Stop())


async def test_a_service_may_request_a_stop_and_return() -> None:
    stop = Stop()

    async def once() -> None:
        stop.request("one pass was made")

    async def waiting() -> None:
        await stop.wait()

    await run_together({"fetcher": once(), "relay": waiting()}, stop)
    assert stop.reason == "one pass was made"


async def test_a_service_that_does_not_stop_in_time_is_cancelled() -> None:
    stop = Stop()
    stop.request("test")
    with pytest.raises(ServiceStuck, match=r"The relay did not stop within 0\.01 seconds\."):
        await run_together({"relay": asyncio.sleep(LONG)}, stop, drain=0.01)


async def test_cancelling_cancels_all_services() -> None:
    ended = []

    async def service() -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            ended.append("cancelled")

    running = asyncio.create_task(run_together({"a": service(), "b": service()}, Stop()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended == ["cancelled", "cancelled"]


async def test_a_process_that_does_not_end_in_time_is_ended_by_a_thread(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stop, loop = Stop(), asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def exit_now(code: int) -> None:
        loop.call_soon_threadsafe(ended.set_result, code)

    with handle_signals(stop, lambda: None, exit_now, deadline=0.01):
        os.kill(os.getpid(), signal.SIGTERM)
        await delivered()
    assert await ended == 75
    assert "not all work ended within 0.01 seconds of SIGTERM" in capsys.readouterr().err


async def test_a_service_that_cannot_even_be_cancelled_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.runtime.lifecycle.CANCEL_TIME", 0.01)
    stop, released = Stop(), asyncio.Event()
    stop.request("the test says so")

    async def ignoring_cancellation() -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    with pytest.raises(ServiceStuck, match="The relay did not stop"):
        await run_together({"relay": ignoring_cancellation()}, stop, drain=0.01)
    released.set()
