"""The `mailferry` command at a terminal of its own: what a person sees, types, and interrupts."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from tests.fakes.command import REPOSITORY

SECONDS = 60.0
"""For what normally takes one; a loaded machine stands still for seconds."""
INTERRUPT = b"\x03"
READ = {"x86_64": "0", "aarch64": "63"}
"""The number of the system call `read`, by machine."""


class Terminal:
    """Runs the command on a pseudo-terminal, which is its controlling terminal."""

    def __init__(
        self,
        *arguments: str | Path,
        environ: Mapping[str, str] | None = None,
        module: str = "services.cli",
    ) -> None:
        self._ours, theirs = pty.openpty()
        self.shown = ""
        self._seen = 0
        self._process = subprocess.Popen(
            ["setsid", "--ctty", sys.executable, "-m", module, *map(str, arguments)],
            cwd=REPOSITORY,
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TERM": "dumb", **(environ or {})},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        self._terminals = {Path(os.ttyname(theirs)), Path("/dev/tty")}
        os.close(theirs)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def expect(self, text: str) -> str:
        """Wait until `text` is shown after what was expected before; return what was shown up to it."""
        until = time.monotonic() + SECONDS
        while text not in self.shown[self._seen :]:
            if not self._read(until):
                raise AssertionError(f"{text!r} was not shown:\n{self.shown}")
        end = self.shown.index(text, self._seen) + len(text)
        part = self.shown[self._seen : end]
        self._seen = end
        return part

    def answer(self, question: str, text: str) -> str:
        """Wait for the question, then type an answer; return what was shown before."""
        shown = self.expect(question)
        self.expect(": ")
        os.write(self._ours, text.encode() + b"\n")
        return shown

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.write(self._ours, INTERRUPT)

    def interrupt_answer(self) -> None:
        """Press Ctrl-C where a person does: while the command waits for an answer.

        Python loses an interrupt that comes after it wrote a question and before it waits for the answer.
        """
        until = time.monotonic() + SECONDS
        while not self._waits_for_an_answer():
            assert time.monotonic() < until, f"nothing is asked:\n{self.shown}"
            time.sleep(0.01)
        self.interrupt()

    def end(self) -> int:
        """Wait for the end of the command; return its exit code."""
        until = time.monotonic() + SECONDS
        while self._read(until):
            pass
        return self._process.wait(SECONDS)

    def _waits_for_an_answer(self) -> bool:
        """Return whether the command sleeps in a read of its terminal."""
        process = Path("/proc", str(self._process.pid))
        number, *arguments = (process / "syscall").read_text().split()
        if number != READ[os.uname().machine] or not arguments:
            return False
        return (process / "fd" / str(int(arguments[0], 16))).readlink() in self._terminals

    def _read(self, until: float) -> bool:
        """Return whether more was shown before the end."""
        ready, _, _ = select.select([self._ours], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return False
        with suppress(OSError):  # Linux says EIO once nobody has the other side open.
            if data := os.read(self._ours, 65536):
                self.shown += data.decode("utf-8", "replace").replace("\r\n", "\n")
                return True
        return False
