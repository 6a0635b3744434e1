"""Gathers what SELECT and EXAMINE tell of a mailbox (RFC 9051, section 6.3.2)."""

from __future__ import annotations

from dataclasses import replace

from shared.imap.commands import Command, Verb
from shared.imap.events import Selected
from shared.imap.scanner import number_of, scan, words_of


class Selection:
    """One mailbox while its SELECT is outstanding."""

    def __init__(self, command: Command) -> None:
        self._told = _nothing(command)

    def learn_exists(self, exists: int) -> None:
        """The mailbox has so many mails."""
        self._told = replace(self._told, exists=exists)

    def learn_code(self, code: str, argument: bytes) -> None:
        """A response code came, in an untagged line or in the tagged one."""
        match code:
            case "CLOSED":  # what came before was about the mailbox selected until now (RFC 7162, 3.2.11)
                self._told = _nothing(self._told.command)
            case "UIDVALIDITY":
                self._told = replace(self._told, uidvalidity=number_of(argument))
            case "UIDNEXT":
                self._told = replace(self._told, uidnext=number_of(argument))
            case "PERMANENTFLAGS":
                self._told = replace(self._told, permanent_flags=_flags(argument))
            case "UIDNOTSTICKY":
                self._told = replace(self._told, uid_not_sticky=True)
            case "READ-ONLY":
                self._told = replace(self._told, read_only=True)

    def selected(self) -> Selected:
        """Return what was told."""
        return self._told


def _nothing(command: Command) -> Selected:
    return Selected(command, read_only=command.verb is Verb.EXAMINE)


def _flags(argument: bytes) -> frozenset[str] | None:
    try:
        match scan([argument]):
            case [list() as flags, *_]:
                return frozenset(flag.lower() for flag in words_of(flags))
    except ValueError:
        pass
    return None
