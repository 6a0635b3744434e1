"""The results as a table for the terminal and as a JSON file."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from bench.result import Result
from services.cli.output import Column, print_noted

MEBIBYTE = 1024 * 1024
LEAST = 5.0


COLUMNS = (
    Column("mails", "Mails", number=True, whole=True),
    Column("seconds", "Seconds", number=True, whole=True),
    Column("rate", "Mails/s", number=True, whole=True),
    Column("ratio", "Ratio", number=True, whole=True),
    Column("left", "Left", number=True, whole=True),
    Column("program", "Program", whole=True),
)


def show(results: Sequence[Result], reference: Result, console: Console) -> None:
    """Print a line for each result, and what its processes took below it; ratios are to `reference`."""
    console.print(f"{os.cpu_count()} cores, all servers beside; ratio to: {reference.name}", soft_wrap=True)
    console.print()
    print_noted(console, [_row(each, reference) for each in results], COLUMNS, "took")


def _row(result: Result, reference: Result) -> Mapping[str, object]:
    return {
        "mails": result.mails,
        "seconds": f"{result.seconds:.2f}",
        "rate": f"{result.rate:.0f}",
        "ratio": f"{result.rate / reference.rate:.2f}" if reference.rate else None,
        "left": result.left,
        "program": result.name,
        "took": "\n".join(_took(result)),
    }


def _took(result: Result) -> Iterator[str]:
    """Yield what is to be said below the numbers."""
    if result.cpu:
        cpu = (f"{name} {seconds * 1e6:.0f}" for name, seconds in result.cpu_per_mail.items())
        yield f"CPU per mail in µs: {', '.join(cpu)}"
    if result.peak:
        peak = (f"{name} {octets / MEBIBYTE:.0f}" for name, octets in result.peak.items())
        yield f"peak in MiB: {', '.join(peak)}"
    if shares := _shares(result):
        yield f"servers beside it, CPU per mail in µs: {shares}"
    if result.wal:
        yield f"PostgreSQL's log in octets per mail: {result.wal / max(1, result.mails):.0f}"
    if result.note:
        yield result.note


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
