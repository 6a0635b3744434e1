from __future__ import annotations

from dataclasses import fields
from typing import Any

from services.fetcher.maintenance.maintenance import Maintenance


class Task:
    def __init__(self) -> None:
        self.ran = False

    async def run(self) -> None:
        self.ran = True


async def test_no_task_is_forgotten() -> None:
    all_of_them: dict[str, Any] = {each.name: Task() for each in fields(Maintenance)}
    for task in Maintenance(**all_of_them).tasks():
        await task
    assert [name for name, task in all_of_them.items() if not task.ran] == []
