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
    """This release cannot work with the database's schema: one of the two is to be upgraded."""

    temporary = False
    fault = Fault.OPERATOR


class RawMailNeeded(MailferryError):
    """`messages` are to be parked and no blob holds their raw mail yet. Nothing was recorded."""

    fault = Fault.OURS

    def __init__(self, messages: frozenset[str]) -> None:
        super().__init__(f"{len(messages)} mails are to be parked and no blob holds them yet")
        self.messages = messages

    @override
    def __reduce__(self) -> tuple[type[RawMailNeeded], tuple[frozenset[str]]]:
        """An exception is pickled by its arguments, which are a sentence; this one is made of messages."""
        return type(self), (self.messages,)


class LeaseLost(MailferryError):
    """Another process holds the account's lease now. Nothing was written."""

    fault = Fault.OURS
