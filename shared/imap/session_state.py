"""What is known of one session, by what the server has said so far."""

from __future__ import annotations

from collections.abc import Callable

from shared.imap.capabilities import Capabilities
from shared.imap.states import State
from shared.imap.status_lines import StatusLine
from shared.model.errors import quoted
from shared.model.source_errors import SourceViolation

ENABLED = frozenset({"UTF8=ACCEPT", "UIDONLY", "CONDSTORE", "QRESYNC"})
"""The extensions whose ENABLED means something to us."""


class SessionState:
    """`state` is where the session is, `before_idling` where it will be after IDLE.

    `capabilities` is None where they are not known for the connection as it is now; `enabled` are the
    extensions that ENABLE switched on. `tls_required`: TLS is still to be started. `farewell` is the text of
    a BYE. `server` and `redact` are for the sentences of errors.
    """

    def __init__(self, server: str, redact: Callable[[bytes], bytes], *, tls_required: bool) -> None:
        self.server = server
        self.redact = redact
        self.state = State.GREETING
        self.before_idling = State.AUTHENTICATED
        self.capabilities: Capabilities | None = None
        self.enabled: frozenset[str] = frozenset()
        self.tls_required = tls_required
        self.farewell: bytes | None = None

    @property
    def is_selected(self) -> bool:
        """Whether a mailbox is selected."""
        state = self.before_idling if self.state is State.IDLING else self.state
        return state is State.SELECTED

    def start_tls(self) -> None:
        """What follows is encrypted. What was learnt in clear is forgotten: anybody may have said it."""
        self.capabilities = None
        self.enabled = frozenset()
        self.tls_required = False

    def quoted(self, text: bytes) -> str:
        """Return what the server said, for a sentence."""
        return quoted(self.redact(text))

    def redacted(self, status: StatusLine) -> StatusLine:
        """Return the line without secrets; a code that is one is left out."""
        whole = b"%s %s\n%s" % (status.written_code, status.argument, status.text)
        if self.redact(whole) == whole:  # as nearly always; one search instead of three
            return status
        is_secret = self.redact(status.written_code) != status.written_code
        return status._replace(
            code="" if is_secret else status.code,
            argument=self.redact(status.argument),
            text=self.redact(status.text),
        )

    def tampered(self, what: str) -> SourceViolation:
        """Return the error for what the server did, which an honest one does not do."""
        return SourceViolation(f"{self.server} {what}: someone may tamper with the connection.")
