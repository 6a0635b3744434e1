"""The control service: serves the API until it is stopped."""

from __future__ import annotations

import asyncio
import secrets

import structlog

from services.control.app import build_app
from services.control.server import listening_socket, server_for
from services.control.state import Control
from shared.config import Configuration
from shared.config.values import Listen
from shared.operations.events import Watcher
from shared.operations.import_runs import ImportRuns
from shared.operations.webhooks import Notifier
from shared.runtime.stop import Stop

log = structlog.get_logger("mailferry.control")


class ControlService:
    """A service of a process, see `run_services`."""

    def __init__(self, control: Control, listen: Listen) -> None:
        self._control = control
        self._listen = listen
        self.port: int | None = None

    async def run(self, stop: Stop) -> None:
        """Serve until `stop` is requested, then finish the requests under way."""
        server = server_for(build_app(self._control), self._control.settings)
        listening = listening_socket(self._listen)
        self.port = listening.getsockname()[1]
        log.info("API served", host=self._listen.host, port=self.port)
        context = self._control.context
        runs = (Watcher(context), Notifier(context), ImportRuns(context, secrets.token_hex(8)))
        beside = [asyncio.ensure_future(each.run()) for each in runs]
        serving = asyncio.ensure_future(server.serve([listening]))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self._control.streams.are_ending = True
            server.should_exit = True
            await serving
        finally:
            stopping.cancel()
            for each in beside:
                each.cancel()
            await self._control.logins.close()

    async def reload(self, configuration: Configuration) -> None:
        """Use another configuration: its section is in force at the next start."""
