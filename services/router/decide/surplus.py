"""Who gets a copy when more copies came than the header names recipients, where these are a guess."""

from __future__ import annotations

from services.router.decide.recipients import Resolution
from shared.custody.commands import ChosenRecipient, Surplus
from shared.custody.decide import NOBODY
from shared.model.account import Dedup, Routing

REASON = "a copy for somebody unnamed"


def surplus_of(resolution: Resolution, routing: Routing) -> Surplus | None:
    """The postmaster, or an operator where there is none; None where copies are not counted."""
    if not (routing.surplus_copies and resolution.is_guess and resolution.named):
        return None
    if routing.dedup is Dedup.OFF:
        return None
    postmaster = routing.unknown_recipients
    if postmaster is None:
        return Surplus(ChosenRecipient(NOBODY, "", REASON, parked=True), resolution.named)
    return Surplus(
        ChosenRecipient(str(postmaster), "", f"postmaster, because it is {REASON}"), resolution.named
    )
