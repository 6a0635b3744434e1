"""Delete mails of the selected folder for good: ours, and never another client's.

UID EXPUNGE (UIDPLUS; RFC 4315) names the mails. Without it EXPUNGE takes everything that is marked, whoever
marked it; so it is sent only while nothing is marked but our own mails.
"""

from __future__ import annotations

from collections.abc import Iterable

from shared.imap.commands import EXPUNGE
from shared.imap.conversation import Conversation, reply_to
from shared.imap.events import Reply
from shared.imap.mail_commands import store_deleted, uid_expunge
from shared.imap.presence import marked_deleted
from shared.imap.refusals import refused_command, says_gone
from shared.imap.uid_set import UidSet
from shared.model.errors import quoted

AT_ONCE = 500


class Expunger:
    """Deletes mails of one folder. `remarks` takes sentences for the operator."""

    def __init__(self, conversation: Conversation, folder: str, remarks: list[str]) -> None:
        self._conversation = conversation
        self._where = f"{quoted(folder)} on {conversation.server}"
        self._remarks = remarks
        self._ours: set[int] = set()
        capabilities = conversation.capabilities
        self._names_mails = capabilities is not None and capabilities.can_expunge_uids

    async def expunge(self, uids: Iterable[int]) -> set[int]:
        """Return the mails that the server agreed to delete."""
        await self._conversation.discard_answers()
        agreed: set[int] = set()
        remaining = UidSet.of(uids)
        for part in remaining.split(AT_ONCE):
            if not self._names_mails:
                break
            agreed.update(await self._expunge_named(part))
        if not self._names_mails:
            agreed |= await self._expunge_all_marked(set(remaining) - agreed)
        return agreed

    async def _expunge_named(self, part: UidSet) -> UidSet:
        store, expunge = store_deleted(part), uid_expunge(part)
        events = await self._conversation.execute_all([store, expunge])
        marked, expunged = reply_to(store, events), reply_to(expunge, events)
        if not self._is_marked(marked):
            return UidSet()
        if not expunged.ok:  # although it is announced: Proton's bridge does so
            self._names_mails = False
            return UidSet()
        return part

    async def _expunge_all_marked(self, uids: set[int]) -> set[int]:
        """Expunge whatever is marked, if that is ours alone. One round trip is left in which another client
        may mark a mail; nothing less is to be had without UIDPLUS.
        """
        parts = list(UidSet.of(uids).split(AT_ONCE))
        stores = [store_deleted(part) for part in parts]
        events = await self._conversation.execute_all(stores)
        for store, part in zip(stores, parts, strict=True):
            if self._is_marked(reply_to(store, events)):
                self._ours.update(part)
        ours = uids & self._ours
        if not ours:
            return set()
        marked = await marked_deleted(self._conversation)
        if marked is None or (foreign := set(marked) - self._ours):
            whose = "it is not known which mails are" if marked is None else f"{len(foreign)} other mails are"
            self._note(
                f"{len(ours)} delivered mails in {self._where} are marked as deleted but stay there: the "
                f"server can only remove all marked mails at once, and {whose} marked by another client."
            )
            return set()
        reply = await self._conversation.execute(EXPUNGE)
        if not reply.ok:
            self._note(str(refused_command(f"Expunging {self._where}", reply)))
            return set()
        return ours

    def _is_marked(self, reply: Reply) -> bool:
        """Return whether mails were marked; some of them may be gone."""
        if reply.ok or says_gone(reply):
            return True
        self._note(str(refused_command(f"Marking mails as deleted in {self._where}", reply)))
        return False

    def _note(self, sentence: str) -> None:
        if sentence not in self._remarks:
            self._remarks.append(sentence)
