"""The relay alone: mails that are ready to be delivered, over eight connections to smtp-sink."""

from __future__ import annotations

import json
import subprocess
import sys

from bench.result import Result
from tests.servers.smtp_sink import SmtpSink

MAILS = 20_000
CONNECTIONS = 8


def relay_alone(sink: SmtpSink, octets: int) -> Result:
    """One process, from the first event that it takes to the last outcome that it records."""
    arguments = map(str, (sink.port, MAILS, octets, CONNECTIONS))
    command = [sys.executable, "-m", "bench.relay_alone", *arguments]
    taken = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return Result(
        name=f"relay alone, {CONNECTIONS} connections",
        mails=int(taken["mails"]),
        seconds=taken["seconds"],
        cpu={"relay": taken["cpu"]},
        peak={"relay": int(taken["peak"])},
    )
