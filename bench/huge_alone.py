"""The process that `bench.huge` measures: a real fetcher, alone, that makes one visit.

`python -m bench.huge_alone FILE` visits the accounts of the configuration FILE once and writes what it took
as JSON. Nobody routes what it fetches.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

import uvloop

from services.fetcher.build import build_fetcher
from services.standalone.all_services import apply_configuration
from shared.adapters.sql import upgrade
from shared.config import Configuration, load
from shared.runtime.garbage_collection import tune_garbage_collector
from shared.runtime.opening import open_runtime


async def _visit(configuration: Configuration) -> dict[str, float]:
    async with open_runtime(configuration) as around:
        await apply_configuration(around, configuration)
        fetcher = build_fetcher(configuration, around, name="huge")
        started = time.perf_counter()
        visits = await fetcher.visit_once(list(configuration.accounts))
        seconds = time.perf_counter() - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "octets": sum(visit.octets for visit in visits.values()),
        "seconds": seconds,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss * 1024,
    }


def main() -> None:
    """Make one visit, and print its memory."""
    configuration = load(Path(sys.argv[1]), os.environ)
    upgrade(configuration.store.url.get_secret_value())
    tune_garbage_collector()
    sys.stdout.write(json.dumps(uvloop.run(_visit(configuration))) + "\n")


if __name__ == "__main__":
    main()
