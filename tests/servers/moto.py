"""A private S3: moto's server, in memory, with buckets made on demand."""

from __future__ import annotations

import sys
from http.client import HTTPConnection
from itertools import count
from pathlib import Path

from tests.servers.ports import LOOPBACK, free_port
from tests.servers.process import ServerProcess
from tests.servers.server import Server


class Moto(Server):
    """S3 at `endpoint`; any key is accepted."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.port = free_port()
        self._numbers = count(1)

    @property
    def endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(self.port)]
        self._process = ServerProcess(command, log=self.directory / "output")
        self._process.wait_until(self._answers)

    def new_bucket(self) -> str:
        """The name of an empty bucket."""
        name = f"bucket-{next(self._numbers)}"
        assert self._answer("PUT", f"/{name}") == 200
        return name

    def _answers(self) -> bool:
        try:
            return self._answer("GET", "/moto-api/") == 200
        except OSError:
            return False

    def _answer(self, method: str, path: str) -> int:
        connection = HTTPConnection(LOOPBACK, self.port, timeout=30)
        try:
            connection.request(method, path)
            return connection.getresponse().status
        finally:
            connection.close()
