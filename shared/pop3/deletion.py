"""Mark mails for deletion (DELE), and check that answers are in step after a line that is none.

A DELE without a readable answer costs only that mail's deletion in this session. The next listing shows which
mails the server has deleted (custody rule 5).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from shared.model.mailbox import Listed
from shared.model.source_errors import SourceViolation
from shared.pop3 import commands
from shared.pop3.conversation import Conversation
from shared.pop3.events import Event, Reply, Unanswered, Unreadable


class DeletionMarker:
    """Marks `entries` for deletion, with up to `ahead` commands before their answers.

    `agreed` are the mails that the server agreed to delete. `unanswered` counts those that it did not answer.
    Where there are any, `agreed` has the right number of mails, but they may be others.
    """

    def __init__(self, conversation: Conversation, entries: Sequence[Listed], ahead: int) -> None:
        self._conversation = conversation
        self._remaining = deque(entries)
        self._ahead = ahead
        self._asked: deque[Listed] = deque()
        self._syncs = False
        self.agreed: list[Listed] = []
        self.unanswered = 0

    async def run(self) -> None:
        """Mark all mails. Raises `SourceViolation` where the server is out of step."""
        if self._conversation.in_doubt:
            await self._sync()
        while self._remaining or self._asked or self._syncs:
            if not self._syncs:
                await self._ask_more()
            for event in await self._conversation.read_events():
                await self._take(event)

    async def _ask_more(self) -> None:
        count = min(len(self._remaining), self._ahead - len(self._asked))
        batch = [self._remaining.popleft() for _ in range(count)]
        self._asked += batch
        await self._conversation.send_commands([commands.dele(entry.number) for entry in batch])

    async def _sync(self) -> None:
        """Send a command whose answer is recognised; nothing more is marked before it came."""
        self._syncs = True
        await self._conversation.send_commands([commands.SYNC])

    async def _take(self, event: Event) -> None:
        match event:
            case Unreadable():
                if not self._syncs:
                    await self._sync()
            case Unanswered():
                self._asked.popleft()
                self.unanswered += 1
            case Reply(command=command) if command is commands.SYNC:
                self._syncs = False
                check_in_step(self._conversation.server, event)
            case Reply(ok=ok):
                entry = self._asked.popleft()
                if ok:
                    self.agreed.append(entry)


async def sync(conversation: Conversation) -> None:
    """Make sure that the next answer is the one to the next command. No answer must be outstanding.

    Raises `SourceViolation` where it is not.
    """
    check_in_step(conversation.server, await conversation.execute(commands.SYNC))


def check_in_step(server: str, answer: object) -> None:
    """Raise `SourceViolation` unless this is an answer to `SYNC`."""
    pattern = commands.SYNC.answer_pattern
    assert pattern is not None
    if not (isinstance(answer, Reply) and answer.ok and pattern.match(answer.text)):
        raise SourceViolation(
            f"{server} sent lines that are no answers, and does not answer STAT behind them: it is not known "
            "which answers belong to which commands."
        )
