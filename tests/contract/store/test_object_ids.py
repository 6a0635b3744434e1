"""What the store promises of object ids: by them a visit recognises mails, and labels are no copies."""

from __future__ import annotations

from shared.model.mailbox import Place, UidRange
from shared.model.message import LedgerKey, RecipientStatus
from tests.contract.store.test_surplus import POSTMASTER, copy, served
from tests.fakes.mail_lives import BOB, Lives, mail


async def named(lives: Lives, folder: str, uid: str, object_id: str) -> str:
    read = mail(uid)._replace(key=LedgerKey(folder, 7, uid), object_id=object_id)
    [message] = await lives.fetch(read)
    return message


async def object_ids(lives: Lives) -> dict[str, str]:
    account = lives.fence.account
    whole = await lives.store.fetcher.ledger_rows(account)
    part = await lives.store.fetcher.ledger_rows(account, [UidRange(Place("INBOX", 7))])
    assert sorted(part) == sorted(whole)
    return {row.message: row.object_id for row in whole}


async def test_a_visit_learns_the_object_ids_of_an_account(lives: Lives) -> None:
    with_id, without = await named(lives, "INBOX", "1", "M1"), await named(lives, "INBOX", "2", "")
    assert await object_ids(lives) == {with_id: "M1", without: ""}
    assert await lives.is_sound()


async def test_an_object_id_stays_when_its_mail_is_fetched_again_and_is_learnt_late(lives: Lives) -> None:
    first, second = await named(lives, "INBOX", "1", "M1"), await named(lives, "INBOX", "2", "")
    lives.now += 10_000
    again = [
        mail("1", message=first, known=1)._replace(key=LedgerKey("INBOX", 7, "1")),
        mail("2", message=second, known=1)._replace(key=LedgerKey("INBOX", 7, "2"), object_id="M2"),
    ]
    await lives.fetch(*again)
    assert await object_ids(lives) == {first: "M1", second: "M2"}
    assert await lives.is_sound()


async def test_an_object_id_comes_back_from_the_journal(lives: Lives) -> None:
    message = await named(lives, "INBOX", "1", "M1")
    assert await lives.store.operator.rebuild_tables() == 1
    assert await object_ids(lives) == {message: "M1"}


async def test_a_mail_with_two_labels_is_no_surplus_copy(lives: Lives) -> None:
    labels = [await named(lives, folder, "1", "1278455344230334865") for folder in ("INBOX", "Work", "Old")]
    assert [await served(lives, copy(each)) for each in labels] == [[BOB], [], []]
    for each in labels[1:]:
        [(address, recipient)] = (await lives.state(each)).recipients.items()
        assert (address, recipient.status) == (BOB, RecipientStatus.WAITING)
    assert await lives.is_sound()


async def test_nor_are_its_labels_in_one_batch(lives: Lives) -> None:
    labels = [await named(lives, folder, "1", "1278455344230334865") for folder in ("INBOX", "Work")]
    assert await served(lives, *map(copy, labels)) == [BOB]


async def test_two_mails_in_one_folder_are_two_whatever_their_object_id(lives: Lives) -> None:
    twins = [await named(lives, "INBOX", uid, "M1") for uid in ("1", "2")]
    assert [await served(lives, copy(each)) for each in twins] == [[BOB], [POSTMASTER]]


async def test_a_blind_copy_counts_beside_a_mail_with_two_labels(lives: Lives) -> None:
    first = await named(lives, "INBOX", "1", "G1")
    label = await named(lives, "Work", "1", "G1")
    blind = await named(lives, "INBOX", "2", "G2")
    assert [await served(lives, copy(each)) for each in (first, label, blind)] == [[BOB], [], [POSTMASTER]]
