"""What a store raises."""

from __future__ import annotations

from typing_extensions import override

from shared.model.errors import Fault, MailferryError


class StoreUnavailable(MailferryError):
    """The database cannot be reached, or refuses for the time being."""

    fault = Fault.STORE


class StoreDamaged(StoreUnavailable):
    """The database file is broken; trying again does not help."""

    temporary = False
    fault = Fault.OPERATOR


class SchemaOutdated(MailferryError):
    """The database's schema is not the one this Mailferry needs; `mailferry db upgrade` brings it up."""

    temporary = False
    fault = Fault.OPERATOR


class RawMailNeeded(MailferryError):
    """Mails are to be parked whose raw mail is held in no blob yet; nothing was recorded."""

    fault = Fault.OURS

    def __init__(self, messages: frozenset[str]) -> None:
        super().__init__(f"{len(messages)} mails are to be parked and not kept safe yet")
        self.messages = messages

    @override
    def __reduce__(self) -> tuple[type[RawMailNeeded], tuple[frozenset[str]]]:
        """An error is pickled by its sentence; this one is made of its messages."""
        return type(self), (self.messages,)


class LeaseLost(MailferryError):
    """The account's lease has passed on to another process; nothing was written."""

    fault = Fault.OURS
