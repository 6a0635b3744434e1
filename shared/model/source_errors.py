"""Why a source mailbox cannot be read: one class for each thing somebody must do about it.

The classes know no protocol. What is temporary is tried again after the usual back-off; the rest after a long
one, since trying too soon can lock the account at the provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.model.errors import Fault, MailferryError

if TYPE_CHECKING:
    from shared.model.mailbox import Listed


class SourceError(MailferryError):
    """The source mailbox or its server is the trouble; temporary unless the server said otherwise.

    `retry_after`: seconds that the server asked us to stay away, if it did.
    """

    fault = Fault.SOURCE

    def __init__(
        self, sentence: str, *, temporary: bool | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(sentence, temporary=temporary)
        self.retry_after = retry_after


class SourceRefused(SourceError):
    """The server said no to one command; whether for good, `temporary` tells."""


class CredentialsRefused(SourceError):
    """User name or password are wrong; asking again soon only gets the account locked."""

    temporary = False
    fault = Fault.OPERATOR


class LoginMethodsExhausted(SourceError):
    """No method of authentication is both switched on and understood by the server."""

    temporary = False
    fault = Fault.OPERATOR


class EncryptionMissing(SourceError):
    """TLS is required and the server does not start it; no credentials were sent."""

    fault = Fault.OPERATOR


class MailboxLocked(SourceError):
    """Another session has the mailbox open, perhaps one of our own that broke off."""


class LoginTooSoon(SourceError):
    """The provider wants more time between two logins or fewer connections at once."""


class SourceBusy(SourceError):
    """The server let us in, but does not serve the mailbox for the time being, whatever mail is asked for."""


class PlaceTaken(SourceError):
    """We ended the session, as it made no progress while other accounts waited for its place.

    `retry_after` is 0: a further try within the same visit would take the place again.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, retry_after=0.0)


class ProcessEnds(SourceError):
    """We ended the session, as the process ends and the server let us wait. No mail is to blame."""

    fault = Fault.OURS


class ListingPutOff(SourceError):
    """The process has no memory to spare for a listing of this size just now; later it will have."""

    fault = Fault.OURS


class SourceViolation(SourceError):
    """The server did not keep to its protocol; nothing that follows on this connection can be trusted."""


class WrongService(SourceViolation):
    """What the server sent first, `said`, is no greeting of this protocol; the port may be another one's."""

    def __init__(self, sentence: str, said: bytes) -> None:
        super().__init__(sentence)
        self.said = said


class LimitExceeded(SourceError):
    """The server sent more than a cap allows; the connection was given up to keep memory and time bounded.

    `entry` is the mail that was being received, if it was one.
    """

    def __init__(self, sentence: str, *, entry: Listed | None = None) -> None:
        super().__init__(sentence)
        self.entry = entry


class SessionTooLong(LimitExceeded):
    """Everything that the server sent in this session is more than the cap allows; no single mail is to
    blame.
    """


class OutOfStep(SourceViolation):
    """The server does not stuff dots, and so ended `entry` too early or lost a dot of it; what came of it
    must not be kept. Read alone and by its size, it may come whole.
    """

    def __init__(self, sentence: str, *, entry: Listed) -> None:
        super().__init__(sentence)
        self.entry = entry
