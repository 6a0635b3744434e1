"""The end of every history: nothing fails any more, and everything must be done without help."""

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
from tests.fakes.world.target import Mood
from tests.fakes.world.world import ACCOUNT_LEASE, FETCHERS, MESSAGE_LEASE, PATIENCE, RETENTION, World

ROUNDS = (*repeat(MESSAGE_LEASE + ACCOUNT_LEASE, 5), RETENTION, *repeat(MESSAGE_LEASE + ACCOUNT_LEASE, 5))
VISIT = 20
"""A visit waits for settlements and is over by then, counted in times of its patience."""


class Broken(AssertionError):
    """A promise of Mailferry was broken. The text ends with the history that broke it."""

    def __init__(self, what: str, world: World) -> None:
        super().__init__("\n".join([what, "after:", *world.history]))


class MailLost(Broken):
    """A mail is gone from its source and from us, and a recipient has not got it."""


class NeverEnds(Broken):
    """Something remains to be done and no process does it."""


class CameTwice(Broken):
    """More copies arrived than necessary."""


class TooEarly(Broken):
    """A target was asked again before the retry was due."""


def nothing_lost(world: World) -> None:
    """Raise `MailLost` for a lost mail, and `Broken` for a damaged one."""
    lost = [*world.oracle.lost, *world.oracle.missing()]
    if lost:
        raise MailLost(f"lost: {', '.join(lost)}", world)
    if world.target.damaged:
        raise Broken(f"damaged: {world.target.damaged}", world)


def journal_agrees(world: World) -> None:
    """Raises `Broken` where the journal does not fold to the state."""
    differences = world.loop.complete(world.archive.operator.verify_journal())
    if differences:
        raise Broken(f"the journal disagrees: {differences}", world)


def punctual(world: World) -> None:
    """Raise `TooEarly` where an attempt began before the time that the last deferral had set."""
    due: dict[tuple[str, str], float] = {}
    for entry in world.loop.complete(_journal(world)):
        match entry:
            case DeliveryEnded():
                for each in entry.outcomes:
                    due[entry.message, each.address] = each.next_attempt_at or 0.0
            case WaitingResolved() | ParkedRetried():
                due.pop((entry.message, entry.address), None)
            case DeliveryBegun():
                early = [each for each in entry.addresses if due.get((entry.message, each), 0.0) > entry.at]
                if early:
                    raise TooEarly(f"tried too early: {early} at {entry.at}", world)


async def _journal(world: World) -> list[Entry]:
    return [entry async for entry in whole_journal(world.archive.operator)]


def all_ends(world: World) -> None:
    """Finish the history. Raise `NeverEnds`, `MailLost`, `CameTwice` or `TooEarly`."""
    nothing_lost(world)
    world.history.append("from here on all goes well")
    world.shelf.is_full = False
    for maildrop in world.maildrops.values():
        maildrop.behave()
    for destination, mood in list(world.target.moods.items()):
        if mood is Mood.LATER:
            del world.target.moods[destination]
    for seconds in chain((0.0,), ROUNDS):
        world.pass_time(seconds)
        world.confirm_epoch()
        _visit_all(world)
        if not left(world):
            break
    if rest := left(world):
        raise NeverEnds(f"left: {'; '.join(rest)}", world)
    nothing_lost(world)
    punctual(world)
    journal_agrees(world)
    if twice := world.oracle.duplicates():
        raise CameTwice(f"came twice: {twice}", world)


def left(world: World) -> list[str]:
    """Return what is not done yet, in words."""
    at_source = [f"{each.tag} is at {name}" for name, maildrop in world.maildrops.items()
                 for each in maildrop.letters.values()]  # fmt: skip
    return [*at_source, *world.oracle.unfinished(), *([] if world.broker.is_empty else ["events under way"])]


def _visit_all(world: World) -> None:
    _finish_visits(world)
    for account in world.maildrops:
        world.visit(FETCHERS[0], account)
        _finish_visits(world)


def _finish_visits(world: World) -> None:
    for _ in range(VISIT):
        world.run_all()
        if all(world.processes[each].is_done for each in FETCHERS):
            return
        world.pass_time(PATIENCE)
    raise NeverEnds("a visit does not end", world)
