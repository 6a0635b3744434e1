"""CPU seconds and peak memory of processes, read from /proc while they run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """`cpu` in seconds, `peak` resident memory in bytes."""

    cpu: float
    peak: int


def usage(pid: int) -> Usage:
    """Of one process, its children, living or ended and awaited, included in the CPU time."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = sum(int(field) for field in fields[11:15]) / TICKS
    children = sum(cpu for _, (parent, _, cpu) in _processes() if parent == pid)
    return Usage(own + children, _status(pid, "VmHWM:"))


def resident(pid: int) -> int:
    """Resident memory of one process now, in bytes."""
    return _status(pid, "VmRSS:")


def group_cpu(group: int) -> float:
    """CPU seconds of all living processes of a process group and their ended children."""
    total = 0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        if int(fields[2]) == group:
            total += sum(int(field) for field in fields[11:15])
    return total / TICKS


def servers_cpu() -> dict[str, float]:
    """CPU seconds, by program, of all that this process has started and that is not Python: the servers
    beside what is measured. What has ended counts for the program that awaited it.
    """
    processes = dict(_processes())
    ours = {os.getpid()}
    while more := {pid for pid, (parent, _, _) in processes.items() if parent in ours} - ours:
        ours |= more
    used: dict[str, float] = {}
    for _, program, cpu in (processes[pid] for pid in ours if pid != os.getpid() and pid in processes):
        if not program.startswith("python"):
            used[program] = used.get(program, 0.0) + cpu
    return used


def servers_cpu_since(before: Mapping[str, float]) -> dict[str, float]:
    """The CPU time of the servers since `before`, from `servers_cpu`."""
    return {program: cpu - before.get(program, 0.0) for program, cpu in servers_cpu().items()}


def wal_octets(url: str) -> int:
    """Octets that a PostgreSQL server has written into its log so far; none where `url` is of SQLite."""
    if not url.startswith("postgresql:"):
        return 0
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')").fetchone()
    assert row is not None
    return int(row[0])


def _processes() -> Iterator[tuple[int, tuple[int, str, float]]]:
    """The parent, program and CPU seconds of all processes, by id."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            program = (entry / "exe").resolve().name
        except OSError:
            continue  # ended meanwhile
        yield int(entry.name), (int(fields[1]), program, sum(int(field) for field in fields[11:15]) / TICKS)


def _status(pid: int, key: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    return 0
