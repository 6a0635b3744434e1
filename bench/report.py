"""The results as a table for the terminal and as a JSON file."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.result import Result

MEBIBYTE = 1024 * 1024
LEAST = 5.0


def show(results: Sequence[Result], reference: Result, console: Console) -> None:
    """Print a row for each result; ratios are to `reference`."""
    table = Table(title=f"{os.cpu_count()} cores, all servers beside; ratio to: {reference.name}")
    table.add_column("program")
    for heading in ("mails", "seconds", "mails/s", "ratio", "CPU per mail (µs)", "peak MiB", "left"):
        table.add_column(heading, justify="right")
    for each in results:
        table.add_row(
            each.name,
            str(each.mails),
            f"{each.seconds:.2f}",
            f"{each.rate:.0f}",
            f"{each.rate / reference.rate:.2f}" if reference.rate else "–",
            "\n".join(f"{name} {cpu * 1e6:.0f}" for name, cpu in each.cpu_per_mail.items()),
            "\n".join(f"{name} {peak / MEBIBYTE:.0f}" for name, peak in each.peak.items()),
            str(each.left),
        )
    console.print(table)
    for each in results:
        if each.note:
            console.print(f"{each.name}: {each.note}")
        if each.beside:
            console.print(f"{each.name}: servers beside it took {_shares(each)} µs CPU per mail")


def _shares(result: Result) -> str:
    """The CPU time of each server per mail, the most first, without negligible ones."""
    shares = {program: cpu * 1e6 / max(1, result.mails) for program, cpu in result.beside.items()}
    ordered = sorted(shares.items(), key=lambda share: -share[1])
    return ", ".join(f"{program} {share:.0f}" for program, share in ordered if share >= LEAST)


def write(results: Sequence[Result], path: Path) -> None:
    """Write everything measured to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    report = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "results": [{**asdict(each), "rate": each.rate} for each in results],
    }
    path.write_text(json.dumps(report, indent=2) + "\n")
