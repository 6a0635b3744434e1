"""The server's first line (RFC 9051, section 7.1)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from shared.imap.events import Greeting
from shared.imap.session_state import SessionState
from shared.imap.states import State
from shared.imap.status_lines import Condition, StatusLine, parse_status_line
from shared.model.source_errors import WrongService

_STATES: Mapping[Condition, State] = MappingProxyType(
    {
        Condition.OK: State.NOT_AUTHENTICATED,
        Condition.PREAUTH: State.AUTHENTICATED,
        Condition.BYE: State.CLOSED,
    }
)


def read_greeting(line: bytes, session: SessionState) -> StatusLine:
    """Return the greeting and set the state that it leads to.

    Raises `WrongService` for what is none, and `SourceViolation` for PREAUTH where TLS is still to be
    started: who speaks in clear could keep us from ever starting it.
    """
    status = parse_status_line(line)
    if status is None or status.tag != b"*" or status.condition not in _STATES:
        raise no_greeting(line, session)
    if status.condition is Condition.PREAUTH and session.tls_required:
        raise session.tampered("greeted as if somebody were logged in before TLS was started")
    session.state = _STATES[status.condition]
    return status


def greeting_event(status: StatusLine, session: SessionState) -> Greeting:
    """Return the event of a greeting."""
    shown = session.redacted(status)
    return Greeting(shown.condition, shown.code, shown.argument, shown.text)


def no_greeting(said: bytes, session: SessionState) -> WrongService:
    """Return the error for what is no greeting."""
    return WrongService(
        f"{session.server} should have greeted with * OK but said: {session.quoted(said)}.", said
    )
