"""A mail of 1 GiB through the fetcher, by POP3 and in parts by IMAP: how much more memory it takes than a
session without mail.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bench.huge_imap_source import HugeImapSource
from bench.huge_source import PASSWORD, USER, HugeSource
from bench.result import Result
from tests.fakes.background import in_background

OCTETS = 1024**3
MEBIBYTE = 1024**2
ALLOWED = 64 * MEBIBYTE
ALLOWED_IN_PARTS = 10 * MEBIBYTE


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


def huge_mail_in_parts(directory: Path, octets: int = OCTETS) -> Result:
    """The same by IMAP, in parts, from a server that hangs up twice in the middle of the mail."""
    cuts = [octets // 3, 2 * octets // 3]
    empty, full = (
        _measured_by_imap(directory / name, size, cuts) for name, size in (("no-mail", 0), ("parts", octets))
    )
    more = full["peak"] - empty["peak"]
    is_whole = full["octets"] == octets and not full["cuts left"]
    verdict = "allowed" if more <= ALLOWED_IN_PARTS else "TOO MUCH"
    speed = full["octets"] / MEBIBYTE / full["seconds"]
    return Result(
        name=f"fetcher alone, one mail of {octets // MEBIBYTE} MiB by IMAP, cut twice",
        mails=int(is_whole),
        seconds=full["seconds"],
        cpu={"fetcher": full["cpu"]},
        peak={"without mail": int(empty["peak"]), "with it": int(full["peak"])},
        left=0,
        note=f"{more / MEBIBYTE:.1f} MiB more than without mail ({verdict}), {speed:.0f} MiB/s",
    )


def _measured(home: Path, octets: int) -> dict[str, float]:
    with in_background(HugeSource(octets)) as source:
        return _visited(home, f"pop3://{USER}@127.0.0.1:{source.port}")


def _measured_by_imap(home: Path, octets: int, cuts: list[int]) -> dict[str, float]:
    with in_background(HugeImapSource(octets, cuts)) as source:
        found = _visited(home, f"imap://{USER}@127.0.0.1:{source.port}")
        return {**found, "cuts left": source.cuts_left}


def _visited(home: Path, source: str) -> dict[str, float]:
    home.mkdir()
    config = home / "mailferry.toml"
    config.write_text(_configuration(home, source))
    command = [sys.executable, "-m", "bench.huge_alone", str(config)]
    ended = subprocess.run(command, check=True, capture_output=True)
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found


def _configuration(home: Path, source: str) -> str:
    return f"""
store.url = "sqlite:///{home}/mailferry.db"
blobs.url = "file://{home}/blobs"
metrics.listen = ""
control.listen = ""
fetcher.settle_wait = "0s"

[[targets]]
name = "nowhere"
url = "smtp://127.0.0.1:9"
tls = "off"

[[accounts]]
tenant = "bench"
name = "huge"
source = "{source}"
password = "{PASSWORD}"
tls = "off"
auth = ["user"]
target = "nowhere"
mailbox = "single"
recipient = "huge@here.test"
"""
