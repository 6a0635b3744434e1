"""What is put together tells of itself by the metrics of its process."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from services.fetcher.build import build_fetcher
from services.fetcher.service import Fetcher
from shared.adapters.file_blobs import FileBlobs
from shared.adapters.memory_broker import MemoryBroker
from shared.adapters.sql import open_store, upgrade
from shared.adapters.system_clock import SystemClock
from shared.contract.topology import topology
from shared.runtime.metrics import Metrics
from shared.runtime.runtime import Runtime
from tests.fakes.configuration import WHOLE, ConfigurationFile
from tests.fakes.directory import FakeDirectories
from tests.fakes.registry import registry_of

PLAN = topology([60])


@pytest.fixture
def around(tmp_path: Path) -> Runtime:
    url, clock = f"sqlite://{tmp_path}/mailferry.db", SystemClock()
    upgrade(url)
    return Runtime(
        store=open_store(url),
        registry=registry_of(),
        broker=MemoryBroker(PLAN, clock),
        blobs=FileBlobs(tmp_path),
        directories=FakeDirectories(),
        clock=clock,
        topology=PLAN,
        metrics=Metrics(CollectorRegistry(), "0"),
        chance=lambda: 0.5,
        entropy=bytes,
        cores=1,
    )


@pytest.fixture
def fetcher(tmp_path: Path, around: Runtime) -> Fetcher:
    return build_fetcher(ConfigurationFile(tmp_path).load(WHOLE), around, name="fetcher")


def paused(around: Runtime) -> float | None:
    return around.metrics.registry.get_sample_value("mailferry_fetcher_deletion_paused")


async def test_deletion_that_is_paused_is_told_until_it_is_not(around: Runtime, fetcher: Fetcher) -> None:
    assert (paused(around), fetcher.deletion_problem() is None) == (1, False)
    await fetcher.visit_once([])
    assert (paused(around), fetcher.deletion_problem()) == (0, None)
    await around.store.operator.pause_deletion("restored", around.clock.now())
    await fetcher.visit_once([])
    assert paused(around) == 1
    await around.store.close()
