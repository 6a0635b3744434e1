"""getmail6 over IMAP: a process for each account, some at a time, into Maildirs.

It has no way to deliver by SMTP without one more process for each mail, so that it does less than the others.
It is installed from PyPI into a directory of this run. Where that fails it is left out, which is printed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench.result import Result
from bench.source import PASSWORD, Source
from bench.usage import servers_cpu, servers_cpu_since
from tests.servers.directory import give_to, is_root
from tests.servers.dovecot import MAILBOX_OWNER

AT_ONCE = 10
"""Each is a Python of some 25 MiB."""
INSTALL_WITHIN = 120.0


def getmails(source: Source, directory: Path, console: Console) -> Result | None:
    """Fetch all mails; None where getmail cannot be had."""
    command = _installed(directory / "getmail-venv", console)
    if command is None:
        return None
    homes = [_prepared(source, directory / f"getmail-{name}", name) for name in source.names]
    servers, started = servers_cpu(), time.perf_counter()
    cpu, peak, codes = 0.0, 0, set[int]()
    waiting, running = deque(homes), deque[subprocess.Popen[bytes]]()
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            running.append(_start(command, waiting.popleft()))
        child = running.popleft()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        codes.add(child.returncode)
        cpu, peak = cpu + used.ru_utime + used.ru_stime, max(peak, used.ru_maxrss * 1024)
    seconds = time.perf_counter() - started
    problem = f"exit codes {sorted(codes)}, see {homes[0]}/output; " if codes != {0} else ""
    return Result(
        name=f"{len(homes)} getmails, {AT_ONCE} at a time, {source.protocol.upper()}",
        mails=sum(len(list((home / "Maildir" / "new").iterdir())) for home in homes),
        seconds=seconds,
        cpu={"getmail": cpu},
        peak={"getmail (largest)": peak},
        left=source.remaining(),
        note=f"{problem}into Maildirs, not by SMTP",
        beside=servers_cpu_since(servers),
    )


def _installed(venv: Path, console: Console) -> Path | None:
    """Return the program, which is installed into a virtual environment of its own."""
    python = venv / "bin" / "python"
    steps: list[list[str | Path]] = [
        [sys.executable, "-m", "venv", venv],
        [python, "-m", "pip", "install", "--quiet", "getmail6"],
    ]
    try:
        for step in steps:
            subprocess.run(step, check=True, capture_output=True, timeout=INSTALL_WITHIN)
    except (subprocess.SubprocessError, OSError) as error:
        said = getattr(error, "stderr", None) or str(error).encode()
        last = said.decode("utf-8", "replace").strip().splitlines()[-1:]
        console.print(f"getmail is left out, as it cannot be installed: {' '.join(last)}")
        return None
    return venv / "bin" / "getmail"


def _start(command: Path, home: Path) -> subprocess.Popen[bytes]:
    arguments: Sequence[str | Path] = [
        command.parent / "python",
        command,
        f"--getmaildir={home}",
        "--rcfile=rc",
    ]
    with (home / "output").open("wb") as output:
        return subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)


def _prepared(source: Source, home: Path, name: str) -> Path:
    """A home directory with a configuration for this user: everything fetched, nothing kept, no TLS."""
    folders = [home / "Maildir", *(home / "Maildir" / part for part in ("cur", "new", "tmp"))]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    give_to(MAILBOX_OWNER, home, *folders)
    # As root it delivers for somebody else only.
    user = f"user = {MAILBOX_OWNER}\n" if is_root() else ""
    rc = home / "rc"
    rc.write_text(
        f"""[retriever]
type = SimpleIMAPRetriever
server = {source.dovecot.host}
port = {source.port}
username = {name}
password = {PASSWORD}

[destination]
type = Maildir
path = {home}/Maildir/
{user}
[options]
delete = true
verbose = 0
"""
    )
    rc.chmod(0o600)
    return home
