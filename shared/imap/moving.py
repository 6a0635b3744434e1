"""Move mails out of the selected folder into another one.

MOVE is one command (RFC 6851). Without it a mail is copied, and only when the server agreed to that is it
deleted here; that needs UIDPLUS. A crash in between leaves a second copy, never none. What an earlier visit
copied and could not delete here is not copied again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from shared.imap.conversation import Conversation
from shared.imap.copied import CopiedMails
from shared.imap.deletion import AT_ONCE, Expunger
from shared.imap.folder_choice import Folder
from shared.imap.mail_commands import copy, move
from shared.imap.refusals import refused_command, says_gone, was_not_understood
from shared.imap.uid_set import UidSet
from shared.model.errors import quoted


class Source(NamedTuple):
    """The selected folder."""

    folder: str
    uidvalidity: int


class Mover:
    """Moves mails of one folder to `target`.

    `copied` knows what was copied, and is told. `remarks` takes sentences for the operator.
    """

    def __init__(
        self,
        conversation: Conversation,
        target: Folder,
        expunger: Expunger,
        copied: CopiedMails,
        remarks: list[str],
    ) -> None:
        self._conversation = conversation
        self._target = target
        self._expunger = expunger
        self._copied = copied
        self._remarks = remarks
        capabilities = conversation.capabilities
        self._moves = conversation.can("MOVE", "IMAP4REV2")
        self._copies = capabilities is not None and capabilities.can_expunge_uids

    async def move(self, source: Source, uids: Iterable[int]) -> set[int]:
        """Return the mails of the selected folder `source` that the server agreed to move."""
        await self._conversation.discard_answers()
        if not self._moves and not self._copies:
            self._note(
                f"{self._conversation.server} can neither move mails nor delete single ones (it announces "
                'neither MOVE nor UIDPLUS): delivered mails stay where they are. Use removal = "expunge".'
            )
            return set()
        agreed = set[int]()
        for part in UidSet.of(uids).split(AT_ONCE):
            gone = await (self._move(source, part) if self._moves else self._copy(source, part))
            if not gone and not self._moves:
                break  # else the next ones would be copied in vain, too
            agreed |= gone
        return agreed

    async def _move(self, source: Source, part: UidSet) -> set[int]:
        reply = await self._conversation.execute(move(part, self._target.raw))
        if was_not_understood(reply) and self._copies:  # although it is announced
            self._conversation.do_without("MOVE")
            self._moves = False
            return await self._copy(source, part)
        if not reply.ok and not says_gone(reply):
            self._note(str(refused_command(f"Moving mails to {self._shown}", reply)))
            return set()
        return set(part)

    async def _copy(self, source: Source, part: UidSet) -> set[int]:
        """Copy what is not copied yet, and delete what is."""
        earlier = self._copied.of_folder(*source)
        new = UidSet.of(uid for uid in part if uid not in earlier)
        if new.ranges and await self._is_copied(source, new):
            self._copied.note_copied(*source, new)
        done = self._copied.of_folder(*source)
        return await self._expunger.expunge(uid for uid in part if uid in done)

    async def _is_copied(self, source: Source, part: UidSet) -> bool:
        if self._copied.is_full(source.folder):
            self._note(
                f"{self._conversation.server} agrees to copy mails to {quoted(self._target.name)} and does "
                "not delete them where they were: no more are copied, and delivered mails stay. Ask its "
                'operator why, or use removal = "expunge" or retention = "keep".'
            )
            return False
        reply = await self._conversation.execute(copy(part, self._target.raw))
        if not reply.ok:
            self._note(str(refused_command(f"Copying mails to {self._shown}", reply)))
        return reply.ok

    @property
    def _shown(self) -> str:
        return f"{quoted(self._target.name)} on {self._conversation.server}"

    def _note(self, sentence: str) -> None:
        if sentence not in self._remarks:
            self._remarks.append(sentence)
