"""What the store promises of source folders: the relay learns them, and copies may be in several of them."""

from __future__ import annotations

from shared.custody.commands import Attempt, ChosenRecipient, NewPlace, RoutedMail, Surplus
from shared.model.mailbox import Place, UidRange
from shared.model.message import LedgerKey, RecipientStatus
from tests.fakes.mail_lives import BOB, EVE, LEASE, Lives, mail, routed

SALES = "sales@corp.example"
INFO = "info@corp.example"
POSTMASTER = "postmaster@corp.example"
TO_POSTMASTER = ChosenRecipient(POSTMASTER, "", "a copy for somebody unnamed")
COPY = "the same content"


async def fetched(lives: Lives, folder: str, uid: str, *, blob: str | None = None) -> str:
    """A mail that was fetched from this folder."""
    read = mail(uid, blob=blob)._replace(key=LedgerKey(folder, 7, uid))
    [message] = await lives.fetch(read)
    return message


async def begun_in(lives: Lives, message: str, attempt: int = 0) -> list[str]:
    """The folders that a relay is told when it begins an attempt."""
    wish = Attempt(message, 1, ((BOB, attempt),), "relay-1")
    begun = await lives.store.relay.begin_attempts([wish], lives.now, LEASE)
    return [each.folder for each in begun.servings]


async def test_router_and_relay_learn_the_folder_of_a_mail(lives: Lives) -> None:
    message = await fetched(lives, "Entw\u00fcrfe/Web", "1")
    servings, _ = await lives.route(routed(message, BOB))
    assert [each.folder for each in servings] == ["Entw\u00fcrfe/Web"]
    assert await begun_in(lives, message) == ["Entw\u00fcrfe/Web"]
    assert await begun_in(lives, await lives.routed("uid 1")) == ["INBOX"]


async def test_a_relay_learns_the_folder_at_each_attempt_also_after_an_operator_had_it_retried(
    lives: Lives,
) -> None:
    message = await fetched(lives, "Sales", "1", blob="mail/m1")
    await lives.route(routed(message, BOB))
    await lives.park(message, blob="mail/m1")
    await lives.store.operator.retry_parked(message, [BOB], None, None, lives.now)
    assert await begun_in(lives, message, attempt=1) == ["Sales"]


async def test_a_relay_learns_the_folder_in_which_a_mail_is_now(lives: Lives) -> None:
    message = await fetched(lives, "Sales", "1")
    await lives.route(routed(message, BOB))
    place = NewPlace(message, LedgerKey("Sales/2026", 7, "5"), 4000)
    await lives.store.fetcher.rename_mails(lives.fence, [place], lives.now)
    assert await begun_in(lives, message) == ["Sales/2026"]


async def test_copies_in_two_folders_reach_the_recipient_of_each_once(lives: Lives) -> None:
    folders = {"Sales": SALES, "Info": INFO}
    copies = [(await fetched(lives, each, "1"), folders[each]) for each in folders]
    servings, _ = await lives.route(*(routed(message, who, identity=COPY) for message, who in copies))
    assert sorted(each.address for serving in servings for each in serving.recipients) == [INFO, SALES]
    for message, _ in copies:
        await lives.deliver(message)
    again = await fetched(lives, "Sales", "2")
    servings, settled = await lives.route(routed(again, SALES, identity=COPY))
    assert (list(servings), [each.message for each in settled]) == ([], [again])
    assert await lives.status(again, SALES) is RecipientStatus.SUPPRESSED
    assert await lives.is_sound()


def guessed(message: str, *who: str) -> RoutedMail:
    """A copy in INBOX, of which only To tells who is meant, while the folder Sales is for somebody else."""
    surplus = Surplus(TO_POSTMASTER, len(who), frozenset({"Sales"}))
    return routed(message, *who, identity="copy", surplus=surplus)


def certain(message: str, who: str) -> RoutedMail:
    return guessed(message, who)._replace(surplus=None)


async def test_a_copy_in_a_folder_with_a_recipient_of_its_own_is_no_surplus(lives: Lives) -> None:
    in_sales = await fetched(lives, "Sales", "1")
    await lives.route(certain(in_sales, BOB))
    in_inbox = await fetched(lives, "INBOX", "1")
    servings, _ = await lives.route(guessed(in_inbox, BOB))
    assert list(servings) == []
    assert set((await lives.state(in_inbox)).recipients) == {BOB}


async def test_nor_does_it_make_one_of_others_in_the_same_batch_or_before(lives: Lives) -> None:
    copies = [await fetched(lives, "INBOX", str(number)) for number in range(3)]
    in_sales = await fetched(lives, "Sales", "1")
    servings, _ = await lives.route(
        certain(in_sales, SALES), guessed(copies[0], BOB, EVE), guessed(copies[1], BOB, EVE)
    )
    assert sorted(each.address for serving in servings for each in serving.recipients) == [BOB, EVE, SALES]
    servings, _ = await lives.route(guessed(copies[2], BOB, EVE))
    assert [each.address for serving in servings for each in serving.recipients] == [POSTMASTER]
    assert await lives.is_sound()


async def test_the_ledger_is_read_for_as_many_folders_as_a_mailbox_may_have(lives: Lives) -> None:
    first, last = (
        await fetched(lives, "Folder 0", "0000000007"),
        await fetched(lives, "Folder 998", "0000000007"),
    )
    await fetched(lives, "Folder 5", "0000000001")
    ranges = [UidRange(Place(f"Folder {number}", 7), "0000000005") for number in range(999)]
    rows = await lives.store.fetcher.ledger_rows(lives.fence.account, [*ranges, ranges[0]])
    assert sorted(row.message for row in rows) == sorted([first, last])


async def test_mails_of_other_folders_and_uidvalidities_are_found_without_reading_the_folder(
    lives: Lives,
) -> None:
    await fetched(lives, "Folder 5", "0000000001")
    others = [await fetched(lives, folder, "0000000001") for folder in ("Folder 4", "Folder 6")]
    renumbered, account = Place("Folder 5", 8), lives.fence.account
    rows_elsewhere = lives.store.fetcher.rows_elsewhere
    found = await rows_elsewhere(account, Place("Folder 5", 7), 9)
    assert sorted(row.message for row in found) == sorted(others)
    assert len(await rows_elsewhere(account, renumbered, 9)) == 3
    assert len(await rows_elsewhere(account, renumbered, 2)) == 2
    assert await rows_elsewhere("acme/other", renumbered, 9) == []
