"""The table of `make bench` on a terminal of 80 columns."""

from __future__ import annotations

import io

from rich.console import Console

from bench.report import show
from bench.result import Result


def test_each_measurement_fits_into_80_columns_and_names_what_it_took_below() -> None:
    servers = {"dovecot": 0.5, "smtp-sink": 0.25, "beam.smp": 0.1, "postgres": 0.2}
    processes = ("mailferry.fetcher", "mailferry.router", "mailferry.relay")
    results = [
        Result("10 fetchmails at a time, POP3, 20 ms away", 5000, 10.0),
        Result(
            "mailferry fetcher, router, relay",
            5000,
            2.5,
            cpu=dict.fromkeys(processes, 1.0),
            peak=dict.fromkeys(processes, 80 * 1024 * 1024),
            note="x " * 60,
            beside=servers,
        ),
    ]
    written = io.StringIO()
    show(results, results[0], Console(file=written, width=80, force_terminal=False))
    lines = written.getvalue().splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[2].split() == ["Mails", "Seconds", "Mails/s", "Ratio", "Left", "Program"]
    assert lines[4].split()[:5] == ["5000", "2.50", "2000", "4.00", "0"]
    text = " ".join(" ".join(lines).split())
    assert "CPU per mail in µs: mailferry.fetcher 200, mailferry.router 200, mailferry.relay 200" in text
    assert "peak in MiB: mailferry.fetcher 80" in text
    assert "servers beside it, CPU per mail in µs: dovecot 100" in text
