"""The relay alone: mails that are ready to be delivered, over eight connections to smtp-sink."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

from bench.result import Result
from tests.servers.smtp_sink import SmtpSink

MAILS = 20_000
CONNECTIONS = 8
SMALL = 4096
MEBIBYTE = 1024**2
LARGE = 1024 * MEBIBYTE


def relay_alone(sink: SmtpSink, octets: int) -> Result:
    """One process, from the first event that it takes to the last outcome that it records."""
    return _result(f"relay alone, {CONNECTIONS} connections", _measured(sink, MAILS, octets, CONNECTIONS))


def relay_large(sink: SmtpSink) -> Result:
    """One mail of 1 GiB from a blob; its memory is to be compared with that for a small one."""
    small = _measured(sink, 1, SMALL, 1)
    large = _measured(sink, 1, LARGE, 1)
    more = (large["peak"] - small["peak"]) / MEBIBYTE
    note = f"{more:.1f} MiB more than for a mail of 4 KiB, {LARGE / MEBIBYTE / large['seconds']:.0f} MiB/s"
    return replace(_result("relay alone, one mail of 1 GiB", large), note=note)


def _measured(sink: SmtpSink, mails: int, octets: int, connections: int) -> dict[str, float]:
    arguments = map(str, (sink.port, mails, octets, connections))
    command = [sys.executable, "-m", "bench.relay_alone", *arguments]
    taken: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return taken


def _result(name: str, taken: dict[str, float]) -> Result:
    return Result(
        name=name,
        mails=int(taken["mails"]),
        seconds=taken["seconds"],
        cpu={"relay": taken["cpu"]},
        peak={"relay": int(taken["peak"])},
    )
