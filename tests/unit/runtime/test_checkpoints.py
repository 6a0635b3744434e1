from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from shared.model.errors import ConfigurationError
from shared.runtime import checkpoints
from shared.runtime.checkpoints import arm, reached


class Deaths:
    """Counts instead of dying."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.fixture
def deaths() -> Iterator[Deaths]:
    yield Deaths()
    arm({})


def test_nothing_happens_where_the_environment_asks_for_nothing(deaths: Deaths) -> None:
    arm({}, deaths)
    reached("fetcher.deleted")
    assert deaths.count == 0


def test_the_process_ends_when_it_passes_the_step(deaths: Deaths) -> None:
    arm({"MAILFERRY_DIE_AT": "fetcher.deleted"}, deaths)
    reached("fetcher.quit")
    assert deaths.count == 0
    reached("fetcher.deleted")
    assert deaths.count == 1


def test_the_process_ends_when_it_passes_the_step_for_the_nth_time(deaths: Deaths) -> None:
    arm({"MAILFERRY_DIE_AT": "relay.data-sent:3"}, deaths)
    passings = []
    for _ in range(4):
        reached("relay.data-sent")
        passings.append(deaths.count)
    assert passings == [0, 0, 1, 1]


@pytest.mark.parametrize("wanted", [":3", "step:", "step:0", "step:-1", "step:x", "Step", "a b", "step:1:2"])
def test_what_is_no_step_is_refused(wanted: str, deaths: Deaths) -> None:
    with pytest.raises(ConfigurationError, match="environment variable MAILFERRY_DIE_AT"):
        arm({"MAILFERRY_DIE_AT": wanted}, deaths)


def test_a_process_that_is_told_to_die_at_a_step_is_killed_there_and_does_nothing_more() -> None:
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
