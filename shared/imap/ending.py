"""What it means that the server closed its side."""

from __future__ import annotations

from shared.imap.commands import Verb
from shared.imap.greeting import no_greeting
from shared.imap.outstanding import Outstanding
from shared.imap.session_state import SessionState
from shared.imap.states import State
from shared.model.errors import Fault, quoted
from shared.net.errors import ConnectionLost


def check_end(session: SessionState, outstanding: Outstanding, unread: bytes | None) -> None:
    """Raise the error of a session that ended before LOGOUT; `unread` is an answer that has no end."""
    if session.farewell is not None and outstanding.any_of({Verb.LOGOUT}):
        session.state = State.CLOSED
    if session.state is State.CLOSED:
        return
    if session.state is State.GREETING and unread is not None:
        raise no_greeting(unread, session)
    if session.farewell is not None:
        what = f"ended the session: {session.quoted(session.farewell)}"
    else:
        what = f"closed the connection {_when(session, outstanding, unread)}"
    raise ConnectionLost(f"{session.server} {what}.", fault=Fault.SOURCE)


def _when(session: SessionState, outstanding: Outstanding, unread: bytes | None) -> str:
    first = next(iter(outstanding), None)
    if session.state is State.GREETING:
        return "without a greeting"
    if unread is not None:
        return "in the middle of an answer"
    if first is not None:
        return f"instead of answering {quoted(first.command.shown)}"
    return "without being asked to"
