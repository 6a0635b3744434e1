from __future__ import annotations

import gc
import weakref
from unittest.mock import patch

from shared.runtime.garbage_collection import garbage_collector_paused, tune_garbage_collector
from tests.fakes.collector import garbage_collector_restored


class Cycle:
    def __init__(self) -> None:
        self.itself = self


def test_a_tuned_collector_ignores_present_objects_and_collects_seldom() -> None:
    with garbage_collector_restored(), patch.object(gc, "freeze") as freeze:
        tune_garbage_collector()
        freeze.assert_called_once_with()
        assert gc.get_threshold() == (50_000, 20, 50)


def test_a_command_within_a_test_leaves_nothing_behind_in_the_worker() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    cycle = weakref.ref(Cycle())
    with garbage_collector_restored():
        tune_garbage_collector()
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, frozen)
    gc.collect()
    assert cycle() is None


def test_nothing_is_collected_while_the_collector_is_paused() -> None:
    with garbage_collector_paused():
        assert not gc.isenabled()
    assert gc.isenabled()
