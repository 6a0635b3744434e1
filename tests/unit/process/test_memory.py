from __future__ import annotations

import gc
import weakref

from shared.process.memory import calm_collector, collector_at_rest
from tests.fakes.collector import collector_restored


class Cycle:
    def __init__(self) -> None:
        self.itself = self


def test_a_calm_collector_lets_lie_what_is_there_already() -> None:
    with collector_restored():
        cycle = weakref.ref(Cycle())
        calm_collector()
        gc.collect()
        assert cycle() is not None
        assert gc.get_threshold() == (50_000, 20, 50)


def test_a_command_inside_of_a_test_leaves_nothing_behind_in_the_worker() -> None:
    before = gc.get_threshold()
    with collector_restored():
        cycle = weakref.ref(Cycle())
        calm_collector()
    gc.collect()
    assert cycle() is None
    assert gc.get_threshold() == before


def test_nothing_is_collected_while_the_collector_is_at_rest() -> None:
    with collector_at_rest():
        assert not gc.isenabled()
    assert gc.isenabled()
