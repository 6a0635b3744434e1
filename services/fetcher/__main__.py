"""The fetcher as a process of its own: `python -m services.fetcher FILE`, or `mailferry fetcher`."""

from __future__ import annotations

import sys

from services.fetcher.build import build_fetcher
from shared.config import Configuration
from shared.runtime.opening import open_runtime
from shared.runtime.process import Load, main
from shared.runtime.process_name import process_name
from shared.runtime.run_services import Service, run_services


async def serve(configuration: Configuration, load: Load) -> None:
    """Run a fetcher until a signal ends it."""
    configuration.require_shared("fetcher")
    async with open_runtime(configuration, "mailferry-fetcher") as around:
        services: dict[str, Service] = {"fetcher": build_fetcher(configuration, around, name=process_name())}
        if around.token_keeper is not None:
            services["tokens"] = around.token_keeper
        await run_services(services, around, configuration, load)


if __name__ == "__main__":
    sys.exit(main(serve, sys.argv))
