"""Errors of the protocol core."""

from __future__ import annotations

from shared.model.errors import Fault, MailferryError


class Misused(MailferryError):
    """Our own code asked for a command where the protocol does not allow it: a defect of ours."""

    temporary = False
    fault = Fault.OURS
