"""What becomes of a mail whose claim an identical one has taken over."""

from __future__ import annotations

from shared.adapters.sql.unit_of_work import UnitOfWork
from shared.custody import decide
from shared.custody.state import ClaimView


def give_up(work: UnitOfWork, taken: ClaimView | None, by: str, now: float) -> None:
    """Whoever held the claim that was taken over is given up, so that an event of its that comes late serves
    nobody a second time. Where it was delivering when last heard of, that its mail arrived cannot be
    excluded, and is counted as a doubt.
    """
    if taken is None or taken.claim.holder == by or not taken.was_on_its_way:
        return
    work.load([taken.claim.holder])
    holder = work.messages.get(taken.claim.holder)
    if holder is None or not (taken.was_attempting or decide.can_come_again(holder)):
        return
    for entry in decide.mark_lost(holder, f"the identical mail {by} took over", now):
        work.apply(entry)
