"""fetchmail, one process for all accounts, or one for each."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from bench.result import Result
from bench.source import PASSWORD, Source
from bench.usage import servers_cpu, servers_cpu_since
from tests.servers.smtp_sink import SmtpSink

DEADLINE = 600.0


def one_fetchmail(source: Source, sink: SmtpSink, directory: Path) -> Result:
    """One process that polls one account after the other."""
    return _measure(
        "1 fetchmail, all accounts", source, sink, [_prepared(source, sink, directory, source.names)]
    )


def parallel_fetchmails(source: Source, sink: SmtpSink, directory: Path) -> Result:
    """A process for each account, all at once."""
    homes = [_prepared(source, sink, directory, [name]) for name in source.names]
    return _measure(f"{len(homes)} fetchmails at once{_kind(source)}", source, sink, homes)


def _kind(source: Source) -> str:
    return "" if source.protocol == "pop3" else f", {source.protocol.upper()}"


def _measure(name: str, source: Source, sink: SmtpSink, homes: Sequence[Path]) -> Result:
    before, servers = sink.count(), servers_cpu()
    started = time.perf_counter()
    children = [_start(home) for home in homes]
    cpu, peak, codes = 0.0, 0, []
    for child in children:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        codes.append(child.returncode)
        cpu += used.ru_utime + used.ru_stime
        peak = max(peak, used.ru_maxrss * 1024)
    seconds = time.perf_counter() - started
    return Result(
        name=name,
        mails=sink.count() - before,
        seconds=seconds,
        cpu={"fetchmail": cpu},
        peak={"fetchmail (largest)": peak},
        left=source.remaining(),
        note="" if not any(codes) else f"exit codes {sorted(set(codes))}",
        beside=servers_cpu_since(servers),
    )


def _start(home: Path) -> subprocess.Popen[bytes]:
    command = ["fetchmail", "--silent", "--nosyslog", "-f", str(home / "rc"), "--pidfile", str(home / "pid")]
    with (home / "output").open("wb") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "FETCHMAILHOME": str(home), "HOME": str(home)},
        )


def _prepared(source: Source, sink: SmtpSink, directory: Path, names: Sequence[str]) -> Path:
    """A home directory with a configuration for these users: everything fetched, nothing kept, no TLS."""
    home = directory / f"fetchmail-{source.protocol}-{'-'.join(names[:1])}-{len(names)}"
    home.mkdir(exist_ok=True)
    server = f"127.0.0.1 protocol {source.protocol} port {source.port} auth password"
    lines = [
        f'poll {server} user "{name}" password "{PASSWORD}" is "{name}@here.test" here '
        f'smtphost "127.0.0.1/{sink.port}" sslproto "" fetchall no keep no rewrite'
        for name in names
    ]
    rc = home / "rc"
    rc.write_text("\n".join(["set no bouncemail", *lines]) + "\n")
    rc.chmod(0o600)
    return home
