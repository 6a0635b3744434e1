"""What a visit knows from others."""

from __future__ import annotations

from dataclasses import dataclass

from services.fetcher.decide.read_failures import ReadFailures
from services.fetcher.flow_control.settlement_tracker import SettlementTracker


@dataclass(frozen=True, slots=True)
class Memory:
    """Of all accounts, and of its own."""

    board: SettlementTracker
    setbacks: ReadFailures
