"""Conditions that begin and end, and the events that tell of it (pure).

A condition is something that is not as it should be. It is noted while it lasts, so each beginning and each
end is told once, however many processes look.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from shared.model.tenant_room import tenant_of
from shared.ports.store.events import ConditionChange, HappenedEvent, ParkedMail

LONGEST_SENTENCE = 500
WARNED_AT = (80, 95)
"""Per cent of a limit."""


class Event(StrEnum):
    """What can be told."""

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


class Told(NamedTuple):
    """What is told where a condition begins, and where it ends."""

    begins: Event
    ends: Event | None = None


TOLD: Mapping[Kind, Told] = {
    Kind.ACCOUNT: Told(Event.ACCOUNT_FAILING, Event.ACCOUNT_RECOVERED),
    Kind.CONSENT: Told(Event.ACCOUNT_NEEDS_CONSENT, Event.ACCOUNT_CONNECTED),
    Kind.PARKED: Told(Event.MESSAGE_PARKED),
    Kind.TARGET: Told(Event.TARGET_DOWN, Event.TARGET_UP),
    Kind.QUOTA: Told(Event.QUOTA_WARNING),
    Kind.APP: Told(Event.APP_EXPIRING),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is not as it should be.

    - `subject`: the account, target, tenant or app, by its id. A quota has its limit and its step behind it.
    - `sentence`: what a person can do about it.
    - `begins`: False for one that only goes on: it is not told, but its end would be.
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
    their end is not told.
    """
    present = {each.name: each for each in found}
    for name, condition in present.items():
        if name not in noted and condition.begins:
            event = TOLD[condition.kind].begins
            happened = happened_to(event, condition.kind, condition.subject, now, condition.sentence)
            yield ConditionChange(name, None, now, happened)
    for name, since in noted.items():
        kind, _, subject = name.partition(" ")
        if name in present or kind not in looked_at:
            continue
        told = None if name in gone else TOLD[Kind(kind)].ends
        ended = None if told is None else happened_to(told, Kind(kind), subject, now)
        yield ConditionChange(name, since, None, ended)


def parked_mail(parked: ParkedMail) -> Condition:
    """Return what is to be told of an account of which mail was parked."""
    number = parked.number
    sentence = "1 recipient is parked." if number == 1 else f"{number} recipients are parked."
    return Condition(Kind.PARKED, parked.account, sentence)


def quota(tenant: str, key: str, used: int, most: int) -> Iterator[Condition]:
    """Yield what is to be told of a limit of a tenant: each step of `WARNED_AT` that is reached."""
    for step in WARNED_AT:
        if used * 100 >= most * step:
            yield Condition(Kind.QUOTA, f"{tenant}/{key}/{step}", f"{used} of {most} ({key}) are used.")


def happened_to(event: Event, kind: Kind, subject: str, now: float, sentence: str = "") -> HappenedEvent:
    """Return an event, with whose it is."""
    account = tenant = None
    if kind in {Kind.ACCOUNT, Kind.CONSENT, Kind.PARKED}:
        account, tenant = subject, tenant_of(subject)
    elif kind is Kind.QUOTA or (kind is Kind.TARGET and "/" in subject):
        tenant = tenant_of(subject)
    return HappenedEvent(now, event.value, subject, tenant, account, sentence[:LONGEST_SENTENCE])
