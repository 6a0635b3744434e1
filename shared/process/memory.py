"""The garbage collector of a process that makes many short-lived values and hardly any cycles."""

from __future__ import annotations

import gc

YOUNG = 50_000
MIDDLE = 20
OLD = 50


def calm_collector() -> None:
    """Take what was made at start-up out of the collector's sight, and have it look less often.

    With its usual thresholds it takes a tenth of the time for each mail, to find nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
