from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from shared.model.errors import ConfigurationError
from shared.runtime import checkpoints
from shared.runtime.checkpoints import arm, reached


class Kills:
    """Counts kills instead of killing."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.fixture
def kills() -> Iterator[Kills]:
    yield Kills()
    arm({})


def test_nothing_happens_where_the_environment_asks_for_nothing(kills: Kills) -> None:
    arm({}, kills)
    reached("fetcher.deleted")
    assert kills.count == 0


def test_the_process_ends_when_it_reaches_the_step(kills: Kills) -> None:
    arm({"MAILFERRY_DIE_AT": "fetcher.deleted"}, kills)
    reached("fetcher.quit")
    assert kills.count == 0
    reached("fetcher.deleted")
    assert kills.count == 1


def test_the_process_ends_when_it_reaches_the_step_for_the_nth_time(kills: Kills) -> None:
    arm({"MAILFERRY_DIE_AT": "relay.data-sent:3"}, kills)
    counts = []
    for _ in range(4):
        reached("relay.data-sent")
        counts.append(kills.count)
    assert counts == [0, 0, 1, 1]


@pytest.mark.parametrize("wanted", [":3", "step:", "step:0", "step:-1", "step:x", "Step", "a b", "step:1:2"])
def test_what_is_no_step_is_refused(wanted: str, kills: Kills) -> None:
    with pytest.raises(ConfigurationError, match="environment variable MAILFERRY_DIE_AT"):
        arm({"MAILFERRY_DIE_AT": wanted}, kills)


def test_a_process_with_a_planned_kill_is_killed_there_and_does_nothing_more() -> None:
    script = (
        "import os, sys\n"
        "from shared.runtime.checkpoints import arm, reached\n"
        "arm(os.environ)\n"
        "for step in ('a', 'b', 'a', 'c'):\n"
        "    print(step, flush=True)\n"
        "    reached(step)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={"MAILFERRY_DIE_AT": "a:2", "PYTHONPATH": "."},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout.split() == [b"a", b"b", b"a"]


def test_nothing_is_read_from_the_environment_at_import() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", f"import {checkpoints.__name__} as c; c.reached('a'); print('alive')"],
        env={"MAILFERRY_DIE_AT": "a", "PYTHONPATH": "."},
        capture_output=True,
        check=True,
    )
    assert ended.stdout == b"alive\n"
