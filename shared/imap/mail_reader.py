"""Read the mails of folders: huge ones in parts, and all others in sets.

A mail that came cut the last time is read in the other way now.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from itertools import groupby

from shared.imap.conversation import Conversation
from shared.imap.limits import Options
from shared.imap.part_retrieval import PartRetrieval
from shared.imap.retrieval import Retrieval
from shared.model.mailbox import Listed, RetrieveEvent

Reopen = Callable[[], Awaitable[None]]


class MailReader:
    """Reads within one session, and remembers whether its server serves mails, and parts of them."""

    def __init__(self, conversation: Conversation, options: Options) -> None:
        self._conversation = conversation
        self._options = options
        self._serves = False
        self._gives_parts = options.parts

    async def read(
        self,
        entries: Sequence[Listed],
        uids: Mapping[int, int],
        cut: Collection[str] = (),
        reopen: Reopen | None = None,
    ) -> AsyncIterator[list[RetrieveEvent]]:
        """Yield the events of mails of the selected folder; `uids` are their UIDs by number.

        `cut` are the names of mails that came cut the last time. `reopen` opens a new session with
        the same folder (see `PartRetrieval`).
        """
        huge = self._options.window.huge
        for in_parts, mails in groupby(entries, lambda entry: (entry.size > huge) != (entry.name in cut)):
            if not in_parts:
                async for events in self._read_in_sets(list(mails), uids, cut):
                    yield events
                continue
            for entry in mails:
                async for events in self._read_in_parts(entry, uids, cut, reopen):
                    yield events

    async def _read_in_sets(
        self, entries: Sequence[Listed], uids: Mapping[int, int], cut: Collection[str]
    ) -> AsyncIterator[list[RetrieveEvent]]:
        window = self._options.window
        retrieval = Retrieval(self._conversation, entries, uids, window, cut, serves=self._serves)
        async for events in retrieval.run():
            self._serves = retrieval.serves
            yield events

    async def _read_in_parts(
        self, entry: Listed, uids: Mapping[int, int], cut: Collection[str], reopen: Reopen | None
    ) -> AsyncIterator[list[RetrieveEvent]]:
        """Read a mail in parts where the server gives them, and else whole."""
        if self._gives_parts:
            part, most = self._options.window.part, self._options.limits.mail
            parts = PartRetrieval(self._conversation, entry, uids[entry.number], part, most, reopen)
            async for events in parts.run():
                self._serves = True
                yield events
            self._gives_parts = parts.obeys is not False
            if parts.is_read:
                return
        async for events in self._read_in_sets([entry], uids, cut):
            yield events
