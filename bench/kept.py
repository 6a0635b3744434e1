"""An account with very many kept mails: an empty poll, and one new mail, beside the same in an empty mailbox.

The source is scripted, so that it costs little. Of the kept mails one is carried. The others are entered into
the ledger by SQL, and the state that the last visit left is changed to fit, as if each had come and gone the
same way. The listing of the whole mailbox, once a day, is the last visit.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.ferry import COMMAND
from bench.filling import HASTY
from bench.kept_imap_source import UIDVALIDITY, KeptImapSource
from bench.result import Result
from services.fetcher.decide.unchanged import read_state, remembered, with_remembered
from shared.adapters.sql import upgrade
from shared.adapters.sql.rows import MESSAGE
from shared.imap.folder_state import FolderState, written_states
from shared.model.mailbox import INBOX, numeric_uid
from tests.fakes.background import in_background
from tests.servers.smtp_sink import SmtpSink

FEW, MANY = 0, 1_000_000
POLLS, NEW_MAILS = 50, 10
MEBIBYTE = 1024**2
FILLED = {
    "id": "printf('%026d', number)",
    "uid": "printf('%010d', number)",
    "identity": "printf('%064d', number)",
    "content": "printf('%064d', number)",
    "message_id": "printf('kept.%09d@sender.test', number)",
}
"""What is different in each mail; the rest is as in the one that was carried."""


def kept(sink: SmtpSink, home: Path, console: Console) -> dict[str, Result]:
    """Measure both mailboxes, and print them side by side."""
    found = {count: _measured(count, sink, home / str(count), console) for count in (FEW, MANY)}
    _show(found, console)
    return {
        f"kept {kind} {count}": Result(
            name=f"{what}, {count:,} mails kept",
            mails=1,
            seconds=each[f"{kind} seconds"],
            cpu={"fetcher": each[f"{kind} cpu"]},
            peak={"fetcher": int(each[f"{kind} peak"])},
            left=count,
        )
        for kind, what in (
            ("empty", "an empty poll"),
            ("filled", "a visit with one new mail"),
            ("daily", "the daily listing"),
        )
        for count, each in found.items()
    }


def _measured(count: int, sink: SmtpSink, home: Path, console: Console) -> Mapping[str, float]:
    home.mkdir()
    with in_background(KeptImapSource(min(count, 1))) as source:
        config = home / "mailferry.toml"
        config.write_text(_configuration(home, source.port, sink.port))
        upgrade(f"sqlite:///{home}/mailferry.db")
        for _ in range(2):  # the second visit remembers the mailbox
            command = [str(COMMAND), "once", "-c", str(config)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        if count:
            console.print(f"  {count:,} mails are entered …")
            _fill(home / "mailferry.db", count)
            source.count = count
        process = [sys.executable, "-m", "bench.kept_alone", str(config), str(source.port)]
        ended = subprocess.run([*process, str(POLLS), str(NEW_MAILS)], check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    if (found["empty fetched"], found["filled fetched"], found["daily fetched"]) != (0, NEW_MAILS, 0):
        raise RuntimeError(f"not what was to be measured: {found}")
    return found


def _fill(path: Path, count: int) -> None:
    columns = ", ".join(MESSAGE)
    values = ", ".join(FILLED.get(name, name) for name in MESSAGE)
    numbers = "SELECT 2 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?"
    fill = f"""
        WITH RECURSIVE numbers(number) AS ({numbers})
        INSERT INTO messages ({columns}) SELECT {values} FROM numbers, messages WHERE uid = ?
    """  # noqa: S608 - names of our own table
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (journal_mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        for setting in HASTY:
            connection.execute(f"PRAGMA {setting}")
        connection.execute(fill, (count, numeric_uid(1)))
        ((state,),) = connection.execute("SELECT state FROM accounts").fetchall()
        memory = remembered(state)
        if memory is None:
            raise RuntimeError(f"the mailbox is not remembered: {read_state(state)}")
        fingerprint = written_states({INBOX.folder: FolderState(UIDVALIDITY, count + 1, count)})
        changed = with_remembered(state, memory._replace(fingerprint=fingerprint))
        connection.execute("UPDATE accounts SET state = ?", (changed,))
        connection.execute(f"PRAGMA journal_mode = {journal_mode}")


def _show(found: Mapping[int, Mapping[str, float]], console: Console) -> None:
    table = Table(title="One visit, by the number of kept mails")
    table.add_column("")
    for heading in (f"{FEW:,}", f"{MANY:,}"):
        table.add_column(heading, justify="right")
    for kind, name in (("empty", "empty poll"), ("filled", "one new mail"), ("daily", "whole listing")):
        for what, unit, factor in (
            ("seconds", "ms", 1e3),
            ("cpu", "ms of CPU", 1e3),
            ("peak", "MiB", 1 / MEBIBYTE),
        ):
            values = [found[count][f"{kind} {what}"] * factor for count in (FEW, MANY)]
            table.add_row(f"{name}, {unit}", *(f"{value:.1f}" for value in values))
    console.print(table)


def _configuration(home: Path, port: int, target: int) -> str:
    return f"""
store.url = "sqlite:///{home}/mailferry.db"
blobs.url = "file://{home}/blobs"
broker.url = "memory:"
metrics.listen = ""
fetcher.settle_wait = "5s"
log.level = "error"

[[targets]]
name = "sink"
url = "smtp://127.0.0.1:{target}"
tls = "off"

[[accounts]]
tenant = "bench"
name = "kept"
source = "imap://kept@127.0.0.1:{port}"
password = "throw-away"
tls = "off"
auth = ["user"]
target = "sink"
mailbox = "single"
recipient = "kept@here.test"
retention = "keep"
"""
