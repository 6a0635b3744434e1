"""Polling mailboxes without mail: a bare client in a loop, several of them, and Mailferry.

Mailferry's visits are counted by the server, in its log, after each mailbox was visited once.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from bench.ferry import working
from bench.result import Result
from bench.source import Source
from bench.usage import usage
from tests.servers.process import eventually
from tests.servers.smtp_sink import SmtpSink

WINDOW = 8.0
BARE_AT_ONCE = 8
PATIENCE = 120.0
LOGIN = re.compile(rb"pop3-login: .*Login: user=<")
ALWAYS_DUE = {
    "MAILFERRY_DEFAULTS__POLL": "0.01",
}


def bare(source: Source, clients: int) -> Result:
    """So many bare clients, each with its share of the mailboxes."""
    shares = [source.names[n::clients] for n in range(clients)]
    begun = time.perf_counter()
    children = [
        subprocess.Popen([sys.executable, "-m", "bench.bare", str(source.pop3_port), *share])
        for share in shares
    ]
    codes = [child.wait(PATIENCE) for child in children]
    seconds = time.perf_counter() - begun
    name = "bare client" if clients == 1 else f"{clients} bare clients at once"
    return Result(name, source.accounts, seconds, note="" if not any(codes) else f"exit codes {codes}")


def polled(
    name: str, source: Source, sink: SmtpSink, home: Path, command: str, urls: Mapping[str, str]
) -> Result:
    """Mailferry, all mailboxes always due, working as `command` with the broker and store at `urls`."""
    log = source.dovecot.directory / "dovecot.log"
    with working(command, source, sink, home, urls, ALWAYS_DUE) as pid:
        before = _logins(log)
        if not eventually(lambda: _logins(log) - before >= source.accounts, PATIENCE):
            return Result(name, _logins(log) - before, PATIENCE, note="did not come around")
        at, cpu, begun = _logins(log), usage(pid).cpu, time.perf_counter()
        time.sleep(WINDOW)
        visits, seconds, used = _logins(log) - at, time.perf_counter() - begun, usage(pid)
    return Result(name, visits, seconds, cpu={"mailferry": used.cpu - cpu}, peak={"mailferry": used.peak})


def _logins(log: Path) -> int:
    return len(LOGIN.findall(log.read_bytes()))
