"""What a store raises."""

from __future__ import annotations

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


class LeaseLost(MailferryError):
    """The account's lease has passed on to another process; nothing was written."""

    fault = Fault.OURS
