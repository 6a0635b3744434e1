"""The router's decision alone: the headers of real mails, parsed and decided upon, by CPU time.

The corpus of the tests is taken in turn, each mail of it as often as every other, for a catch-all mailbox
whose domain it is not for: all evidence is looked at, which is the slowest way.
"""

from __future__ import annotations

import time
from pathlib import Path

from bench.result import Result
from services.router.resolving.analysis import analyse_header
from tests.fakes.mails import CORPUS, account

ROUNDS = 40
BEST_OF = 5
NOW = 1_700_000_000.0


def headers() -> Result | None:
    """The best rate of some runs on one core; None without the corpus."""
    mails = [path.read_bytes() for path in _corpus()]
    if not mails:
        return None
    _analyse_all(mails, 2)
    seconds = min(_analyse_all(mails, ROUNDS) for _ in range(BEST_OF))
    return Result(
        name="headers, parsed and decided upon",
        mails=ROUNDS * len(mails),
        seconds=seconds,
        cpu={"router": seconds},
        note=f"headers of {len(mails)} real mails, per second of CPU time",
    )


def _corpus() -> list[Path]:
    return sorted(path for path in CORPUS.glob("*/*") if path.suffix in {".eml", ".msg"})


def _analyse_all(mails: list[bytes], rounds: int) -> float:
    collected = account()
    started = time.process_time()
    for _ in range(rounds):
        for raw in mails:
            analyse_header(raw, collected, NOW)
    return time.process_time() - started
