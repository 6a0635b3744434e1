"""What the store promises about surplus copies: one copy more than the header names recipients is kept."""

from __future__ import annotations

import pytest

from shared.custody.commands import ChosenRecipient, RoutedMail, Surplus
from shared.model.message import MessageStatus, RecipientStatus
from shared.ports.store import RawMailNeeded
from tests.fakes.mail_lives import BOB, EVE, TENANT, Lives, routed

POSTMASTER = "postmaster@corp.example"
DAY = 24 * 3600.0
TO_POSTMASTER = ChosenRecipient(POSTMASTER, "", "postmaster, because it is a copy for somebody unnamed")
TO_OPERATOR = ChosenRecipient("", "", "a copy for somebody unnamed", parked=True)


def copy(message: str, *named: str, to: ChosenRecipient = TO_POSTMASTER, **changes: object) -> RoutedMail:
    """A copy of a mail whose recipients only To and Cc name."""
    made = routed(message, *(named or (BOB,)), identity="copy", surplus=Surplus(to, len(named) or 1))
    return made._replace(**changes)  # type: ignore[arg-type]  # tests change what they name


async def statuses(lives: Lives, message: str) -> dict[str, RecipientStatus]:
    return {each.address: each.status for each in (await lives.state(message)).recipients.values()}


async def served(lives: Lives, *wishes: RoutedMail) -> list[str]:
    """The recipients to be served when these mails are routed in one batch."""
    servings, _ = await lives.route(*wishes)
    return [each.address for serving in servings for each in serving.recipients]


async def test_a_second_copy_for_one_named_recipient_goes_to_the_postmaster(lives: Lives) -> None:
    first, second = await lives.fetched("uid 1"), await lives.fetched("uid 2")
    assert await served(lives, copy(first)) == [BOB]
    assert await served(lives, copy(second)) == [POSTMASTER]
    assert await statuses(lives, second) == {BOB: RecipientStatus.WAITING, POSTMASTER: RecipientStatus.OPEN}
    reason = (await lives.state(second)).recipients[POSTMASTER].reason
    assert reason == "postmaster, because it is a copy for somebody unnamed"
    assert await lives.is_sound()


async def test_a_second_copy_goes_to_the_postmaster_although_the_first_arrived_long_before(
    lives: Lives,
) -> None:
    first = await lives.fetched("uid 1")
    await lives.route(copy(first))
    await lives.deliver(first)
    lives.now += 2 * DAY
    second = await lives.fetched("uid 2")
    assert await served(lives, copy(second)) == [POSTMASTER]
    assert (await statuses(lives, second))[BOB] is RecipientStatus.SUPPRESSED
    assert await lives.is_sound()


async def test_one_copy_more_than_the_named_recipients_is_surplus(lives: Lives) -> None:
    copies = [await lives.fetched(f"uid {number}") for number in range(4)]
    assert await served(lives, *(copy(each, BOB, EVE) for each in copies[:2])) == [BOB, EVE]
    assert await served(lives, *(copy(each, BOB, EVE) for each in copies[2:])) == [POSTMASTER]
    assert POSTMASTER not in await statuses(lives, copies[1])
    assert (await statuses(lives, copies[3]))[POSTMASTER] is RecipientStatus.WAITING
    assert await lives.is_sound()


async def test_the_postmaster_gets_one_of_many_copies_in_one_batch(lives: Lives) -> None:
    copies = [await lives.fetched(f"uid {number}") for number in range(5)]
    assert sorted(await served(lives, *map(copy, copies))) == [BOB, POSTMASTER]
    assert await lives.is_sound()


async def test_without_a_message_id_the_second_copy_counts_as_one_more(lives: Lives) -> None:
    copies = [await lives.fetched(f"uid {number}") for number in range(2)]
    wishes = [copy(each, BOB, EVE, message_id="") for each in copies]
    assert await served(lives, wishes[0]) == [BOB, EVE]
    assert await served(lives, wishes[1]) == [POSTMASTER]


async def test_a_copy_that_comes_back_after_weeks_is_no_surplus(lives: Lives) -> None:
    first = await lives.fetched("uid 1")
    await lives.route(copy(first))
    await lives.deliver(first)
    lives.now += 6 * DAY
    second = await lives.fetched("uid 2")
    assert await served(lives, copy(second)) == []
    assert (await lives.state(second)).status is MessageStatus.SETTLED


async def test_copies_that_another_account_fetched_do_not_count(lives: Lives) -> None:
    first = await lives.fetched("uid 1")
    await lives.route(copy(first))
    await lives.lease(account=f"{TENANT}/other")
    second = await lives.fetched("uid 1")
    assert await served(lives, copy(second)) == []


async def test_a_copy_that_takes_the_place_of_one_that_vanished_is_no_surplus(lives: Lives) -> None:
    first, second = await lives.fetched("uid 1"), await lives.fetched("uid 2")
    await lives.route(copy(first))
    lives.now += 10 * DAY
    assert await served(lives, copy(second)) == [BOB]
    assert await statuses(lives, second) == {BOB: RecipientStatus.OPEN}
    assert await lives.is_sound()


async def test_no_surplus_copy_goes_to_a_postmaster_whom_the_header_names(lives: Lives) -> None:
    first, second = await lives.fetched("uid 1"), await lives.fetched("uid 2")
    assert await served(lives, copy(first, POSTMASTER)) == [POSTMASTER]
    assert await served(lives, copy(second, POSTMASTER)) == []


async def test_a_surplus_copy_keeps_its_postmaster_when_it_is_fetched_again(lives: Lives) -> None:
    first, second = await lives.fetched("uid 1"), await lives.fetched("uid 2")
    await lives.route(copy(first), copy(second))
    await lives.store.maintenance.lose_all("the broker was emptied", lives.now)
    await lives.fetch_again(first, "uid 1")
    await lives.fetch_again(second, "uid 2")
    assert sorted(await served(lives, copy(first, fetch_no=2), copy(second, fetch_no=2))) == [BOB, POSTMASTER]
    assert await lives.is_sound()


async def test_without_a_postmaster_a_surplus_copy_is_parked_once_a_blob_holds_it(lives: Lives) -> None:
    first, second = await lives.fetched("uid 1"), await lives.fetched("uid 2")
    await lives.route(copy(first, to=TO_OPERATOR))
    with pytest.raises(RawMailNeeded) as needed:
        await lives.route(copy(second, to=TO_OPERATOR))
    assert needed.value.messages == {second}
    assert (await lives.state(second)).status is MessageStatus.FETCHED
    await lives.route(copy(second, to=TO_OPERATOR, blob=f"mail/{second}"))
    assert await statuses(lives, second) == {BOB: RecipientStatus.WAITING, "": RecipientStatus.PARKED}
    assert await lives.is_sound()


async def test_a_surplus_copy_without_instructions_is_suppressed(lives: Lives) -> None:
    first, second = await lives.fetched("uid 1"), await lives.fetched("uid 2")
    assert await served(lives, routed(first, BOB, identity="copy")) == [BOB]
    assert await served(lives, routed(second, BOB, identity="copy")) == []
