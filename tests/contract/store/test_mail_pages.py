"""What the store promises about lists of mails and of parked recipients."""

from __future__ import annotations

import pytest

from shared.model.message import MessageStatus
from shared.ports.store import MailQuery, ParkedPlace, ParkedQuery, Scope
from tests.fakes.mail_lives import ACCOUNT, BOB, EVE, Lives

OTHER = "other/box"
TENANT = ACCOUNT.partition("/")[0]
MINE = Scope(TENANT, (ACCOUNT,))


async def ids(lives: Lives, query: MailQuery, limit: int = 10) -> list[str]:
    return [each.id for each in await lives.store.operator.mail_page(query, limit)]


async def test_mails_are_listed_newest_first_and_page_by_page(lives: Lives) -> None:
    messages = [await lives.routed(f"uid {number}", BOB) for number in range(5)]
    assert await ids(lives, MailQuery()) == messages[::-1]
    first = await ids(lives, MailQuery(MINE), 2)
    assert first == messages[:2:-1]
    assert await ids(lives, MailQuery(MINE, before=first[-1]), 2) == messages[2:0:-1]
    assert await ids(lives, MailQuery(MINE, before=messages[0])) == []


async def test_mails_are_found_by_everything_that_is_given_together(lives: Lives) -> None:
    to_bob = await lives.routed("uid 1", BOB)
    lives.now += 100
    to_eve = await lives.routed("uid 2", EVE)
    delivered = await lives.settled("uid 3")
    [known] = await lives.store.operator.find_messages(to_eve, 1)
    assert await ids(lives, MailQuery(recipient=EVE)) == [to_eve]
    assert await ids(lives, MailQuery(recipient=BOB, since=lives.now)) == [delivered]
    assert await ids(lives, MailQuery(until=lives.now)) == [to_bob]
    assert await ids(lives, MailQuery(statuses=(MessageStatus.SETTLED,))) == [delivered]
    assert await ids(lives, MailQuery(message_id=f"<{known.message_id.strip('<>')}>", recipient=BOB)) == []
    assert to_eve in await ids(lives, MailQuery(sender=known.reverse_path.upper()))
    assert await ids(lives, MailQuery(sender="nobody@else.example")) == []


async def test_mails_found_by_a_text_have_pages_and_match_everything_else(lives: Lives) -> None:
    messages = [await lives.routed(f"uid {number}", BOB, EVE) for number in range(5)]
    first = await ids(lives, MailQuery(MINE, text=f" {BOB} "), 2)
    assert first == messages[:2:-1]
    rest = await ids(lives, MailQuery(MINE, text=BOB, before=first[-1]))
    assert rest == messages[2::-1]
    settled = await lives.settled("uid 9")
    assert await ids(lives, MailQuery(text=BOB, statuses=(MessageStatus.SETTLED,)), 1) == [settled]
    assert await ids(lives, MailQuery(text=messages[1], before=messages[1])) == []
    assert await ids(lives, MailQuery(text="uid 1", before=messages[2])) == [messages[1]]
    for scope in (Scope("other"), Scope(TENANT, (OTHER,))):
        for text in (BOB, EVE, messages[0], "uid 1"):
            assert await ids(lives, MailQuery(scope, text=text)) == []


async def test_lost_mails_have_pages_of_whoever_asks(lives: Lives) -> None:
    lost = [await lives.routed(f"uid {number}", BOB) for number in range(3)]
    await lives.store.fetcher.record_gone(lives.fence, dict.fromkeys(lost, "taken away"), lives.now)
    left_behind = lives.store.operator.left_behind
    assert [each.id for each in await left_behind(2, MINE)] == lost[:2]
    assert [each.id for each in await left_behind(2, Scope(TENANT), lost[1])] == lost[2:]
    assert await left_behind(2, MINE, lost[2]) == []
    assert await left_behind(2, Scope("other")) == await left_behind(2, Scope(TENANT, (OTHER,))) == []


async def test_mails_of_others_are_not_in_a_list(lives: Lives) -> None:
    mine = await lives.routed("uid 1", BOB)
    assert await ids(lives, MailQuery(Scope(TENANT))) == [mine]
    assert await ids(lives, MailQuery(Scope("other"))) == []
    assert await ids(lives, MailQuery(Scope(TENANT, (OTHER,)))) == []
    assert await ids(lives, MailQuery(Scope("other"), recipient=BOB)) == []


@pytest.mark.parametrize("text", ["%", "_", "\0", "\udc80" * 2000, "'"])
async def test_hostile_text_finds_nothing(lives: Lives, text: str) -> None:
    await lives.park(await lives.routed("uid 1", BOB))
    named = MailQuery(text=text), MailQuery(message_id=text)
    for query in (*named, MailQuery(sender=text), MailQuery(recipient=text)):
        assert await ids(lives, query) == []
    for parked in (ParkedQuery(code=text), ParkedQuery(target=text), ParkedQuery(recipient=text)):
        assert await lives.store.operator.parked_count(parked) == 0


async def test_parked_recipients_are_listed_oldest_first_and_page_by_page(lives: Lives) -> None:
    messages = []
    for number in range(3):
        lives.now += 1
        messages.append(await lives.routed(f"uid {number}", BOB))
        await lives.park(messages[-1])
    first = await lives.store.operator.parked_page(ParkedQuery(MINE), 2)
    assert [each.message.id for each in first.recipients] == messages[:2]
    assert first.after == ParkedPlace(lives.now - 1, messages[1], BOB)
    rest = await lives.store.operator.parked_page(ParkedQuery(MINE, after=first.after), 2)
    assert ([each.message.id for each in rest.recipients], rest.after) == (messages[2:], None)
    assert await lives.store.operator.parked_count(ParkedQuery(MINE)) == 3


async def test_parked_recipients_are_found_by_everything_that_is_given_together(lives: Lives) -> None:
    old = await lives.routed("uid 1", BOB)
    await lives.park(old)
    lives.now += 100
    new = await lives.routed("uid 2", BOB)
    await lives.park(new)
    [parked] = (await lives.store.operator.parked_page(ParkedQuery(until=lives.now), 10)).recipients
    assert (parked.message.id, parked.recipient.code) == (old, "550")

    async def count(query: ParkedQuery) -> int:
        return await lives.store.operator.parked_count(query)

    assert await count(ParkedQuery(since=lives.now)) == 1
    assert await count(ParkedQuery(code="55", target=parked.recipient.target, recipient=BOB)) == 2
    assert await count(ParkedQuery(code="4")) == 0
    assert await count(ParkedQuery(target="elsewhere")) == 0
    assert await count(ParkedQuery(recipient=EVE)) == 0
    assert await count(ParkedQuery(Scope("other"))) == 0
