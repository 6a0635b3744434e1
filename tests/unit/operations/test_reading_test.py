"""Whether a source still shows a mail that was read, for a mailbox with folders and UIDVALIDITY."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import pytest
from typing_extensions import override

from shared.model.mailbox import Listing, Place, UidRange, numeric_uid
from shared.operations.mailboxes import OperatorMailbox
from shared.operations.reading_test import MAX_SIZE, AfterReading, ReadingTest, try_reading
from tests.fakes.mailbox import FakeMailbox

MAILS = {numeric_uid(7): b"Subject: a\r\n\r\n", numeric_uid(9): b"Subject: b\r\n\r\n"}


class Folder(FakeMailbox):
    """An IMAP folder with this UIDVALIDITY. Sizes are not listed where they are `unsized`."""

    def __init__(self, mails: dict[str, bytes], uidvalidity: int = 1, unsized: Collection[str] = ()) -> None:
        super().__init__(dict(mails))
        self.place = Place("INBOX", uidvalidity)
        self.unsized = unsized

    @override
    async def listing(self) -> Listing:
        entries = [
            each._replace(place=self.place, size=0 if each.uid in self.unsized else each.size)
            for each in (await super().listing()).entries
        ]
        return Listing(entries, has_uids=True, problems=(), covered=(UidRange(self.place),))


async def read_in(directory: Path, *sessions: FakeMailbox) -> ReadingTest:
    upcoming = iter(sessions)

    async def opened() -> OperatorMailbox:
        return next(upcoming)

    return await try_reading(opened, directory)


def copies(directory: Path) -> Sequence[Path]:
    return list(directory.iterdir())


async def test_a_mail_that_stays_is_shown(tmp_path: Path) -> None:
    found = await read_in(tmp_path, Folder(MAILS), Folder(MAILS))
    assert (found.after_reading, copies(tmp_path)) == (AfterReading.SHOWS, [])


async def test_a_mail_that_went_is_hidden_and_its_copy_stays(tmp_path: Path) -> None:
    found = await read_in(tmp_path, Folder(MAILS), Folder({}))
    assert (found.after_reading, len(copies(tmp_path))) == (AfterReading.HIDES, 1)


async def test_under_another_uidvalidity_the_same_uid_tells_nothing(tmp_path: Path) -> None:
    found = await read_in(tmp_path, Folder(MAILS), Folder(MAILS, uidvalidity=2))
    assert (found.after_reading, len(copies(tmp_path))) == (AfterReading.UNKNOWN, 1)
    assert str(copies(tmp_path)[0]) in found.sentence


async def test_a_mail_of_known_size_is_read_rather_than_one_of_unknown_size(tmp_path: Path) -> None:
    first = Folder(MAILS, unsized=[numeric_uid(7)])
    await read_in(tmp_path, first, Folder(MAILS))
    assert first.retrieved == [numeric_uid(9)]


async def test_a_mail_that_turns_out_too_large_is_left_in_a_session_without_an_end(tmp_path: Path) -> None:
    large = Folder({numeric_uid(7): bytes(MAX_SIZE + 1)}, unsized=[numeric_uid(7)])
    found = await read_in(tmp_path, large)
    assert (found.after_reading, large.finished, copies(tmp_path)) == (AfterReading.UNKNOWN, 0, [])


@pytest.mark.parametrize("mails", [{}, {numeric_uid(7): bytes(MAX_SIZE + 1)}])
async def test_without_a_small_mail_nothing_is_read(tmp_path: Path, mails: dict[str, bytes]) -> None:
    folder = Folder(mails)
    found = await read_in(tmp_path, folder)
    assert (found.after_reading, folder.retrieved, folder.finished) == (AfterReading.UNKNOWN, [], 1)
