"""The base of all test servers: directory, start and stop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from tests.servers.available import find
from tests.servers.ports import LOOPBACK
from tests.servers.process import ServerError, ServerProcess


class Server(ABC):
    """A real server whose data lie below `directory`, see `server_directory`.

    `start` returns when it answers; `stop` and `kill` return when it is gone, and may be called at any time.
    The ports stay the same when it is started again. As a context manager it runs inside the block.
    """

    host: ClassVar[str] = LOOPBACK

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._process: ServerProcess | None = None

    @abstractmethod
    def start(self) -> None:
        """Starts the server and waits until it answers."""

    def stop(self) -> None:
        """Stops the server in order."""
        if self._process:
            self._process.stop()

    def kill(self) -> None:
        """Kills the server. Unlike a power cut, this keeps what the page cache holds."""
        if self._process:
            self._process.kill()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int:
        """The id of the running main process."""
        if self._process is None:
            raise ServerError("the server was not started")
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def installed(name: str) -> Path:
    """The program of the server `name`; `ServerError` if it is missing (tests ask `require` before)."""
    program = find(name)
    if program is None:
        raise ServerError(f"{name} is not installed")
    return program
