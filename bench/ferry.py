"""Mailferry: embedded for one pass and as a service, and distributed over three processes."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.result import Result
from bench.source import PASSWORD, Source
from bench.usage import Usage, servers_cpu, servers_cpu_since, usage, wal_octets
from tests.servers.ports import free_port, greets
from tests.servers.process import eventually
from tests.servers.smtp_sink import SmtpSink

COMMAND = Path(__file__).parent.parent / ".venv/bin/mailferry"
DEADLINE = 300.0
SERVICES = ("router", "relay", "fetcher")
"""In the order of their start: the fetcher, which gives the others work, comes last."""


class BenchError(Exception):
    """A program under test did not do its work."""


def embedded(source: Source, sink: SmtpSink, directory: Path, store_url: str | None = None) -> Result:
    """`mailferry once`: in-process broker, SQLite, from the start of the process to its end."""
    home = directory / f"embedded-{source.protocol}"
    home.mkdir()
    store = store_url or f"sqlite:///{home}/mailferry.db"
    config = configured(source, sink, home, {"broker": "memory:", "store": store})
    upgrade(config)
    before, servers = sink.count(), servers_cpu()
    started = time.perf_counter()
    child = _start(["once", "-c", str(config)], home / "once.log")
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return Result(
        name=f"mailferry once ({_kind(source)})",
        mails=sink.count() - before,
        seconds=time.perf_counter() - started,
        cpu={"mailferry": used.ru_utime + used.ru_stime},
        peak={"mailferry": used.ru_maxrss * 1024},
        left=source.remaining(),
        note="" if child.returncode == 0 else f"exit code {child.returncode}, see {home}/once.log",
        beside=servers_cpu_since(servers),
    )


def _kind(source: Source) -> str:
    return "embedded" if source.protocol == "pop3" else f"embedded, {source.protocol.upper()}"


def standing(source: Source, sink: SmtpSink, directory: Path) -> Result:
    """`mailferry run`: with in-process broker and SQLite, from when it is ready."""
    home = directory / f"standing-{source.protocol}"
    urls = {"broker": "memory:", "store": f"sqlite:///{home}/mailferry.db"}
    return _from_ready(f"mailferry run ({_kind(source)})", ("run",), source, sink, home, urls)


def distributed(source: Source, sink: SmtpSink, directory: Path, broker_url: str, store_url: str) -> Result:
    """Fetcher, router and relay over RabbitMQ and PostgreSQL, from when all three are ready."""
    urls = {"broker": broker_url, "store": store_url}
    home = directory / "distributed"
    return _from_ready("mailferry, three processes", SERVICES, source, sink, home, urls)


def _from_ready(
    name: str,
    services: Sequence[str],
    source: Source,
    sink: SmtpSink,
    home: Path,
    urls: Mapping[str, str],
) -> Result:
    """From the moment when all services are ready to the last deletion.

    Services run for months, so their start counts neither as time nor as CPU; what was delivered by then does
    not count either.
    """
    home.mkdir()
    config = configured(source, sink, home, urls)
    upgrade(config)
    before = sink.count()
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for service in services:
            children[service] = start_service(service, config, home)
        servers, log = servers_cpu(), wal_octets(urls["store"])
        started, at_start = time.perf_counter(), _used(children)
        early = sink.count() - before
        await_delivery(source, sink, before)
        seconds = time.perf_counter() - started
        used, beside = _used(children), servers_cpu_since(servers)
        wal = wal_octets(urls["store"]) - log
    finally:
        codes = ended(children)
    return Result(
        name=name,
        mails=sink.count() - before - early,
        seconds=seconds,
        cpu={name: used[name].cpu - at_start[name].cpu for name in used},
        peak={name: each.peak for name, each in used.items()},
        left=source.remaining(),
        note="" if not any(codes) else f"exit codes {codes}",
        beside=beside,
        wal=wal,
    )


@contextmanager
def working(
    command: str,
    source: Source,
    sink: SmtpSink,
    home: Path,
    urls: Mapping[str, str],
    environment: Mapping[str, str],
    defaults: Sequence[str] = (),
) -> Iterator[int]:
    """Run a Mailferry process, and yield its id. `defaults` are lines for all accounts."""
    home.mkdir()
    config = configured(source, sink, home, urls, defaults)
    upgrade(config)
    child = _start([command, "-c", str(config)], home / f"{command}.log", environment)
    try:
        yield child.pid
    finally:
        ended({command: child})


def upgrade(config: Path) -> None:
    """Create the schema, and apply the file to the registry: services apart read accounts only from there.

    This happens once in a database's life, and so is not measured.
    """
    for command in (["db", "upgrade"], ["apply"]):
        subprocess.run([COMMAND, *command, "-c", config], check=True, stdout=subprocess.DEVNULL)


def await_delivery(source: Source, sink: SmtpSink, before: int) -> None:
    """Wait until all mails are at the sink and have left the source. Raises `BenchError`."""
    delivered = eventually(lambda: sink.count() - before >= source.total, DEADLINE)
    if not delivered or not eventually(lambda: source.remaining() == 0, DEADLINE):
        raise BenchError(f"{sink.count() - before} of {source.total} mails were delivered in time")


def start_service(service: str, config: Path, home: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Start a service, and return when it is ready. Raises `BenchError`."""
    port = free_port()
    environment["MAILFERRY_METRICS__LISTEN"] = f"127.0.0.1:{port}"
    child = _start([service, "-c", str(config)], home / f"{service}.log", environment)
    ready = b"HTTP/1.1 200"
    asked = b"GET /readyz HTTP/1.1\r\n\r\n"
    if not eventually(lambda: greets(port, ready, says=asked), 30.0):
        raise BenchError(f"the {service} was not ready in time, see {home}/{service}.log")
    return child


