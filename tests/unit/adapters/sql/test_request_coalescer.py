from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from shared.adapters.sql.request_coalescer import LARGEST_GROUP, RequestCoalescer
from shared.model.errors import MailferryError
from shared.ports.store import StoreUnavailable


class Writer:
    """Notes what is written together, and answers in capitals; waits where it is told to."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.writing = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.coalescer = RequestCoalescer(self.write, len)

    async def write(self, asked: Sequence[str]) -> Sequence[str | MailferryError]:
        self.groups.append(list(asked))
        self.writing.set()
        await self.go_on.wait()
        return [self.answer(each) for each in asked]

    def answer(self, asked: str) -> str | MailferryError:
        return asked.upper()

    async def ask_all(self, *asked: str) -> list[str | BaseException]:
        return await asyncio.gather(*map(self.coalescer.submit, asked), return_exceptions=True)


async def test_who_comes_alone_is_served_at_once() -> None:
    writer = Writer()
    assert await writer.coalescer.submit("a") == "A"
    assert await writer.coalescer.submit("b") == "B"
    assert writer.groups == [["a"], ["b"]]


async def test_who_comes_while_others_are_written_waits_and_goes_with_those_who_wait_too() -> None:
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


async def test_no_more_is_written_together_than_is_enough_but_at_least_one() -> None:
    writer = Writer()
    large = "x" * LARGEST_GROUP
    await writer.ask_all(large, large + "y", "a", "b")
    assert writer.groups == [[large], [large + "y"], ["a", "b"]]


async def test_an_answer_that_is_an_error_is_raised_for_that_request_alone() -> None:
    class Refusing(Writer):
        def answer(self, asked: str) -> str | MailferryError:
            return MailferryError("not you") if asked == "b" else super().answer(asked)

    answers = await Refusing().ask_all("a", "b", "c")
    assert answers[0] == "A"
    assert str(answers[1]) == "not you"
    assert answers[2] == "C"


async def test_that_nothing_can_be_written_concerns_everybody_and_is_tried_once() -> None:
    class Away(Writer):
        def answer(self, asked: str) -> str | MailferryError:
            raise StoreUnavailable("the database is away")

    writer = Away()
    answers = await writer.ask_all("a", "b")
    assert [*map(str, answers)] == ["the database is away"] * 2
    assert writer.groups == [["a", "b"]]


async def test_a_request_over_which_the_writer_stumbles_fails_alone() -> None:
    class Stumbling(Writer):
        def answer(self, asked: str) -> str | MailferryError:
            if asked == "b":
                raise KeyError(asked)
            return super().answer(asked)

    writer = Stumbling()
    answers = await writer.ask_all("a", "b", "c")
    assert answers[0] == "A"
    assert isinstance(answers[1], KeyError)
    assert answers[2] == "C"
    assert writer.groups == [["a", "b", "c"], ["a"], ["b"], ["c"]]


async def test_who_has_gone_meanwhile_keeps_nobody_else_from_an_answer() -> None:
    writer = Writer()
    writer.go_on.clear()
    gone, stays = (asyncio.create_task(writer.coalescer.submit(each)) for each in "ab")
    await writer.writing.wait()
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    writer.go_on.set()
    assert await stays == "B"


async def test_what_nobody_waits_for_any_more_is_not_begun() -> None:
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
        async def write(self, asked: Sequence[str]) -> Sequence[str | MailferryError]:
            self.writing.set()
            if "held" in asked:
                await self.go_on.wait()
            return [self.answer(each) for each in asked]

    writer = Held()
    writer.go_on.clear()
    held = asyncio.create_task(writer.coalescer.submit("held"))
    await writer.writing.wait()
    assert await writer.coalescer.submit("next") == "NEXT"
    finishing = asyncio.create_task(writer.coalescer.finish())
    writer.go_on.set()
    await finishing
    assert await held == "HELD"


async def test_who_stops_waiting_for_the_end_does_not_end_what_is_under_way() -> None:
    writer = Writer()
    writer.go_on.clear()
    asked = asyncio.create_task(writer.coalescer.submit("a"))
    await writer.writing.wait()
    finishing = asyncio.create_task(writer.coalescer.finish())
    await asyncio.sleep(0)
    finishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finishing
    writer.go_on.set()
    await writer.coalescer.finish()
    assert await asked == "A"


async def test_it_is_finished_when_everybody_is_answered() -> None:
    writer = Writer()
    await writer.coalescer.finish()
    asked = asyncio.create_task(writer.ask_all("a", "b"))
    await asyncio.sleep(0)
    await writer.coalescer.finish()
    assert await asked == ["A", "B"]
    assert writer.groups == [["a", "b"]]
