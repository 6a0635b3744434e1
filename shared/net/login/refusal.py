"""What a server's refusal means: by its response code, or by well-known words where it has none.

A locked or busy mailbox must never count as a wrong password, since that stops an account for a long time. A
wrong password must never be tried again quickly, since that locks the account at the provider.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from shared.model.errors import quoted
from shared.model.source_errors import (
    CredentialsRefused,
    LoginTooSoon,
    MailboxLocked,
    SourceBusy,
    SourceError,
    SourceRefused,
)

_LOCKED = re.compile(
    rb"already (?:locked|in use|open)|is locked|lock(?:ed)? by|in use|unable to lock"
    rb"|maildrop.{0,20}lock|lock busy",
    re.IGNORECASE,
)
_TOO_SOON = re.compile(
    rb"too (?:many|often|frequent|soon)|throttl|rate limit|maximum number of connections|connection limit"
    rb"|poptoooften|login.?delay",
    re.IGNORECASE,
)
_TEMPORARY = re.compile(
    rb"tempor|try (?:again|later)|again later|not connected|unavailable|internal (?:server )?error"
    rb"|timed? ?out|busy|overload|maintenance",
    re.IGNORECASE,
)
_BUSY = re.compile(rb"not connected|backoff time", re.IGNORECASE)
_VERDICT = re.compile(
    rb"(?:auth\w*|log[- ]?(?:in|on)|sign[- ]?in)\W.{0,20}(?:fail|denied|incorrect|invalid|rejected)"
    rb"|(?:wrong|bad|invalid|incorrect|unknown|no such).{0,20}(?:pass|user|credential|login|account|mailbox)"
    rb"|(?:password|credential|username|login|account).{0,30}(?:wrong|bad|invalid|incorrect|mismatch|expired"
    rb"|not (?:correct|valid|match|accepted)|unknown|disabled)",
    re.IGNORECASE,
)
_APP_PASSWORD = re.compile(rb"application-specific password", re.IGNORECASE)
_DAILY_VOLUME = re.compile(rb"exceeded command or bandwidth limits", re.IGNORECASE)
DAILY_VOLUME_PAUSE = 3600.0
"""Seconds to stay away from a server that has no volume left for today. It does not say when the day ends, so
the pause is doubled with each visit that fails."""
_BACKOFF = re.compile(rb"backoff time: ?(\d{1,9}) ?milliseconds", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusals:
    """Turns the refusals of one protocol into errors.

    `codes`: the response codes that mean something, in upper case, with their errors; one that ends in a
    slash stands for all that begin with it. `permanent`: codes of refusals that are for good. `busy`: codes
    that in place of a mail may be about all mails. `vague`: codes that say too little, so that they decide
    only where the words do not. `pauses`: the seconds to stay away after a code.
    """

    codes: Mapping[str, type[SourceError]]
    permanent: Collection[str] = ()
    busy: Collection[str] = ()
    vague: Mapping[str, type[SourceError]] = field(default_factory=dict)
    pauses: Mapping[str, float] = field(default_factory=dict)

    def of_login(self, action: str, code: str, text: bytes, complaint: str = "") -> SourceError:
        """Return the error for a refused login.

        `action` begins the sentence ("Logging in to ... as ..."). `complaint` is what the server said before,
        within the exchange.
        """
        by_words: type[SourceError] = self.vague.get(code, CredentialsRefused)
        for pattern, kind in (
            (_APP_PASSWORD, CredentialsRefused),
            (_DAILY_VOLUME, SourceBusy),
            (_LOCKED, MailboxLocked),
            (_TOO_SOON, LoginTooSoon),
            (_TEMPORARY, SourceRefused),
            (_BUSY, SourceBusy),
        ):
            if pattern.search(text):
                by_words = kind
                break
        return self._error(self._kind(code) or by_words, action, code, text, complaint)

    def of_command(self, action: str, code: str, text: bytes) -> SourceError:
        """Return the error for another refused command; temporary unless its code is permanent."""
        is_busy = any(pattern.search(text) for pattern in (_BUSY, _TOO_SOON, _DAILY_VOLUME))
        by_words = SourceBusy if is_busy else self.vague.get(code, SourceRefused)
        return self._error(self._kind(code) or by_words, action, code, text)

    def of_mail(self, action: str, code: str, text: bytes) -> SourceError:
        """Return the error for a refused mail."""
        if code in self.busy:
            return self._error(SourceBusy, action, code, text)
        return self.of_command(action, code, text)

    def is_by_code(self, code: str, kind: type[SourceError]) -> bool:
        """Return whether the code stands for this error."""
        return self._kind(code) is kind

    def is_verdict(self, code: str, text: bytes) -> bool:
        """Return whether the server looked at the credentials and found them wrong.

        Otherwise it may have refused the method alone, so that the next one is worth a try.
        """
        by_words = _VERDICT.search(text) or _APP_PASSWORD.search(text)
        return self.is_by_code(code, CredentialsRefused) or by_words is not None

    def is_temporary(self, code: str, text: bytes) -> bool:
        """Return whether code or words are about the moment, and not about the command."""
        by_words = (_BUSY, _TOO_SOON, _LOCKED, _TEMPORARY)
        return self._kind(code) is not None or any(pattern.search(text) for pattern in by_words)

    def _kind(self, code: str) -> type[SourceError] | None:
        return self.codes.get(code) or self.codes.get(f"{code.partition('/')[0]}/")

    def _error(
        self, kind: type[SourceError], action: str, code: str, text: bytes, complaint: str = ""
    ) -> SourceError:
        said = f"[{code}] " if code else ""
        said += quoted(text) + (f" ({complaint})" if complaint else "")
        backoff = _BACKOFF.search(text)
        guess = DAILY_VOLUME_PAUSE if _DAILY_VOLUME.search(text) else self.pauses.get(code)
        return kind(
            f"{action} was refused: {said or 'no reason was given'}.".replace("..", "."),
            temporary=False if code in self.permanent else None,
            retry_after=guess if backoff is None else int(backoff[1]) / 1000,
            pause_grows=backoff is None and guess is not None,
        )
