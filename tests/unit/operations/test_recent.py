"""An answer is given again for some seconds, and asked anew after an act."""

from __future__ import annotations

import asyncio
from itertools import count

from shared.model.errors import MailferryError
from shared.operations.recent import AGED_AT_MOST, LASTS, MOST, RecentAnswers


async def test_an_answer_is_made_again_once_it_is_old_or_something_was_done() -> None:
    recent, numbers = RecentAnswers(), count()

    async def made() -> int:
        return next(numbers)

    assert [await recent.get("a", now, made) for now in (0.0, LASTS - 1, LASTS, LASTS)] == [0, 0, 1, 1]
    assert await recent.get("b", LASTS, made) == 2
    recent.forget()
    assert await recent.get("a", LASTS, made) == 3
    assert await recent.get("a", LASTS - 1, made) == 4  # the clock was set back


async def test_answers_do_not_grow_without_bound() -> None:
    recent, numbers = RecentAnswers(), count()

    async def made() -> int:
        return next(numbers)

    for key in range(MOST + 1):
        await recent.get(key, 0.0, made)
    assert await recent.get(1, 0.0, made) == 1
    assert await recent.get(0, 0.0, made) == MOST + 1


async def test_an_aged_answer_is_given_while_a_new_one_is_made_beside() -> None:
    recent, numbers, may_end = RecentAnswers(), count(), asyncio.Event()
    may_end.set()

    async def made() -> int:
        await may_end.wait()
        return next(numbers)

    assert await recent.get_aged("a", 0.0, made) == 0
    may_end.clear()
    recent.forget()
    assert [await recent.get_aged("a", now, made) for now in (LASTS - 1, LASTS, LASTS + 1)] == [0, 0, 0]
    may_end.set()
    await recent.settled()
    assert await recent.get_aged("a", LASTS + 1, made) == 1
    assert await recent.get_aged("a", LASTS + 1 + AGED_AT_MOST, made) == 2


async def test_an_answer_that_cannot_be_made_anew_leaves_the_aged_one() -> None:
    recent = RecentAnswers()

    async def made() -> int:
        return 1

    async def failed() -> int:
        raise MailferryError("the database is away")

    await recent.get_aged("a", 0.0, made)
    assert await recent.get_aged("a", LASTS, failed) == 1
    await recent.settled()
    assert await recent.get_aged("a", LASTS, failed) == 1
    await recent.settled()


async def test_what_does_not_depend_on_acts_outlives_them() -> None:
    recent, numbers = RecentAnswers(), count()

    async def made() -> int:
        return next(numbers)

    assert await recent.get("a", 0.0, made, 600.0, until_acts=False) == 0
    recent.forget()
    assert await recent.get("a", 599.0, made, 600.0, until_acts=False) == 0
