"""Runs a relay as a process of its own: `python -m services.relay FILE`, or `mailferry relay`."""

from __future__ import annotations

import sys

from services.relay.build import build_relay
from shared.config import Configuration
from shared.runtime.opening import open_runtime
from shared.runtime.process import Load, main
from shared.runtime.process_name import process_name
from shared.runtime.run_services import run_services


async def serve(configuration: Configuration, load: Load) -> None:
    """Run a relay until a signal ends it."""
    configuration.require_shared("relay")
    async with open_runtime(configuration, "mailferry-relay") as runtime:
        service = build_relay(configuration, runtime, name=process_name())
        await run_services({"relay": service}, runtime, configuration, load)


if __name__ == "__main__":
    sys.exit(main(serve, sys.argv))