def _used(children: Mapping[str, subprocess.Popen[bytes]]) -> dict[str, Usage]:
    return {name: usage(child.pid) for name, child in children.items()}


def _start(
    arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            [COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )


def ended(children: Mapping[str, subprocess.Popen[bytes]]) -> list[int]:
    """Stop processes, and return their exit codes."""
    for child in children.values():
        child.send_signal(signal.SIGTERM)
    return [child.wait(60) for child in children.values()]


def configured(
    source: Source, sink: SmtpSink, home: Path, urls: Mapping[str, str], defaults: Sequence[str] = ()
) -> Path:
    """Write the configuration of a run with these servers, and return its path."""
    lines = [f'[{section}]\nurl = "{url}"' for section, url in urls.items()]
    lines += [
        f'[blobs]\nurl = "file://{home}/blobs"',
        f'[secrets]\nkey_file = "{secrets_key(home)}"',
        '[metrics]\nlisten = ""',
        '[control]\nlisten = ""',
        "[fetcher]\nhost_connections = 0\nconcurrency = 100",
        '[log]\nlevel = "warning"',
        f'[[targets]]\nname = "sink"\nurl = "smtp://127.0.0.1:{sink.port}"\ntls = "off"',
        '[defaults]\nauth = ["user"]\ntarget = "sink"\nmailbox = "single"',
        *_tls(source),
        *defaults,
        f'password = "{PASSWORD}"',
    ]
    lines += [
        f'[[accounts]]\ntenant = "bench"\nname = "{name}"\nrecipient = "{name}@here.test"\n'
        f'source = "{source.scheme}://{name}@127.0.0.1:{source.port}"'
        for name in source.names
    ]
    config = home / "mailferry.toml"
    config.write_text("\n".join(lines) + "\n")
    return config


def secrets_key(home: Path) -> Path:
    """Return a file with a key for sealed secrets, which a database on a server does not bring along."""
    path = home / "secrets.key"
    path.touch(mode=0o600)
    path.write_text(base64.b64encode(bytes(range(32))).decode())
    return path


def _tls(source: Source) -> tuple[str, ...]:
    if source.tls:
        return ('tls = "required"', f'ca_file = "{source.dovecot.certificate.chain}"')
    return ('tls = "off"',)


def output_of(*arguments: str) -> str:
    """Run a command to its end; return what it wrote. Raises `BenchError`."""
    done = subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    if done.returncode != 0:
        raise BenchError(f"{' '.join(arguments)}: {done.stderr[-2000:]}")
    return done.stdout
