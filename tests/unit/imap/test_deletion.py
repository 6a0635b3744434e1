from __future__ import annotations

import pytest

from shared.imap.commands import select
from shared.imap.deletion import Expunger
from tests.unit.imap.sessions import ImapScript, logged_in


class Attempt:
    """Deletes mails by script, with the folder selected."""

    def __init__(self, *reads: bytes, capabilities: bytes = b"UIDPLUS") -> None:
        self.reads = reads
        self.capabilities = capabilities
        self.remarks: list[str] = []
        self.stream = ImapScript()

    async def expunge(self, *calls: list[int]) -> list[set[int]]:
        self.stream, conversation = await logged_in(b"$1 OK\r\n", *self.reads, capabilities=self.capabilities)
        await conversation.execute(select(b"INBOX"))
        expunger = Expunger(conversation, "INBOX", self.remarks)
        return [await expunger.expunge(uids) for uids in calls]

    @property
    def said(self) -> list[str]:
        return self.stream.said[1:]


async def test_mails_are_marked_and_expunged_by_name_in_one_flight() -> None:
    attempt = Attempt(b"$2 OK\r\n", b"* 1 EXPUNGE\r\n$3 OK\r\n")
    assert await attempt.expunge([5, 6, 9]) == [{5, 6, 9}]
    assert attempt.said == [r"UID STORE 5:6,9 +FLAGS.SILENT (\Deleted)", "UID EXPUNGE 5:6,9"]
    assert len(attempt.stream.writes) == 2


async def test_many_mails_are_deleted_in_sets_of_500() -> None:
    attempt = Attempt(b"$2 OK\r\n$3 OK\r\n", b"$4 OK\r\n$5 OK\r\n")
    assert await attempt.expunge(list(range(1, 502))) == [set(range(1, 502))]
    assert [line.split()[2] for line in attempt.said] == ["1:500", "1:500", "501", "501"]


@pytest.mark.parametrize("refusal", [b"NO [NOPERM] no", b"NO read-only", b"BAD what"])
async def test_mails_that_could_not_be_marked_are_not_deleted(refusal: bytes) -> None:
    attempt = Attempt(b"$2 %s\r\n$3 OK\r\n" % refusal)
    assert await attempt.expunge([5]) == [set()]
    assert len(attempt.remarks) == 1


async def test_mails_of_which_some_are_gone_are_deleted_all_the_same() -> None:
    attempt = Attempt(b"$2 NO [EXPUNGEISSUED] some are gone\r\n$3 OK\r\n")
    assert await attempt.expunge([5]) == [{5}]


async def test_where_expunge_by_name_is_refused_all_that_is_marked_goes_if_it_is_ours() -> None:
    attempt = Attempt(
        b"$2 OK\r\n$3 NO not here\r\n", b"$4 OK\r\n", b"* SEARCH 5 6\r\n$5 OK\r\n", b"$6 OK\r\n"
    )
    assert await attempt.expunge([5, 6]) == [{5, 6}]
    assert attempt.said[3:] == ["UID SEARCH DELETED", "EXPUNGE"]


async def test_without_uidplus_our_marks_of_an_earlier_call_are_ours() -> None:
    attempt = Attempt(
        b"$2 OK\r\n",
        b"* SEARCH 5 9\r\n$3 OK\r\n",
        b"$4 OK\r\n",
        b"* SEARCH 5 9\r\n$5 OK\r\n",
        b"$6 OK\r\n",
        capabilities=b"",
    )
    assert await attempt.expunge([5], [9]) == [set(), {9}]
    assert attempt.said.count("EXPUNGE") == 1


@pytest.mark.parametrize("found", [b"* SEARCH 5 7\r\n$3 OK\r\n", b"$3 OK\r\n", b"* SEARCH 5\r\n$3 NO\r\n"])
async def test_without_uidplus_nothing_is_expunged_unless_all_marks_are_known_to_be_ours(
    found: bytes,
) -> None:
    attempt = Attempt(b"$2 OK\r\n", found, capabilities=b"")
    assert await attempt.expunge([5]) == [set()]
    assert "EXPUNGE" not in attempt.said
    assert "marked as deleted but stay there" in attempt.remarks[0]


async def test_a_refused_expunge_is_told() -> None:
    attempt = Attempt(b"$2 OK\r\n", b"* SEARCH 5\r\n$3 OK\r\n", b"$4 NO later\r\n", capabilities=b"")
    assert await attempt.expunge([5]) == [set()]
    assert attempt.remarks == ["Expunging INBOX on imap.example:143 was refused: later."]


async def test_no_mails_are_no_question() -> None:
    for capabilities in (b"UIDPLUS", b""):
        attempt = Attempt(capabilities=capabilities)
        assert await attempt.expunge([]) == [set()]
        assert attempt.said == []
