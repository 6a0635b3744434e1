"""The API with a source that knows one password."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.api import Api, open_api
from tests.fakes.sources import FakeSource

RIGHT = "the right password"


@pytest.fixture
def source() -> FakeSource:
    return FakeSource(RIGHT)


@pytest.fixture
async def api(tmp_path: Path, source: FakeSource) -> AsyncIterator[Api]:
    async with open_api(tmp_path, source.open, url="https://ferry.example") as made:
        yield made
