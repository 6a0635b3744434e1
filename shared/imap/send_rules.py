"""Which command may be sent now: the tables of `states`, applied."""

from __future__ import annotations

from shared.imap.commands import Command, Verb
from shared.imap.outstanding import Outstanding
from shared.imap.states import (
    ALLOWED,
    ALONE,
    CHANGES,
    CONTINUES,
    LAST,
    LOGS_IN,
    OF_SELECTED,
    SELECTS,
    State,
)
from shared.net.errors import Misused


def check_command(command: Command, state: State, outstanding: Outstanding, *, tls_required: bool) -> None:
    """Raise `Misused` where the command is not allowed."""
    verb = command.verb
    if verb in CONTINUES:
        if verb not in ALLOWED[state]:
            raise Misused(f"{verb.name} was asked for in the state {state.name}.")
        return
    selects = outstanding.any_of(SELECTS) is not None
    reads_behind_select = selects and verb in OF_SELECTED - CHANGES
    if verb not in ALLOWED[state] and not reads_behind_select:
        raise Misused(f"{verb.name} was asked for in the state {state.name}.")
    if tls_required and verb in LOGS_IN:
        raise Misused(f"{verb.name} was asked for before TLS was started.")
    if selects and verb in OF_SELECTED and (verb in CHANGES or state is State.SELECTED):
        raise Misused(f"{verb.name} was asked for before it is known what is selected.")
    _check_order(command, outstanding, selects=selects)


def _check_order(command: Command, outstanding: Outstanding, *, selects: bool) -> None:
    """Raise `Misused` where an outstanding command does not let this one follow."""
    verb = command.verb
    if verb in ALONE and len(outstanding):
        raise Misused(f"{verb.name} was asked for while answers were outstanding.")
    last = outstanding.any_of(LAST)
    if last is not None:
        raise Misused(f"{verb.name} was asked for behind {last.command.verb.name}.")
    if outstanding.last is not None and outstanding.last.unsent:
        raise Misused(
            f"{verb.name} was asked for before all of {outstanding.last.command.verb.name} was sent."
        )
    # The UIDs of two mailboxes must never be on their way at once.
    if verb in SELECTS and (selects or outstanding.any_of(OF_SELECTED) is not None):
        raise Misused(f"{verb.name} was asked for while answers about another mailbox were outstanding.")
    if verb is Verb.SEARCH and not command.returns_tag and _awaits_plain_search(outstanding):
        raise Misused("A second SEARCH was asked for whose answer could not be told from that to the first.")


def _awaits_plain_search(outstanding: Outstanding) -> bool:
    return any(sent.command.verb is Verb.SEARCH and not sent.command.returns_tag for sent in outstanding)
