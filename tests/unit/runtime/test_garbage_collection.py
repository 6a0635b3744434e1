from __future__ import annotations

import gc
import weakref
from unittest.mock import patch

from shared.runtime.garbage_collection import calm_collector, collector_at_rest
from tests.fakes.collector import collector_kept


class Cycle:
    def __init__(self) -> None:
        self.itself = self


def test_a_calm_collector_lets_lie_what_is_there_and_looks_seldom() -> None:
    with collector_kept(), patch.object(gc, "freeze") as freeze:
        calm_collector()
        freeze.assert_called_once_with()
        assert gc.get_threshold() == (50_000, 20, 50)


def test_a_command_within_a_test_leaves_nothing_behind_in_the_worker() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    cycle = weakref.ref(Cycle())
    with collector_kept():
        calm_collector()
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, frozen)
    gc.collect()
    assert cycle() is None


def test_nothing_is_collected_while_the_collector_is_at_rest() -> None:
    with collector_at_rest():
        assert not gc.isenabled()
    assert gc.isenabled()
