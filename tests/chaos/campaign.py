"""Rounds of faults, with mail arriving all the time. After some rounds all mail must have arrived.

The same seed makes the same rounds. What happens within them depends on the machine and the real servers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.chaos.evidence import keep_evidence
from tests.chaos.faults import FAULTS, SECONDS
from tests.chaos.mails import SentMail
from tests.chaos.testbed import CANARY, SERVICES, Testbed
from tests.servers.process import eventually

ROUNDS_BETWEEN_CHECKS = 10
IDLE_WITHIN = 120.0
MAX_MAILS = 12

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The numbers of rounds, mails, duplicates and attempts in doubt."""

    rounds: int
    mails: int
    duplicates: int
    doubts: int

    def __str__(self) -> str:
        return (
            f"{self.rounds} rounds, {self.mails} mails: none lost, {self.duplicates} duplicates, "
            f"{self.doubts} attempts counted as in doubt"
        )


def campaign(testbed: Testbed, seed: int, rounds: Sequence[str], report: Report) -> Outcome:
    """Play these faults, one in each round. Save evidence and raise AssertionError if a promise breaks."""
    try:
        return _run(testbed, seed, rounds, report)
    except AssertionError:
        report(f"     a promise is broken; what is known of it: {keep_evidence(testbed)}")
        raise


def _run(testbed: Testbed, seed: int, rounds: Sequence[str], report: Report) -> Outcome:
    random = Random(seed)
    sent_mail = SentMail(random)
    for name in SERVICES:
        testbed.start(name)
    for number, fault in enumerate(rounds, 1):
        report(f"{number:4} {_round(testbed, sent_mail, random, fault)}")
        if number % ROUNDS_BETWEEN_CHECKS == 0 or number == len(rounds):
            wait_until_idle(testbed, sent_mail, report)
    duplicates, doubts = sent_mail.check(testbed)
    _journal_agrees(testbed)
    assert CANARY not in testbed.logs()
    return Outcome(len(rounds), len(sent_mail.sent), duplicates, doubts)


def chosen(seed: int, rounds: int) -> list[str]:
    """Return the faults of so many rounds."""
    random = Random(seed)
    return [random.choice([*FAULTS]) for _ in range(rounds)]


def _round(testbed: Testbed, sent_mail: SentMail, random: Random, fault: str) -> str:
    """Play one round and return its description."""
    sent_mail.send(testbed, random.randint(1, MAX_MAILS))
    _sleep(random.random())
    with FAULTS[fault](testbed, random) as done:
        sent_mail.send(testbed, random.randint(0, MAX_MAILS))
        _sleep(max(SECONDS.get(fault, 0.0), random.random() * 2))
    return done


def _sleep(seconds: float) -> None:
    """Let the services work for a random time, which decides what the next fault meets."""
    time.sleep(seconds)


def wait_until_idle(testbed: Testbed, sent_mail: SentMail, report: Report) -> None:
    """Wait until all mails have arrived or are parked."""
    begun = time.monotonic()
    quiet = eventually(
        lambda: not testbed.running() or (testbed.mails_left() == 0 and not sent_mail.missing(testbed)),
        IDLE_WITHIN,
    )
    crashed = {
        name: process.output[-3000:] for name, process in testbed.processes.items() if not process.running
    }
    assert crashed == {}, crashed
    missing = sorted(sent_mail.missing(testbed))[:20]
    assert quiet, f"{testbed.mails_left()} mails are left at their sources; missing: {missing}"
    sent_mail.check(testbed)
    report(f"     all is well after {time.monotonic() - begun:.1f} s: {len(sent_mail.sent)} mails so far")


def _journal_agrees(testbed: Testbed) -> None:
    for process in testbed.processes.values():
        assert process.terminate() == 0
    reports = testbed.ferry.call("journal", "verify")
    assert (reports.code, reports.err) == (0, ""), reports
