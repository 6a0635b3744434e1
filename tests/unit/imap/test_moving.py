from __future__ import annotations

from shared.imap.commands import select
from shared.imap.deletion import Expunger
from shared.imap.folder_choice import Folder
from shared.imap.moving import Mover
from tests.unit.imap.sessions import ImapScript, logged_in

TRASH = Folder("Trash", b"Trash")


class Attempt:
    """Moves mails by script, with the folder selected."""

    def __init__(self, *reads: bytes, capabilities: bytes = b"UIDPLUS") -> None:
        self.reads = reads
        self.capabilities = capabilities
        self.remarks: list[str] = []
        self.stream = ImapScript()

    async def move(self, *uids: int) -> set[int]:
        self.stream, conversation = await logged_in(b"$1 OK\r\n", *self.reads, capabilities=self.capabilities)
        await conversation.execute(select(b"INBOX"))
        expunger = Expunger(conversation, "INBOX", self.remarks)
        return await Mover(conversation, TRASH, expunger, self.remarks).move(uids)

    @property
    def said(self) -> list[str]:
        return self.stream.said[1:]


async def test_without_move_mails_are_copied_and_then_expunged() -> None:
    attempt = Attempt(b"* SEARCH\r\n$2 OK\r\n", b"$3 OK\r\n", b"$4 OK\r\n$5 OK\r\n")
    assert await attempt.move(5, 6) == {5, 6}
    assert attempt.said == [
        "UID SEARCH DELETED",
        'UID COPY 5:6 "Trash"',
        r"UID STORE 5:6 +FLAGS.SILENT (\Deleted)",
        "UID EXPUNGE 5:6",
    ]


async def test_a_mail_that_an_earlier_visit_copied_and_could_not_expunge_is_not_copied_again() -> None:
    attempt = Attempt(b"* SEARCH 5\r\n$2 OK\r\n", b"$3 OK\r\n", b"$4 OK\r\n$5 OK\r\n")
    assert await attempt.move(5, 6) == {5, 6}
    assert attempt.said[1:3] == ['UID COPY 6 "Trash"', r"UID STORE 5:6 +FLAGS.SILENT (\Deleted)"]


async def test_nothing_is_copied_where_it_is_not_known_what_was_copied_before() -> None:
    attempt = Attempt(b"$2 NO not now\r\n")
    assert await attempt.move(5) == set()
    assert attempt.said == ["UID SEARCH DELETED"]
    assert "does not tell which mails" in attempt.remarks[0]


async def test_a_mail_that_could_not_be_copied_stays() -> None:
    attempt = Attempt(b"* SEARCH\r\n$2 OK\r\n", b"$3 NO [OVERQUOTA] full\r\n")
    assert await attempt.move(5) == set()
    assert len(attempt.said) == 2
    assert "Copying mails to Trash" in attempt.remarks[0]


async def test_with_move_one_command_does_it() -> None:
    attempt = Attempt(b"* 1 EXPUNGE\r\n$2 OK\r\n", capabilities=b"MOVE")
    assert await attempt.move(5) == {5}
    assert attempt.said == ['UID MOVE 5 "Trash"']
