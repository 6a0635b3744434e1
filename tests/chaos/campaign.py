"""Rounds of evil, with mail arriving all the time; after some of them everything has to come to rest.

The same seed makes the same rounds; what happens within them is up to two cores and the real servers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.chaos.evidence import keep_evidence
from tests.chaos.evils import EVILS, SECONDS
from tests.chaos.mails import Post
from tests.chaos.stage import CANARY, SERVICES, Stage
from tests.servers.process import eventually

BETWEEN_RESTS = 10
REST = 120.0
MOST_MAILS = 12

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: how many rounds and mails, how many copies too many, how many counted doubts."""

    rounds: int
    mails: int
    copies_too_many: int
    doubts: int

    def __str__(self) -> str:
        return (
            f"{self.rounds} rounds, {self.mails} mails: none lost, {self.copies_too_many} copies too many, "
            f"{self.doubts} attempts counted as in doubt"
        )


def campaign(stage: Stage, seed: int, rounds: Sequence[str], tell: Tell) -> Outcome:
    """Play these evils, one in each round. Raises AssertionError where a promise is broken; what is known of
    that then is kept.
    """
    try:
        return _played(stage, seed, rounds, tell)
    except AssertionError:
        tell(f"     a promise is broken; what is known of it: {keep_evidence(stage)}")
        raise


def _played(stage: Stage, seed: int, rounds: Sequence[str], tell: Tell) -> Outcome:
    random = Random(seed)
    post = Post(random)
    for name in SERVICES:
        stage.start(name)
    for number, evil in enumerate(rounds, 1):
        tell(f"{number:4} {_round(stage, post, random, evil)}")
        if number % BETWEEN_RESTS == 0 or number == len(rounds):
            come_to_rest(stage, post, tell)
    copies_too_many, doubts = post.check(stage)
    _journal_agrees(stage)
    assert CANARY not in stage.logs()
    return Outcome(len(rounds), len(post.sent), copies_too_many, doubts)


def chosen(seed: int, rounds: int) -> list[str]:
    """The evils of so many rounds."""
    random = Random(seed)
    return [random.choice([*EVILS]) for _ in range(rounds)]


def _round(stage: Stage, post: Post, random: Random, evil: str) -> str:
    """Returns in words what was done."""
    post.send(stage, random.randint(1, MOST_MAILS))
    _let_pass(random.random())
    with EVILS[evil](stage, random) as done:
        post.send(stage, random.randint(0, MOST_MAILS))
        _let_pass(max(SECONDS.get(evil, 0.0), random.random() * 2))
    return done


def _let_pass(seconds: float) -> None:
    """Chance decides how far everything has come; nothing waits for anything here."""
    time.sleep(seconds)


def come_to_rest(stage: Stage, post: Post, tell: Tell) -> None:
    """Wait until nothing is left to do."""
    begun = time.monotonic()
    quiet = eventually(lambda: not stage.running() or (stage.left() == 0 and not post.missing(stage)), REST)
    crashed = {
        name: process.output[-3000:] for name, process in stage.processes.items() if not process.running
    }
    assert crashed == {}, crashed
    assert quiet, (
        f"{stage.left()} mails are left at their sources; missing: {sorted(post.missing(stage))[:20]}"
    )
    post.check(stage)
    tell(f"     all is well after {time.monotonic() - begun:.1f} s: {len(post.sent)} mails so far")


def _journal_agrees(stage: Stage) -> None:
    for process in stage.processes.values():
        assert process.terminate() == 0
    told = stage.ferry.call("journal", "verify")
    assert (told.code, told.err) == (0, ""), told
