"""Move mails out of the selected folder into another one.

MOVE is one command (RFC 6851). Without it a mail is copied, and only when the server agreed to that is it
deleted here; that needs UIDPLUS. A crash in between leaves a second copy, never none. What is marked as
deleted is not copied: an earlier visit did that, and could not delete it here, or another client threw it
away.
"""

from __future__ import annotations

from collections.abc import Iterable

from shared.imap.conversation import Conversation
from shared.imap.deletion import AT_ONCE, Expunger
from shared.imap.folder_choice import Folder
from shared.imap.mail_commands import copy, move
from shared.imap.presence import marked_deleted
from shared.imap.refusals import refused_command, says_gone
from shared.imap.uid_set import UidSet
from shared.model.errors import quoted


class Mover:
    """Moves mails of one folder to `target`. `remarks` takes sentences for the operator."""

    def __init__(
        self, conversation: Conversation, target: Folder, expunger: Expunger, remarks: list[str]
    ) -> None:
        self._conversation = conversation
        self._target = target
        self._expunger = expunger
        self._remarks = remarks
        capabilities = conversation.capabilities
        self._moves = conversation.can("MOVE", "IMAP4REV2")
        self._copies = capabilities is not None and capabilities.can_expunge_uids

    async def move(self, uids: Iterable[int]) -> set[int]:
        """Return the mails that the server agreed to move."""
        await self._conversation.discard_answers()
        if not self._moves and not self._copies:
            self._note(
                f"{self._conversation.server} can neither move mails nor delete single ones (it announces "
                'neither MOVE nor UIDPLUS): delivered mails stay where they are. Use removal = "expunge".'
            )
            return set()
        wanted, agreed = UidSet.of(uids), set[int]()
        marked = UidSet() if self._moves else await marked_deleted(self._conversation)
        if marked is None:
            self._note(
                f"{self._conversation.server} does not tell which mails are marked as deleted, so that mails "
                f"might be copied to {quoted(self._target.name)} again and again: delivered mails stay."
            )
            return set()
        for part in wanted.split(AT_ONCE):
            agreed |= await (self._move(part) if self._moves else self._copy(part, marked))
        return agreed

    async def _move(self, part: UidSet) -> set[int]:
        reply = await self._conversation.execute(move(part, self._target.raw))
        if not reply.ok and not says_gone(reply):
            self._note(str(refused_command(f"Moving mails to {self._shown}", reply)))
            return set()
        return set(part)

    async def _copy(self, part: UidSet, marked: UidSet) -> set[int]:
        new = UidSet.of(uid for uid in part if uid not in marked)
        if new.ranges:
            reply = await self._conversation.execute(copy(new, self._target.raw))
            if not reply.ok:
                self._note(str(refused_command(f"Copying mails to {self._shown}", reply)))
                return await self._expunger.expunge(part.common(marked))
        return await self._expunger.expunge(part)

    @property
    def _shown(self) -> str:
        return f"{quoted(self._target.name)} on {self._conversation.server}"

    def _note(self, sentence: str) -> None:
        if sentence not in self._remarks:
            self._remarks.append(sentence)
