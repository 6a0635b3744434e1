"""Setting up and cleaning."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.relay.maintenance.blob_sweep import BlobSweep
from shared.adapters.sql.schema import known_revisions
from shared.model.errors import ConfigurationError
from shared.operations.context import open_context
from shared.operations.upkeep import (
    SHORTEST_BLOB_AGE,
    BlobsSwept,
    BlobsTooYoung,
    apply_topology,
    check_topology,
    sweep_blobs,
    upgrade_database,
)
from tests.fakes.configuration import WHOLE, ConfigurationFile


async def test_a_database_that_was_set_up_is_swept_but_for_young_blobs(tmp_path: Path) -> None:
    store = f'[store]\nurl = "sqlite://{tmp_path}/mailferry.db"\n[blobs]\nurl = "file://{tmp_path}/blobs"\n'
    configuration = ConfigurationFile(tmp_path).load(store + WHOLE)
    await upgrade_database(configuration)
    async with open_context(configuration) as context:
        assert await sweep_blobs(context, SHORTEST_BLOB_AGE, BlobSweep) == BlobsSwept(0, 0, 0)
        with pytest.raises(BlobsTooYoung, match="younger than an hour"):
            await sweep_blobs(context, SHORTEST_BLOB_AGE - 1, BlobSweep)


@pytest.mark.parametrize("operation", [apply_topology, check_topology])
async def test_the_in_process_broker_has_no_queues_to_set_up(tmp_path: Path, operation: object) -> None:
    configuration = ConfigurationFile(tmp_path).load(WHOLE)
    assert callable(operation)
    with pytest.raises(ConfigurationError, match="memory: has no queues to set up"):
        await operation(configuration)


async def test_the_progress_of_an_upgrade_is_told_by_revision(tmp_path: Path) -> None:
    store = f'[store]\nurl = "sqlite://{tmp_path}/mailferry.db"\n'
    told: list[tuple[str, int, int]] = []
    configuration = ConfigurationFile(tmp_path).load(store + WHOLE)
    for _ in range(2):
        await upgrade_database(configuration, lambda *step: told.append(step))
    total = len(known_revisions())
    assert told == [("Schema revisions applied", number, total) for number in range(1, total + 1)]
