"""Which mails are requested next, and which requests are not answered yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence

from typing_extensions import override

from shared.model.mailbox import Listed
from shared.net.reading.refused_mails import SAMPLES, Requests
from shared.pop3 import commands
from shared.pop3.commands import Command
from shared.pop3.limits import PipelineWindow
from shared.pop3.server_quirks import ServerQuirks


class RequestQueue(Requests):
    """Requests `entries` in their order, as many at a time as `window` allows.

    Those whose name is in `cut` are requested alone, and read by their size. `last` is the mail that was
    answered last.
    """

    def __init__(
        self, entries: Sequence[Listed], window: PipelineWindow, quirks: ServerQuirks, cut: Collection[str]
    ) -> None:
        self._waiting = deque(entries)
        self._window = window
        self._quirks = quirks
        self._cut = frozenset(cut)
        self._by_retr: set[int] = set()
        self._asked: deque[Listed] = deque()
        self._octets = 0
        self.last: Listed | None = None
        self._stopped = False
        self._samples = 0

    @property
    def is_done(self) -> bool:
        """Whether all that is to be requested was requested and answered."""
        return not self._asked and not (self._waiting and (self._samples or not self._stopped))

    @property
    def current(self) -> Listed | None:
        """The mail whose answer is coming in, or comes next; None where no request is open."""
        return self._asked[0] if self._asked else None

    def is_by_size(self, entry: Listed) -> bool:
        """Return whether a mail is read by its size."""
        return bool(self._cut) and entry.name in self._cut

    def next_commands(self) -> list[Command]:
        """Return the commands to send now."""
        batch: list[Command] = []
        if self._stopped:
            return self._sample()
        while self._waiting and self._has_room(self._waiting[0]):
            batch.append(self._ask(self._waiting.popleft()))
        return batch

    def take_answered(self) -> Listed:
        """Return the mail whose answer is now complete."""
        self.last = entry = self._asked.popleft()
        self._octets -= entry.size
        return entry

    def ask_again(self, entry: Listed, *, by_retr: bool = False) -> None:
        """Request a mail once more, next."""
        if by_retr:
            self._by_retr.add(entry.number)
        self._waiting.appendleft(entry)

    def stop_pipelining(self) -> None:
        """Request each mail only when the one before it was answered."""
        self._window = PipelineWindow(retrievals=1)

    @override
    def stop_asking(self) -> None:
        """Request nothing more until `resume_asking`."""
        self._stopped = True
        self._samples = 0

    @override
    def ask_for_samples(self) -> None:
        """Request a few mails further on, the last one first, and then nothing more until `resume_asking`."""
        self._stopped = True
        self._samples = SAMPLES

    @override
    def resume_asking(self) -> None:
        """Request the remaining mails."""
        self._stopped = False
        self._samples = 0

    def _sample(self) -> list[Command]:
        batch: list[Command] = []
        while self._samples and self._waiting:
            place = -1 if self._samples == SAMPLES else len(self._waiting) // 2
            entry = self._waiting[place]
            if not self._has_room(entry):
                break
            del self._waiting[place]
            self._samples -= 1
            batch.append(self._ask(entry))
        return batch

    def _ask(self, entry: Listed) -> Command:
        self._asked.append(entry)
        self._octets += entry.size
        if self.is_by_size(entry):
            return commands.retr(entry.number, entry.size)
        if entry.number in self._by_retr:
            return commands.retr(entry.number)
        return self._quirks.read_command(entry.number)

    def _has_room(self, entry: Listed) -> bool:
        if not self._asked:
            return True
        if self._cut and (self.is_by_size(entry) or self.is_by_size(self._asked[-1])):
            return False
        return len(self._asked) < self._window.retrievals and self._octets < self._window.octets
