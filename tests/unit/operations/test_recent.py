"""An answer is given again for some seconds, and asked anew after an act."""

from __future__ import annotations

from itertools import count

from shared.operations.recent import LASTS, MOST, RecentAnswers


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
