"""What a visit knows from others."""

from __future__ import annotations

from dataclasses import dataclass

from services.fetcher.decide.setbacks import Setbacks
from services.fetcher.window.hints import HintBoard


@dataclass(frozen=True, slots=True)
class Memory:
    """Of all accounts, and of its own."""

    board: HintBoard
    setbacks: Setbacks
