"""Why a source mailbox cannot be read, whatever its protocol: one class for each thing to do about it.

Temporary errors are tried again after the usual pauses. All others are tried again after long ones, since
trying too soon can lock the account at the provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.model.errors import Fault, MailferryError

if TYPE_CHECKING:
    from shared.model.mailbox import Listed


class SourceError(MailferryError):
    """The source mailbox or its server has a problem; temporary unless the server said otherwise.

    `retry_after`: the seconds for which the server asked us to stay away, if it did. With `pause_grows` they
    are a guess, and are doubled with each visit that fails.
    """

    fault = Fault.SOURCE

    def __init__(
        self,
        sentence: str,
        *,
        temporary: bool | None = None,
        retry_after: float | None = None,
        pause_grows: bool = False,
    ) -> None:
        super().__init__(sentence, temporary=temporary)
        self.retry_after = retry_after
        self.pause_grows = pause_grows


class SourceRefused(SourceError):
    """The server refused a command; `temporary` tells whether for good."""


class NotPermitted(SourceRefused):
    """The account may not do this until somebody changes that at the provider."""

    fault = Fault.OPERATOR


class CredentialsRefused(SourceError):
    """User name or password are wrong. Trying again soon can lock the account."""

    temporary = False
    fault = Fault.OPERATOR


class TokenRefused(CredentialsRefused):
    """The server refuses a token that its provider has just given: the mailbox does not let the app in."""


class LoginMethodsExhausted(SourceError):
    """No login method is both switched on and offered by the server."""

    temporary = False
    fault = Fault.OPERATOR


class EncryptionMissing(SourceError):
    """TLS is required, and the server does not start it. No credentials were sent."""

    fault = Fault.OPERATOR


class MailboxLocked(SourceError):
    """Another session has the mailbox open; it may be one of our own that broke off."""


class LoginTooSoon(SourceError):
    """The provider wants more time between two logins, or fewer connections at once."""


class SourceBusy(SourceError):
    """The login succeeded, but the server serves no mail for now."""


class PlaceTaken(SourceError):
    """We ended the session, as it made no progress while other accounts waited for its place.

    `retry_after` is 0: another attempt within the same visit would take the place again.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, retry_after=0.0)


class ProcessEnds(SourceError):
    """We ended the session, as the process ends and the server did not answer. No mail is to blame."""

    fault = Fault.OURS


class ListingPutOff(SourceError):
    """The process has no memory for a listing of this size for now."""

    fault = Fault.OURS


class SourceViolation(SourceError):
    """The server violated its protocol. Nothing that follows on this connection can be trusted."""


class WrongService(SourceViolation):
    """The server's first octets, `said`, are no greeting of this protocol; the port may be another
    protocol's.
    """

    def __init__(self, sentence: str, said: bytes) -> None:
        super().__init__(sentence)
        self.said = said


class LimitExceeded(SourceError):
    """The server sent more than a limit allows. The connection was closed to bound memory and time.

    `entry` is the mail that was being received, if there was one.
    """

    def __init__(self, sentence: str, *, entry: Listed | None = None) -> None:
        super().__init__(sentence)
        self.entry = entry


class SessionTooLong(LimitExceeded):
    """The server sent more in this session than the limit allows. No single mail is to blame."""


class OutOfStep(SourceViolation):
    """The server does not stuff dots, or announced a wrong length, so that `entry` was cut or lost a dot.
    What came of it must not be kept.

    Read in another way (by POP3 alone and by its size, by IMAP in parts or whole), the mail may come whole.
    """

    def __init__(self, sentence: str, *, entry: Listed) -> None:
        super().__init__(sentence)
        self.entry = entry
