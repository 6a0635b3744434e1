"""Take mails that are done out of their folder, as the account wants it."""

from __future__ import annotations

from collections.abc import Collection

from shared.imap.conversation import Conversation
from shared.imap.copied import CopiedMails
from shared.imap.deletion import Expunger
from shared.imap.folder_choice import Folder, removal_target
from shared.imap.folder_list import list_folders
from shared.imap.moving import Mover, Source
from shared.model.errors import quoted
from shared.model.folders import Removal, RemovalKind


class Remover:
    """Removes mails of the folders of one session.

    `copied` are the mails that were copied elsewhere. `remarks` takes sentences for the operator.
    """

    def __init__(
        self, conversation: Conversation, removal: Removal, copied: CopiedMails, remarks: list[str]
    ) -> None:
        self._conversation = conversation
        self._removal = removal
        self._copied = copied
        self._remarks = remarks
        self._expungers: dict[str, Expunger] = {}
        self._target: Folder | None = None

    async def remove(self, source: Source, uids: Collection[int], read: Collection[str]) -> set[int]:
        """Return the mails of the selected folder `source` that the server agreed to take out of it.

        `read` are the names of the folders that are read. Mails must not be moved to one of them, where they
        would be taken for new ones.
        """
        expunger = self._expungers.get(source.folder)
        if expunger is None:
            expunger = Expunger(self._conversation, source.folder, self._remarks)
            self._expungers[source.folder] = expunger
        if self._removal.kind is RemovalKind.EXPUNGE:
            return await expunger.expunge(uids)
        if (obstacle := await self.obstacle(read)) is not None:
            self._note(obstacle)
        if obstacle is not None or self._target is None:
            return set()
        mover = Mover(self._conversation, self._target, expunger, self._copied, self._remarks)
        return await mover.move(source, uids)

    async def obstacle(self, read: Collection[str]) -> str | None:
        """Return why mails cannot be moved, as far as the names of the folders tell; None where they can."""
        if self._removal.kind is RemovalKind.EXPUNGE:
            return None
        if self._target is None:
            self._target = removal_target(self._removal, await list_folders(self._conversation))
        is_usable = self._target is not None and self._target.name not in read
        return None if is_usable else self._why_not(self._target)

    def _why_not(self, target: Folder | None) -> str:
        server = self._conversation.server
        if target is not None:
            return (
                f'"removal" would move mails to {quoted(target.name)}, which is read itself: they stay. Name '
                "a folder that is not read."
            )
        if self._removal.kind is RemovalKind.TRASH:
            return (
                f"{server} does not say which folder is its trash: delivered mails stay. Name it, as in "
                'removal = "move:Trash".'
            )
        return (
            f"{server} has no folder {quoted(self._removal.folder)} to move to: delivered mails stay. Create "
            'it, or correct "removal".'
        )

    def _note(self, sentence: str) -> None:
        if sentence not in self._remarks:
            self._remarks.append(sentence)
