from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from shared.adapters.sql.request_coalescer import LARGEST_GROUP, RequestCoalescer
from shared.model.errors import MailferryError
from shared.ports.store import StoreUnavailable


class Writer:
    """Records what is written together and answers in capitals; waits for `go_on`."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.writing = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.coalescer = RequestCoalescer(self.write, len)

    async def write(self, requests: Sequence[str]) -> Sequence[str | MailferryError]:
        self.groups.append(list(requests))
        self.writing.set()
        await self.go_on.wait()
        return [self.answer(each) for each in requests]

    def answer(self, request: str) -> str | MailferryError:
        return request.upper()

    async def ask_all(self, *requests: str) -> list[str | BaseException]:
        return await asyncio.gather(*map(self.coalescer.submit, requests), return_exceptions=True)


async def test_a_request_that_comes_alone_is_written_at_once() -> None:
    writer = Writer()
    assert await writer.coalescer.submit("a") == "A"
    assert await writer.coalescer.submit("b") == "B"
    assert writer.groups == [["a"], ["b"]]


async def test_requests_that_come_while_others_are_written_are_written_together_afterwards() -> None:
    writer = Writer()
    writer.go_on.clear()
    first = asyncio.create_task(writer.coalescer.submit("a"))
    await writer.writing.wait()
    rest = asyncio.create_task(writer.ask_all("b", "c", "d"))
    await asyncio.sleep(0)
    writer.go_on.set()
    assert await first == "A"
    assert await rest == ["B", "C", "D"]
    assert writer.groups == [["a"], ["b", "c", "d"]]


async def test_a_group_is_bounded_by_weight_and_holds_at_least_one_request() -> None:
    writer = Writer()
    large = "x" * LARGEST_GROUP
    await writer.ask_all(large, large + "y", "a", "b")
    assert writer.groups == [[large], [large + "y"], ["a", "b"]]


async def test_an_answer_that_is_an_error_is_raised_for_that_request_alone() -> None:
    class Refusing(Writer):
        def answer(self, request: str) -> str | MailferryError:
            return MailferryError("not you") if request == "b" else super().answer(request)

    answers = await Refusing().ask_all("a", "b", "c")
    assert answers[0] == "A"
    assert str(answers[1]) == "not you"
    assert answers[2] == "C"


async def test_an_error_of_the_store_goes_to_every_request_of_the_group() -> None:
    class Away(Writer):
        def answer(self, request: str) -> str | MailferryError:
            raise StoreUnavailable("the database is away")

    writer = Away()
    answers = await writer.ask_all("a", "b")
    assert [*map(str, answers)] == ["the database is away"] * 2
    assert writer.groups == [["a", "b"]]


async def test_a_request_that_makes_the_writer_fail_fails_alone() -> None:
    class Stumbling(Writer):
        def answer(self, request: str) -> str | MailferryError:
            if request == "b":
                raise KeyError(request)
            return super().answer(request)

    writer = Stumbling()
    answers = await writer.ask_all("a", "b", "c")
    assert answers[0] == "A"
    assert isinstance(answers[1], KeyError)
    assert answers[2] == "C"
    assert writer.groups == [["a", "b", "c"], ["a"], ["b"], ["c"]]


async def test_a_cancelled_caller_keeps_no_other_from_its_answer() -> None:
    writer = Writer()
    writer.go_on.clear()
    gone, stays = (asyncio.create_task(writer.coalescer.submit(each)) for each in "ab")
    await writer.writing.wait()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    writer.go_on.set()
    assert await stays == "B"


async def test_a_request_whose_caller_was_cancelled_is_not_written() -> None:
    writer = Writer()
    writer.go_on.clear()
    first, gone = (asyncio.create_task(writer.coalescer.submit(each)) for each in ("a", "b"))
    await asyncio.sleep(0)
    late = asyncio.create_task(writer.coalescer.submit("c"))
    await writer.writing.wait()
    late.cancel()
    writer.go_on.set()
    assert [await first, await gone] == ["A", "B"]
    await writer.coalescer.finish()
    assert ["c"] not in writer.groups


async def test_a_group_that_is_held_up_does_not_hold_up_the_next_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.adapters.sql.request_coalescer.LONGEST_HOLD_UP", 0.0)

    class Held(Writer):
        async def write(self, requests: Sequence[str]) -> Sequence[str | MailferryError]:
            self.writing.set()
            if "held" in requests:
                await self.go_on.wait()
            return [self.answer(each) for each in requests]

    writer = Held()
    writer.go_on.clear()
    held = asyncio.create_task(writer.coalescer.submit("held"))
    await writer.writing.wait()
    assert await writer.coalescer.submit("next") == "NEXT"
    finishing = asyncio.create_task(writer.coalescer.finish())
    writer.go_on.set()
    await finishing
    assert await held == "HELD"


async def test_cancelling_finish_does_not_cancel_a_write() -> None:
    writer = Writer()
    writer.go_on.clear()
    asking = asyncio.create_task(writer.coalescer.submit("a"))
    await writer.writing.wait()
    finishing = asyncio.create_task(writer.coalescer.finish())
    await asyncio.sleep(0)
    finishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finishing
    writer.go_on.set()
    await writer.coalescer.finish()
    assert await asking == "A"


async def test_it_is_finished_when_every_request_is_answered() -> None:
    writer = Writer()
    await writer.coalescer.finish()
    asking = asyncio.create_task(writer.ask_all("a", "b"))
    await asyncio.sleep(0)
    await writer.coalescer.finish()
    assert await asking == ["A", "B"]
    assert writer.groups == [["a", "b"]]
