"""Which mails are requested next and in which sets, and which of the requested ones have not come yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence

from typing_extensions import override

from shared.imap.commands import Command
from shared.imap.limits import FetchWindow
from shared.imap.mail_commands import fetch_mails
from shared.imap.uid_set import UidSet
from shared.model.mailbox import Listed
from shared.net.reading.refused_mails import SAMPLES, Requests


class RequestedSet:
    """The mails of one FETCH; `awaited` are those that have not come, by UID."""

    __slots__ = ("asked", "awaited", "command")

    def __init__(self, command: Command, awaited: dict[int, Listed]) -> None:
        self.command = command
        self.awaited = awaited
        self.asked = len(awaited)


class FetchQueue(Requests):
    """Requests `entries` in their order, in sets as `window` says.

    `uids` are their UIDs by number. Those whose name is in `cut` are requested while nothing else is on its
    way.
    """

    def __init__(
        self,
        entries: Sequence[Listed],
        uids: Mapping[int, int],
        window: FetchWindow,
        cut: Collection[str] = (),
    ) -> None:
        self._waiting = deque(entries)
        self._uids = uids
        self._window = window
        self._exclusive = {entry.number for entry in entries if entry.name in cut} if cut else set()
        self._single: set[int] = set()
        self._open: dict[int, RequestedSet] = {}
        self._stopped = False
        self._samples = 0

    @property
    def is_done(self) -> bool:
        """Whether all that is to be requested was requested and answered."""
        return not self._open and not (self._waiting and (self._samples or not self._stopped))

    def next_commands(self) -> list[Command]:
        """Return the commands to send now."""
        batch: list[Command] = []
        while len(self._open) < self._window.sets and (entries := self._next_set()):
            command = fetch_mails(UidSet.of(self._uids[entry.number] for entry in entries))
            awaited = {self._uids[entry.number]: entry for entry in entries}
            self._open[id(command)] = RequestedSet(command, awaited)
            batch.append(command)
        return batch

    def take(self, command: Command, uid: int) -> Listed | None:
        """Return the mail that came as an answer to `command`; None if it was not awaited."""
        requested = self._open.get(id(command))
        return None if requested is None else requested.awaited.pop(uid, None)

    def find(self, uid: int | None) -> Listed | None:
        """Return the awaited mail with this UID; without one, the only one that is awaited."""
        for requested in self._open.values():
            if uid and uid in requested.awaited:
                return requested.awaited[uid]
        return None if uid else self._only_one()

    def first(self) -> Listed | None:
        """Return the mail that should come next."""
        return next((entry for each in self._open.values() for entry in each.awaited.values()), None)

    def finish(self, command: Command) -> RequestedSet | None:
        """Return the answered set; None for another command."""
        return self._open.pop(id(command), None)

    def ask_singly(self, entries: Sequence[Listed]) -> None:
        """Request each of the mails in a set of its own, next."""
        self._single.update(entry.number for entry in entries)
        self._waiting.extendleft(reversed(entries))

    def ask_exclusively(self, entry: Listed) -> None:
        """Request a mail once more, while nothing else is on its way."""
        self._exclusive.add(entry.number)
        self._waiting.appendleft(entry)

    @override
    def stop_asking(self) -> None:
        self._stopped = True
        self._samples = 0

    @override
    def ask_for_samples(self) -> None:
        self._stopped = True
        self._samples = SAMPLES

    @override
    def resume_asking(self) -> None:
        self._stopped = False
        self._samples = 0

    def _only_one(self) -> Listed | None:
        awaited = [entry for each in self._open.values() for entry in each.awaited.values()]
        return awaited[0] if len(awaited) == 1 else None

    def _next_set(self) -> list[Listed]:
        if not self._waiting or self._is_reserved():
            return []
        if self._stopped:
            return self._next_sample()
        first = self._waiting[0]
        if first.number in self._exclusive and self._open:
            return []
        entries = [self._waiting.popleft()]
        if self._is_alone(first):
            return entries
        octets, window = first.size, self._window
        while self._waiting and len(entries) < window.mails:
            entry = self._waiting[0]
            octets += entry.size
            if octets > window.octets or self._is_alone(entry):
                break
            entries.append(self._waiting.popleft())
        return entries

    def _next_sample(self) -> list[Listed]:
        if not self._samples:
            return []
        place = -1 if self._samples == SAMPLES else len(self._waiting) // 2
        if self._waiting[place].number in self._exclusive and self._open:
            return []
        entry = self._waiting[place]
        del self._waiting[place]
        self._samples -= 1
        self._single.add(entry.number)
        return [entry]

    def _is_reserved(self) -> bool:
        """Return whether a mail is on its way that must be alone."""
        return bool(self._exclusive) and any(
            entry.number in self._exclusive for each in self._open.values() for entry in each.awaited.values()
        )

    def _is_alone(self, entry: Listed) -> bool:
        return (
            entry.size > self._window.alone or entry.number in self._single or entry.number in self._exclusive
        )
