"""The process that `bench.kept` measures: a real fetcher, alone, that visits one account again and again.

`python -m bench.kept_alone FILE PORT POLLS MAILS` visits the account of the configuration FILE: once to warm
up, POLLS times when nothing came, MAILS times when one mail came, which it asks the source at PORT for, and
once when the whole mailbox is listed, as it is each day.
It writes what each took as JSON. Nobody routes what it fetches.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import uvloop

from bench.usage import usage
from services.fetcher.build import build_fetcher
from services.fetcher.service import Fetcher
from shared.config import Configuration, load
from shared.runtime.garbage_collection import tune_garbage_collector
from shared.runtime.opening import open_runtime


async def _visits(configuration: Configuration, port: int, polls: int, mails: int) -> dict[str, float]:
    async with open_runtime(configuration) as around:
        fetcher = build_fetcher(configuration, around, name="kept")
        names = list(configuration.accounts)
        first = await _measured(fetcher, names, 1, lambda: None)
        empty = await _measured(fetcher, names, polls, lambda: None)
        filled = await _measured(fetcher, names, mails, lambda: _add_mail(port))
        daily = await _measured(fetcher, names, 1, lambda: _forget(configuration))
    found = {"first": first, "empty": empty, "filled": filled, "daily": daily}
    return {f"{name} {what}": value for name, each in found.items() for what, value in each.items()}


async def _measured(
    fetcher: Fetcher, names: list[str], times: int, prepare: Callable[[], None]
) -> dict[str, float]:
    seconds = cpu = 0.0
    fetched = 0
    for _ in range(times):
        prepare()
        at, used = time.perf_counter(), _cpu()
        visits = await fetcher.visit_once(names)
        seconds, cpu = seconds + time.perf_counter() - at, cpu + _cpu() - used
        for visit in visits.values():
            if visit.report.failed:
                raise RuntimeError(f"a visit failed: {visit.report.problem}")
            fetched += visit.report.fetched
    # Not what `getrusage` says: that begins with the peak of the process which started this one.
    peak = usage(os.getpid()).peak
    return {"seconds": seconds / times, "cpu": cpu / times, "peak": peak, "fetched": fetched}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _add_mail(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.recv(1000)
        connection.sendall(b"a ADD\r\n")
        connection.recv(1000)


def _forget(configuration: Configuration) -> None:
    """Forget that the mailbox is unchanged, as a visit does after a day."""
    path = configuration.store.sqlite_path
    if path is None:
        raise RuntimeError("the store is no SQLite file")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE accounts SET state = NULL")


def main() -> None:
    """Make the visits, and print what they took."""
    configuration = load(Path(sys.argv[1]), os.environ)
    port, polls, mails = map(int, sys.argv[2:])
    tune_garbage_collector()
    sys.stdout.write(json.dumps(uvloop.run(_visits(configuration, port, polls, mails))) + "\n")


if __name__ == "__main__":
    main()
