"""An address is taken out of mails that are done, and the tables still agree with the journal."""

from __future__ import annotations

from sqlalchemy import text

from shared.adapters.sql.store import SqlStore
from shared.adapters.sql.unit_of_work import Transaction
from shared.contract.erasing import pattern_of
from shared.model.message import RecipientStatus
from tests.fakes.mail_lives import BOB, EVE, Lives

COPY = "the same content"
STAND_IN = "erased-1@erased.invalid"


def _dump(transaction: Transaction) -> str:
    found = []
    for table in ("messages", "recipients", "claims", "suppressions", "journal"):
        found += [str(tuple(row)) for row in transaction.connection.execute(text(f"SELECT * FROM {table}"))]  # noqa: S608 - names of our own tables
    return "\n".join(found)


async def everything(lives: Lives) -> str:
    assert isinstance(lives.store, SqlStore)
    return await lives.store.runner.read(_dump)


async def erase(lives: Lives, address: str, *mails: str) -> set[str]:
    changed = await lives.store.operator.erase_in_mails(mails, pattern_of(address), STAND_IN)
    return {each.id for each in changed}


async def test_an_address_is_nowhere_afterwards_and_the_journal_agrees(lives: Lives) -> None:
    first = await lives.routed("uid 1", BOB, EVE, identity=COPY)
    await lives.deliver(first)
    copy = await lives.routed("uid 2", BOB, identity=COPY)
    assert await lives.status(copy) is RecipientStatus.SUPPRESSED
    assert [*await lives.store.operator.mails_mentioning([first, copy], pattern_of(EVE))] == [first]
    assert await erase(lives, BOB, first) == {first, copy}
    assert BOB not in await everything(lives)
    assert EVE in await everything(lives)
    assert await lives.store.operator.verify_journal() == []
    assert await lives.status(first, STAND_IN) is RecipientStatus.DELIVERED
    assert not await lives.store.operator.mails_mentioning([first, copy], pattern_of(BOB))


async def test_a_sender_is_erased_too(lives: Lives) -> None:
    mail = await lives.settled("uid 1")
    assert await erase(lives, "Sender@Sender.example", mail) == {mail}
    assert "sender@sender.example" not in await everything(lives)
    assert (await lives.state(mail)).reverse_path == STAND_IN
    assert await lives.is_sound()


async def test_mail_in_custody_is_left_with_all_its_copies(lives: Lives) -> None:
    delivered = await lives.routed("uid 1", BOB, identity=COPY)
    await lives.deliver(delivered)
    copy = await lives.routed("uid 2", BOB, EVE, identity=COPY)
    parked = await lives.routed("uid 3", BOB)
    await lives.park(parked)
    before = await everything(lives)
    assert await erase(lives, BOB, delivered, copy, parked) == set()
    assert await everything(lives) == before
    await lives.store.operator.discard_parked(parked, [], lives.now)
    assert await erase(lives, BOB, parked) == {parked}
    assert await lives.is_sound()


async def test_an_erased_mail_is_not_fetched_again(lives: Lives) -> None:
    mail = await lives.settled("uid 1")
    await erase(lives, BOB, mail)
    assert (await lives.state(mail)).key.uid == "uid 1"
    assert await lives.fetch_again(mail, "uid 1", known=0) == []


async def test_two_spellings_in_one_mail_are_left_alone(lives: Lives) -> None:
    mail = await lives.routed("uid 1", BOB, BOB.upper())
    await lives.deliver(mail)
    assert await erase(lives, BOB, mail) == set()
    assert await lives.is_sound()
