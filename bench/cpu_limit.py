"""A limit of processor time for processes, by a control group of Linux (version 1 or 2)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

PERIOD = 100_000
"""Microseconds. Kubernetes' own: within each period a process may run for its share of it."""
ROOT = Path("/sys/fs/cgroup")


class NoCpuLimits(Exception):
    """This machine lets us make no control groups."""


class Throttling(NamedTuple):
    """Periods in which the process ran, and those in which it had to stop as its share was used up."""

    periods: int
    throttled: int

    def since(self, before: Throttling) -> Throttling:
        """Return what came after `before`."""
        return Throttling(self.periods - before.periods, self.throttled - before.throttled)


class CpuLimit:
    """A control group whose processes together get `share` of one core."""

    def __init__(self, group: Path) -> None:
        self._group = group

    def add(self, process: int) -> None:
        """Put a process into it, with all of its threads."""
        (self._group / "cgroup.procs").write_text(str(process))

    def throttling(self) -> Throttling:
        """Return what it has counted so far."""
        counted = dict(line.split() for line in (self._group / "cpu.stat").read_text().splitlines())
        return Throttling(int(counted["nr_periods"]), int(counted["nr_throttled"]))


@contextmanager
def cpu_limit(name: str, share: float) -> Iterator[CpuLimit]:
    """Make a group, and remove it when its processes have ended. Raises `NoCpuLimits`."""
    parent, limit = (
        ROOT / "cpu",
        {"cpu.cfs_period_us": str(PERIOD), "cpu.cfs_quota_us": f"{share * PERIOD:.0f}"},
    )
    if (ROOT / "cgroup.controllers").exists():
        parent, limit = ROOT, {"cpu.max": f"{share * PERIOD:.0f} {PERIOD}"}
    group = parent / f"mailferry-bench-{os.getpid()}-{name}"
    try:
        group.mkdir()
    except OSError as error:
        raise NoCpuLimits(f"{group} cannot be made: {error.strerror}") from error
    try:
        for key, value in limit.items():
            (group / key).write_text(value)
        yield CpuLimit(group)
    except FileNotFoundError as error:
        raise NoCpuLimits(f"{error.filename} is missing: there is no controller for processors") from error
    finally:
        group.rmdir()
