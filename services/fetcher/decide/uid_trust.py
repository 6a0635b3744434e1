"""Remember which folders get another UIDVALIDITY again and again, so that their UIDs name mails for one visit
only. Some servers make one up at each session.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from services.fetcher.decide.unchanged import read_state, with_entry
from shared.model.errors import quoted

KEY = "uidvalidities"
MOST_CHANGES = 3
"""Changes in as many visits in a row. A server that is repaired or moved changes it once, at most twice."""
DISTRUSTED = 86_400.0
"""Seconds for which such UIDs are not relied on. Then the server gets another chance, which costs three
visits that recognise all mails anew."""


class Changes(NamedTuple):
    """How often in a row a UIDVALIDITY has changed, and when it did last, in seconds since the epoch."""

    times: int
    at: float

    def forbids_trust(self, now: float) -> bool:
        """Return whether the UIDs are not to be relied on now. A time to come is that of a wrong clock."""
        return self.times >= MOST_CHANGES and self.at <= now < self.at + DISTRUSTED


def remembered_changes(state: str | None) -> dict[str, Changes]:
    """Return what earlier visits remember, by folder."""
    remembered = read_state(state).get(KEY)
    changes: dict[str, Changes] = {}
    for folder, value in remembered.items() if isinstance(remembered, dict) else ():
        match value:
            case [int(times), int() | float() as at]:
                changes[folder] = Changes(times, float(at))
    return changes


def distrusted_folders(state: str | None, now: float) -> frozenset[str]:
    """Return the folders whose UIDs are not to be relied on in this visit."""
    changes = remembered_changes(state)
    return frozenset(folder for folder, each in changes.items() if each.forbids_trust(now))


def with_changes(state: str | None, renumbered: Collection[str], now: float) -> str:
    """Return the text after a visit that found another UIDVALIDITY for the folders `renumbered`."""
    before = remembered_changes(state)
    after: Mapping[str, Changes] = {
        folder: Changes(before[folder].times + 1 if folder in before else 1, now) for folder in renumbered
    } | {folder: each for folder, each in before.items() if each.forbids_trust(now)}
    return with_entry(state, KEY, {folder: list(after[folder]) for folder in sorted(after)})


def distrust_sentences(folders: Collection[str]) -> list[str]:
    """Return what the operator should know of folders whose UIDs are not relied on."""
    return [
        f"the UIDVALIDITY of {quoted(folder)} has changed in {MOST_CHANGES} visits in a row, so its UIDs are "
        "not relied on for a day: mails are recognised by their content"
        for folder in sorted(folders)
    ]
