"""The kinds of databases that the store is tested on, and who keeps them."""

from __future__ import annotations

import pytest

KEPT = "sqlite, kept by a process"
HERE = ["sqlite", "postgresql"]
KINDS = [*HERE, KEPT]

open_to_view = pytest.mark.parametrize("database", HERE, indirect=True)
"""For tests that look behind the port: only those stores that are in this process."""
