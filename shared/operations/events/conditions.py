"""Conditions that begin and end, and the events that tell of it (pure).

A condition is something that is not as it should be. It is noted while it lasts, so each beginning and each
end is published once, however many processes look.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from shared.model.tenant_room import tenant_of
from shared.ports.store.events import ConditionChange, EventRecord, ParkedMail

LONGEST_SENTENCE = 500
WARNED_AT = (80, 95)
"""Per cent of a limit."""


class Event(StrEnum):
    """The events."""

    ACCOUNT_FAILING = "account.failing"
    ACCOUNT_RECOVERED = "account.recovered"
    ACCOUNT_NEEDS_CONSENT = "account.needs_consent"
    ACCOUNT_CONNECTED = "account.connected"
    MESSAGE_PARKED = "message.parked"
    TARGET_DOWN = "target.down"
    TARGET_UP = "target.up"
    QUOTA_WARNING = "quota.warning"
    APP_EXPIRING = "app.expiring"


class Kind(StrEnum):
    """What may be wrong. The name of a condition is its kind and its subject."""

    ACCOUNT = "account"
    CONSENT = "consent"
    PARKED = "parked"
    TARGET = "target"
    QUOTA = "quota"
    APP = "app"


class EventPair(NamedTuple):
    """The events of the beginning and of the end of a condition."""

    begins: Event
    ends: Event | None = None


EVENTS_OF: Mapping[Kind, EventPair] = {
    Kind.ACCOUNT: EventPair(Event.ACCOUNT_FAILING, Event.ACCOUNT_RECOVERED),
    Kind.CONSENT: EventPair(Event.ACCOUNT_NEEDS_CONSENT, Event.ACCOUNT_CONNECTED),
    Kind.PARKED: EventPair(Event.MESSAGE_PARKED),
    Kind.TARGET: EventPair(Event.TARGET_DOWN, Event.TARGET_UP),
    Kind.QUOTA: EventPair(Event.QUOTA_WARNING),
    Kind.APP: EventPair(Event.APP_EXPIRING),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is not as it should be.

    - `subject`: the account, target, tenant or app, by its id. A quota has its limit and its step behind it.
    - `sentence`: what a person can do about it.
    - `begins`: False for one whose beginning is not published, as of a paused account. Its end is.
    """

    kind: Kind
    subject: str
    sentence: str = ""
    begins: bool = True

    @property
    def name(self) -> str:
        """What it is noted by."""
        return f"{self.kind.value} {self.subject}"


def condition_changes(
    noted: Mapping[str, float],
    found: Collection[Condition],
    now: float,
    *,
    looked_at: Collection[Kind],
    gone: Collection[str] = (),
) -> Iterator[ConditionChange]:
    """Yield what began and ended between the conditions that are noted and those that were found.

    `looked_at`: the kinds of which all were found. `gone`: names of conditions whose subject is no more;
    their end is not published.
    """
    present = {each.name: each for each in found}
    for name, condition in present.items():
        if name not in noted and condition.begins:
            event = EVENTS_OF[condition.kind].begins
            record = event_record(event, condition.kind, condition.subject, now, condition.sentence)
            yield ConditionChange(name, None, now, record)
    for name, since in noted.items():
        kind, _, subject = name.partition(" ")
        if name in present or kind not in looked_at:
            continue
        event_of_end = None if name in gone else EVENTS_OF[Kind(kind)].ends
        ended = None if event_of_end is None else event_record(event_of_end, Kind(kind), subject, now)
        yield ConditionChange(name, since, None, ended)


def parked_condition(parked: ParkedMail) -> Condition:
    """Return the condition of an account of which mail was parked."""
    number = parked.number
    sentence = "1 recipient is parked." if number == 1 else f"{number} recipients are parked."
    return Condition(Kind.PARKED, parked.account, sentence)


def quota(tenant: str, key: str, used: int, most: int) -> Iterator[Condition]:
    """Yield a condition for each step of `WARNED_AT` that the use of a limit has reached."""
    for step in WARNED_AT:
        if used * 100 >= most * step:
            yield Condition(Kind.QUOTA, f"{tenant}/{key}/{step}", f"{used} of {most} ({key}) are used.")


def event_record(event: Event, kind: Kind, subject: str, now: float, sentence: str = "") -> EventRecord:
    """Return an event, with whose it is."""
    account = tenant = None
    if kind in {Kind.ACCOUNT, Kind.CONSENT, Kind.PARKED}:
        account, tenant = subject, tenant_of(subject)
    elif kind is Kind.QUOTA or (kind is Kind.TARGET and "/" in subject):
        tenant = tenant_of(subject)
    return EventRecord(now, event.value, subject, tenant, account, sentence[:LONGEST_SENTENCE])
