"""The commands that were sent and not answered yet, and whose answer something is.

A mail's answer is matched by its UID, never by its number or its place: servers send the data of several
commands before the first tagged line, and renumber in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator

from shared.imap.commands import Command, Verb
from shared.imap.selection import Selection
from shared.imap.states import SELECTS


class Sent:
    """One command on its way.

    `unsent` are the pieces that the server has to ask for, and `is_more_wanted` says that it did.
    `awaits_response`: it is our turn in an exchange. `awaited` are the UIDs whose body is still to come, for
    a FETCH of bodies. `selection` gathers what a SELECT tells. So many `folders` and `states` of folders were
    told in answer.
    """

    __slots__ = (
        "awaited",
        "awaits_response",
        "command",
        "folders",
        "is_more_wanted",
        "selection",
        "states",
        "told_capabilities",
        "unsent",
    )

    def __init__(self, command: Command, unsent: Collection[bytes]) -> None:
        self.command = command
        self.unsent = deque(unsent)
        self.awaits_response = command.needs_response or command.verb is Verb.IDLE
        self.awaited = set(command.uids or ()) if command.section is not None else set()
        self.selection = Selection(command) if command.verb in SELECTS else None
        self.told_capabilities = False
        self.folders = 0
        self.states = 0
        self.is_more_wanted = False

    @property
    def is_complete(self) -> bool:
        """Whether all of it was sent, so that the server can have done it."""
        return not self.unsent and not self.awaits_response


class Outstanding:
    """The commands of one connection, by tag, in the order in which they were sent."""

    def __init__(self) -> None:
        self._sent: dict[bytes, Sent] = {}

    def __len__(self) -> int:
        return len(self._sent)

    def __iter__(self) -> Iterator[Sent]:
        return iter(self._sent.values())

    def add_command(self, tag: bytes, sent: Sent) -> None:
        """A command goes out under this tag."""
        self._sent[tag] = sent

    def find_tag(self, tag: bytes) -> Sent | None:
        """Return the command with this tag, if one is outstanding."""
        return self._sent.get(tag)

    def remove_tag(self, tag: bytes) -> None:
        """The command with this tag was answered."""
        del self._sent[tag]

    @property
    def last(self) -> Sent | None:
        """The command that was sent last, unless it was answered before the others."""
        return next(reversed(self._sent.values()), None)

    def any_of(self, verbs: Collection[Verb]) -> Sent | None:
        """Return the first that is one of these."""
        return next((sent for sent in self if sent.command.verb in verbs), None)

    def owner_of_items(self, uid: int | None, items: Collection[str]) -> Command | None:
        """Return the FETCH that asked for some of these items of this mail.

        A mail with an impossible UID may be anybody's. One without a UID is nobody's: so servers tell of
        changes that nobody asked about.
        """
        if uid is None:
            return None
        for sent in self._sent.values():
            command = sent.command
            if command.verb is Verb.FETCH and command.section is None and command.uids is not None:
                asked = not command.items.isdisjoint(items)
                if asked and (uid == 0 or uid in command.uids):
                    return command
        return None

    def awaits_section(self, section: str) -> bool:
        """Return whether the body of any mail, or this section of it, is still to come."""
        return any(sent.awaited and sent.command.section == section for sent in self)

    def owner_of_body(self, uid: int | None, section: str, origin: int | None) -> tuple[Sent, int] | None:
        """Return the FETCH that still awaits this body, and the mail's UID.

        Without a UID that is possible only where exactly one mail, or this part of one, is awaited. A part
        is that of the command which asked for its origin, or else of the first that asked for a part of the
        mail.
        """
        if uid and origin is None:
            for sent in self._sent.values():
                if uid in sent.awaited and sent.command.section == section and sent.command.origin is None:
                    return sent, uid
        candidates = [sent for sent in self if sent.awaited and sent.command.section == section]
        if not uid:
            if origin is not None:
                candidates = [sent for sent in candidates if sent.command.origin == origin] or candidates
            if len(candidates) != 1 or len(candidates[0].awaited) != 1:
                return None
            return candidates[0], next(iter(candidates[0].awaited))
        theirs = [sent for sent in candidates if uid in sent.awaited]
        exact = [sent for sent in theirs if sent.command.origin == origin]
        return next(((sent, uid) for sent in exact or theirs), None)

    def owner_of_search(self, tag: bytes | None) -> Command | None:
        """Return the SEARCH that a result answers: the one it names, or the only one that gets none named."""
        named = self._sent.get(tag) if tag else None
        if named is not None:
            return named.command if named.command.verb is Verb.SEARCH else None
        if tag:
            return None
        searches = [sent.command for sent in self if sent.command.verb is Verb.SEARCH]
        if tag is None:
            searches = [command for command in searches if not command.returns_tag] or searches
        return searches[0] if len(searches) == 1 else None
