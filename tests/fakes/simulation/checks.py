"""Checks at the end of a simulation: without further faults, all mails must be finished by themselves."""

from __future__ import annotations

from itertools import chain, repeat

from shared.contract.journal import (
    DeliveryBegun,
    DeliveryEnded,
    Entry,
    ParkedRetried,
    WaitingResolved,
)
from shared.ports.store import whole_journal
from tests.fakes.simulation.simulation import (
    ACCOUNT_LEASE,
    FETCHERS,
    MESSAGE_LEASE,
    RETENTION,
    SETTLE_WAIT,
    Simulation,
)
from tests.fakes.simulation.target import Answer

ROUNDS = (*repeat(MESSAGE_LEASE + ACCOUNT_LEASE, 5), RETENTION, *repeat(MESSAGE_LEASE + ACCOUNT_LEASE, 5))
VISIT = 20
"""Settle waits after which a visit has ended."""


class PromiseBroken(AssertionError):
    """A promise of Mailferry was broken. The text ends with the history that broke it."""

    def __init__(self, what: str, simulation: Simulation) -> None:
        super().__init__("\n".join([what, "after:", *simulation.history]))


class MailLost(PromiseBroken):
    """A mail is gone from its source and from Mailferry, and was not delivered."""


class NeverFinished(PromiseBroken):
    """Something remains to be done, and no process does it."""


class Duplicated(PromiseBroken):
    """More copies arrived than attempts in doubt explain."""


class TooEarly(PromiseBroken):
    """A delivery was tried before its retry was due."""


def check_nothing_lost(simulation: Simulation) -> None:
    """Raise `MailLost`, or `PromiseBroken` for a damaged mail."""
    lost = [*simulation.oracle.lost, *simulation.oracle.missing()]
    if lost:
        raise MailLost(f"lost: {', '.join(lost)}", simulation)
    if simulation.target.damaged:
        raise PromiseBroken(f"damaged: {simulation.target.damaged}", simulation)


def check_journal(simulation: Simulation) -> None:
    """Raise `PromiseBroken` if the journal does not fold to the state."""
    differences = simulation.loop.run(simulation.store.verify())
    if differences:
        raise PromiseBroken(f"the journal disagrees: {differences}", simulation)


def check_retry_times(simulation: Simulation) -> None:
    """Raise `TooEarly` if an attempt began before the time that the deferral before it had set."""
    due: dict[tuple[str, str], float] = {}
    for entry in simulation.loop.run(_journal(simulation)):
        match entry:
            case DeliveryEnded():
                for each in entry.outcomes:
                    due[entry.message, each.address] = each.next_attempt_at or 0.0
            case WaitingResolved() | ParkedRetried():
                due.pop((entry.message, entry.address), None)
            case DeliveryBegun():
                early = [each for each in entry.addresses if due.get((entry.message, each), 0.0) > entry.at]
                if early:
                    raise TooEarly(f"tried too early: {early} at {entry.at}", simulation)


async def _journal(simulation: Simulation) -> list[Entry]:
    return [entry async for entry in whole_journal(simulation.store)]


def check_end(simulation: Simulation) -> None:
    """Finish without faults. Raise `NeverFinished`, `MailLost`, `Duplicated` or `TooEarly`."""
    check_nothing_lost(simulation)
    simulation.history.append("from here on there are no faults")
    simulation.blob_store.is_full = False
    for destination, answer in list(simulation.target.answers.items()):
        if answer is Answer.DEFERS:
            del simulation.target.answers[destination]
    for seconds in chain((0.0,), ROUNDS):
        simulation.pass_time(seconds)
        simulation.confirm_epoch()
        _visit_all(simulation)
        if not unfinished(simulation):
            break
    if rest := unfinished(simulation):
        raise NeverFinished(f"unfinished: {'; '.join(rest)}", simulation)
    check_nothing_lost(simulation)
    check_retry_times(simulation)
    check_journal(simulation)
    if duplicates := simulation.oracle.duplicates():
        raise Duplicated(f"duplicated: {duplicates}", simulation)


def unfinished(simulation: Simulation) -> list[str]:
    """Return what is unfinished, as texts."""
    at_source = [f"{each.tag} is at {name}" for name, maildrop in simulation.maildrops.items()
                 for each in maildrop.mails.values()]  # fmt: skip
    return [
        *at_source,
        *simulation.oracle.unfinished(),
        *([] if simulation.broker.is_empty else ["events under way"]),
    ]


def _visit_all(simulation: Simulation) -> None:
    _finish_visits(simulation)
    for account in simulation.maildrops:
        simulation.visit(FETCHERS[0], account)
        _finish_visits(simulation)


def _finish_visits(simulation: Simulation) -> None:
    for _ in range(VISIT):
        simulation.run_all()
        if all(simulation.processes[each].is_done for each in FETCHERS):
            return
        simulation.pass_time(SETTLE_WAIT)
    raise NeverFinished("a visit does not end", simulation)
