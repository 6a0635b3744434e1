"""The kinds of databases that the store is tested on, and who keeps them."""

from __future__ import annotations

import pytest

IN_THE_LOOP = "sqlite, written in the event loop"
KEPT = "sqlite, kept by a process"
HERE = ["sqlite", IN_THE_LOOP, "postgresql"]
KINDS = [*HERE, KEPT]

open_to_view = pytest.mark.parametrize("database", HERE, indirect=True)
"""For tests that look behind the port: only those stores that are in this process."""
