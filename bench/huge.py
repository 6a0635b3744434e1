"""A mail of 1 GiB through the fetcher: how much more memory it takes than a session without mail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bench.huge_source import PASSWORD, USER, HugeSource
from bench.result import Result
from tests.fakes.background import in_background

OCTETS = 1024**3
MEBIBYTE = 1024**2
ALLOWED = 64 * MEBIBYTE


def huge_mail(directory: Path, octets: int = OCTETS) -> Result:
    """One process without mail, and one with the mail, from the first command to the end of the visit."""
    empty, full = (_measured(directory / name, size) for name, size in (("empty", 0), ("full", octets)))
    more = full["peak"] - empty["peak"]
    verdict = "allowed" if more <= ALLOWED else "TOO MUCH"
    speed = full["octets"] / MEBIBYTE / full["seconds"]
    return Result(
        name=f"fetcher alone, one mail of {octets // MEBIBYTE} MiB",
        mails=int(full["octets"] == octets),
        seconds=full["seconds"],
        cpu={"fetcher": full["cpu"]},
        peak={"without mail": int(empty["peak"]), "with it": int(full["peak"])},
        left=0,
        note=f"{more / MEBIBYTE:.1f} MiB more than without mail ({verdict}), {speed:.0f} MiB/s",
    )


def _measured(home: Path, octets: int) -> dict[str, float]:
    home.mkdir()
    with in_background(HugeSource(octets)) as source:
        config = home / "mailferry.toml"
        config.write_text(_configuration(home, source.port))
        command = [sys.executable, "-m", "bench.huge_alone", str(config)]
        ended = subprocess.run(command, check=True, capture_output=True)
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found


def _configuration(home: Path, port: int) -> str:
    return f"""
store.url = "sqlite:///{home}/mailferry.db"
blobs.url = "file://{home}/blobs"
metrics.listen = ""
fetcher.settle_wait = "0s"

[[targets]]
name = "nowhere"
url = "smtp://127.0.0.1:9"
tls = "off"

[[accounts]]
tenant = "bench"
name = "huge"
source = "pop3://{USER}@127.0.0.1:{port}"
password = "{PASSWORD}"
tls = "off"
auth = ["user"]
target = "nowhere"
mailbox = "single"
recipient = "huge@here.test"
"""
