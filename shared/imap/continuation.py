"""Commands that go on: the server's `+`, and what is sent behind it (RFC 9051, section 7.6)."""

from __future__ import annotations

from shared.imap.commands import CANCEL, Command, Verb
from shared.imap.events import Challenge, Event, IdleStarted, MoreWanted
from shared.imap.outstanding import Sent
from shared.imap.session_state import SessionState
from shared.imap.states import State
from shared.imap.status_lines import parse_challenge
from shared.model.source_errors import SourceViolation
from shared.net.errors import Misused


def take_continuation(line: bytes, sent: Sent | None, session: SessionState) -> Event:
    """Return what the server wants of the command that was sent last.

    Raises `SourceViolation` where there is nothing to want.
    """
    if sent is not None and sent.unsent and not sent.is_more_wanted:
        sent.is_more_wanted = True
        return MoreWanted(sent.command)
    verb = None if sent is None else sent.command.verb
    if sent is not None and verb is Verb.AUTHENTICATE and session.state is not State.EXCHANGE:
        session.state = State.EXCHANGE
        sent.awaits_response = True
        return Challenge(sent.command, parse_challenge(line))
    if sent is not None and verb is Verb.IDLE and sent.awaits_response and session.state is not State.IDLING:
        session.before_idling, session.state = session.state, State.IDLING
        return IdleStarted(sent.command)
    raise SourceViolation(f"{session.server} asked for more where there is none: {session.quoted(line)}.")


def continue_command(command: Command, sent: Sent, session: SessionState) -> bytes:
    """Return the line that answers a challenge or ends IDLE.

    A server that agrees to an exchange which we broke off agrees to something else.
    """
    sent.awaits_response = command == CANCEL
    session.state = session.before_idling if command.verb is Verb.DONE else State.NOT_AUTHENTICATED
    (part,) = command.parts
    assert isinstance(part, bytes)
    return part + b"\r\n"


def next_piece(sent: Sent | None) -> bytes:
    """Return the next octets of a command with literals, after `MoreWanted`. Raises `Misused` before it."""
    if sent is None or not sent.is_more_wanted:
        raise Misused("The rest of a command was asked for that the server does not want yet.")
    sent.is_more_wanted = False
    return sent.unsent.popleft()
