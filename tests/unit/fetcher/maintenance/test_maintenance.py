from __future__ import annotations

from dataclasses import fields
from typing import Any

from services.fetcher.maintenance.maintenance import Maintenance


class Chore:
    def __init__(self) -> None:
        self.ran = False

    async def run(self) -> None:
        self.ran = True


async def test_no_chore_is_forgotten() -> None:
    all_of_them: dict[str, Any] = {each.name: Chore() for each in fields(Maintenance)}
    for begun in Maintenance(**all_of_them).begun():
        await begun
    assert [name for name, chore in all_of_them.items() if not chore.ran] == []
