from __future__ import annotations

from shared.imap.commands import select
from shared.imap.copied import MOST, CopiedMails
from shared.imap.deletion import Expunger
from shared.imap.folder_choice import Folder
from shared.imap.moving import Mover, Source
from shared.imap.refused_features import RefusedFeatures
from tests.unit.imap.sessions import SERVER, ImapScript, logged_in

TRASH = Folder("Trash", b"Trash")
INBOX = Source("INBOX", 9)


class Attempt:
    """Moves mails by script, with the folder selected. `copied` are what an earlier visit copied."""

    def __init__(
        self, *reads: bytes, capabilities: bytes = b"UIDPLUS", copied: CopiedMails | None = None
    ) -> None:
        self.reads = reads
        self.copied = copied or CopiedMails()
        self.capabilities = capabilities
        self.refused = RefusedFeatures()
        self.remarks: list[str] = []
        self.stream = ImapScript()

    async def move(self, *uids: int) -> set[int]:
        self.stream, conversation = await logged_in(b"$1 OK\r\n", *self.reads, capabilities=self.capabilities)
        conversation.refused = self.refused
        await conversation.execute(select(b"INBOX"))
        expunger = Expunger(conversation, "INBOX", self.remarks)
        return await Mover(conversation, TRASH, expunger, self.copied, self.remarks).move(INBOX, uids)

    @property
    def said(self) -> list[str]:
        return self.stream.said[1:]


async def test_without_move_mails_are_copied_and_then_expunged() -> None:
    attempt = Attempt(b"$2 OK\r\n", b"$3 OK\r\n$4 OK\r\n")
    assert await attempt.move(5, 6) == {5, 6}
    assert attempt.said == [
        'UID COPY 5:6 "Trash"',
        r"UID STORE 5:6 +FLAGS.SILENT (\Deleted)",
        "UID EXPUNGE 5:6",
    ]


async def test_a_mail_that_an_earlier_visit_copied_and_could_not_expunge_is_not_copied_again() -> None:
    first = Attempt(b"$2 OK\r\n", b"$3 NO not now\r\n$4 OK\r\n")
    assert await first.move(5) == set()
    attempt = Attempt(b"$2 OK\r\n", b"$3 OK\r\n$4 OK\r\n", copied=CopiedMails(first.copied.written))
    assert await attempt.move(5, 6) == {5, 6}
    assert attempt.said[:2] == ['UID COPY 6 "Trash"', r"UID STORE 5:6 +FLAGS.SILENT (\Deleted)"]


async def test_a_mail_that_another_client_marked_as_deleted_is_copied_all_the_same() -> None:
    attempt = Attempt(b"* 1 FETCH (UID 5 FLAGS (\\Deleted))\r\n$2 OK\r\n", b"$3 OK\r\n$4 OK\r\n")
    assert await attempt.move(5) == {5}
    assert attempt.said[0] == 'UID COPY 5 "Trash"'


async def test_where_a_copied_mail_cannot_be_deleted_the_next_ones_are_not_copied() -> None:
    attempt = Attempt(b"$2 OK\r\n", b"$3 NO not here\r\n$4 OK\r\n")
    assert await attempt.move(*range(1, 502)) == set()
    assert [line.split()[1] for line in attempt.said] == ["COPY", "STORE", "EXPUNGE"]


async def test_nothing_more_is_copied_where_much_was_copied_in_vain() -> None:
    copied = CopiedMails()
    copied.note_copied("INBOX", 9, range(1, MOST + 1))
    attempt = Attempt(copied=CopiedMails(copied.written))
    assert await attempt.move(MOST + 1) == set()
    assert attempt.said == []
    assert "no more are copied" in attempt.remarks[0]


async def test_a_mail_that_could_not_be_copied_stays() -> None:
    attempt = Attempt(b"$2 NO [OVERQUOTA] full\r\n")
    assert await attempt.move(5) == set()
    assert len(attempt.said) == 1
    assert "Copying mails to Trash" in attempt.remarks[0]


async def test_what_was_copied_before_is_deleted_although_nothing_can_be_copied_now() -> None:
    copied = CopiedMails()
    copied.note_copied("INBOX", 9, [5])
    attempt = Attempt(b"$2 NO [OVERQUOTA] full\r\n", b"$3 OK\r\n$4 OK\r\n", copied=copied)
    assert await attempt.move(5, 6) == {5}
    assert attempt.said[1:] == [r"UID STORE 5 +FLAGS.SILENT (\Deleted)", "UID EXPUNGE 5"]


async def test_with_move_one_command_does_it() -> None:
    attempt = Attempt(b"* 1 EXPUNGE\r\n$2 OK\r\n", capabilities=b"MOVE")
    assert await attempt.move(5) == {5}
    assert attempt.said == ['UID MOVE 5 "Trash"']


async def test_where_move_is_not_understood_though_announced_mails_are_copied_for_a_day() -> None:
    attempt = Attempt(
        b"$2 BAD unknown command\r\n", b"$3 OK\r\n", b"$4 OK\r\n$5 OK\r\n", capabilities=b"MOVE UIDPLUS"
    )
    assert await attempt.move(5) == {5}
    assert [line.split()[1] for line in attempt.said] == ["MOVE", "COPY", "STORE", "EXPUNGE"]
    assert attempt.refused.has(SERVER, "MOVE")
