"""The router as a process of its own: `python -m services.router FILE`, or `mailferry router`."""

from __future__ import annotations

import sys

from services.router.build import build_router
from shared.config import Configuration
from shared.runtime.opening import open_runtime
from shared.runtime.process import Load, main
from shared.runtime.run_services import run_services


async def serve(configuration: Configuration, load: Load) -> None:
    """Run a router until a signal ends it."""
    configuration.require_shared("router")
    async with open_runtime(configuration, "mailferry-router") as runtime:
        service = build_router(configuration, runtime)
        await run_services({"router": service}, runtime, configuration, load)


if __name__ == "__main__":
    sys.exit(main(serve, sys.argv))
