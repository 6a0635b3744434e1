"""What the store promises operators: mails are found, shown, retried and given up."""

from __future__ import annotations

from shared.model.mailbox import numeric_uid
from shared.model.message import MessageStatus, RecipientStatus
from shared.ports.store import AccountCounts, TargetState, whole_journal
from tests.fakes.mail_lives import BOB, EVE, LEASE, Lives, mail, outcome, routed


async def test_a_mail_is_found_by_all_its_names(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB)
    await lives.routed("uid 2", EVE)
    names = [message, f"<{message}@sender.example>", f"{message}@sender.example", "uid 1", BOB, f" {BOB} "]
    found = [[each.id for each in await lives.store.operator.find_messages(name, 10)] for name in names]
    assert found == [[message]] * len(names)


async def test_a_mail_is_found_by_an_imap_uid_as_people_write_it(lives: Lives) -> None:
    message = await lives.routed(numeric_uid(4711), BOB)
    await lives.routed("471", EVE)
    found = [await lives.store.operator.find_messages(name, 10) for name in ("4711", "0000004711", "471")]
    assert [len(each) for each in found] == [1, 1, 1]
    assert [each.id for each in found[0]] == [each.id for each in found[1]] == [message]


async def test_a_mail_is_found_by_a_message_id_without_brackets(lives: Lives) -> None:
    message = await lives.fetched("uid 1")
    await lives.route(routed(message, BOB))
    [found] = await lives.store.operator.find_messages(f"{message}@sender.example", 10)
    assert found.message_id == f"<{message}@sender.example>"


async def test_a_mail_is_found_by_the_address_given_to_the_target(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB)
    await lives.park(message)
    await lives.store.operator.retry_parked(message, [BOB], EVE, None, lives.now)
    assert [each.id for each in await lives.store.operator.find_messages(EVE, 10)] == [message]


async def test_the_newest_mails_are_found_first(lives: Lives) -> None:
    messages = []
    for n in range(4):
        lives.now += 1
        messages.append(await lives.routed(f"uid {n}", BOB))
    assert [each.id for each in await lives.store.operator.find_messages(BOB, 3)] == messages[:0:-1]


async def test_an_unknown_text_finds_nothing(lives: Lives) -> None:
    await lives.routed("uid 1", BOB)
    assert await lives.store.operator.find_messages("", 10) == []
    assert await lives.store.operator.find_messages("corp.example", 10) == []
    assert await lives.store.operator.find_messages("\0\udc80" * 2000, 10) == []


async def test_a_mail_that_is_gone_is_still_found(lives: Lives) -> None:
    message = await lives.settled("uid 1")
    await lives.store.fetcher.record_gone(lives.fence, {message: "not listed"}, lives.now)
    [found] = await lives.store.operator.find_messages("uid 1", 10)
    assert found.status is MessageStatus.GONE


async def test_mails_are_found_by_the_beginning_of_their_id(lives: Lives) -> None:
    messages = [await lives.fetched(f"uid {n}") for n in range(3)]
    store = lives.store.operator
    assert await store.message_ids(messages[1], 10) == [messages[1]]
    assert await store.message_ids(messages[0][:1], 10) == sorted(messages)
    assert await store.message_ids(messages[0][:1], 2) == sorted(messages)[:2]
    assert await store.message_ids("~", 10) == []


async def test_the_journal_of_a_mail_is_returned_in_order(lives: Lives) -> None:
    message = await lives.settled("uid 1")
    await lives.settled("uid 2")
    await lives.store.fetcher.start_deleting(lives.fence, [message], lives.now)
    await lives.store.fetcher.record_gone(lives.fence, {message: "not listed"}, lives.now)
    assert [
        entry.wire_name.removeprefix("journal.")
        for entry in await lives.store.operator.message_journal(message)
    ] == [
        "fetched",
        "routed",
        "delivery-begun",
        "delivery-ended",
        "deleting",
        "gone",
    ]
    assert await lives.store.operator.message_journal("unknown") == []


async def test_the_journal_is_returned_in_order_page_by_page(lives: Lives) -> None:
    await lives.fetch(*(mail(f"uid {n}") for n in range(2300)))
    await lives.settled("the last")
    entries = [entry async for entry in whole_journal(lives.store.operator)]
    assert len(entries) == 2304
    assert entries[-4:] == await lives.store.operator.message_journal(entries[-1].message)


async def test_parked_recipients_are_listed_oldest_first(lives: Lives) -> None:
    messages = [await lives.routed(f"uid {n}", BOB, EVE) for n in range(3)]
    for message in reversed(messages):
        lives.now += 1
        await lives.park(message)
    parked = await lives.store.operator.parked_recipients()
    assert [(each.message.id, each.recipient.address) for each in parked] == [
        (each, BOB) for each in messages[::-1]
    ]
    assert [each.parked_at for each in parked] == [lives.now - 2, lives.now - 1, lives.now]
    assert (parked[0].recipient.code, parked[0].message.blob) == ("550", "blob-1")
    assert [each.message.id for each in await lives.store.operator.parked_recipients(1)] == [messages[2]]
    own = await lives.store.operator.parked_recipients(10, parked[0].message.tenant)
    assert own == parked
    assert await lives.store.operator.parked_recipients(10, "other") == []
    place = parked[0].recipient.address
    assert len(await lives.store.operator.find_messages(place, 10, parked[0].message.tenant)) == 3
    assert await lives.store.operator.find_messages(place, 10, "other") == []
    assert await lives.store.operator.find_messages(messages[0], 10, "other") == []


async def test_a_parked_recipient_is_opened_again_under_another_address_and_target(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB, EVE)
    await lives.begin(message)
    await lives.end(message, outcome(BOB, RecipientStatus.PARKED), outcome(EVE), blob="blob-1")
    changed = await lives.store.operator.retry_parked(
        message, [BOB, EVE], "postmaster@corp.example", "other", lives.now
    )
    assert changed == [BOB]
    [serving] = await lives.store.maintenance.overdue_messages(lives.now, 0, 10)
    recipient = serving.recipients[BOB]
    assert (recipient.status, recipient.destination, recipient.target, recipient.parked_at) == (
        RecipientStatus.OPEN,
        "postmaster@corp.example",
        "other",
        None,
    )
    assert await lives.store.operator.parked_recipients() == []


async def test_a_retry_that_names_no_recipient_concerns_all_that_are_parked(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB, EVE)
    await lives.begin(message)
    refused = [outcome(each, RecipientStatus.PARKED) for each in (BOB, EVE)]
    await lives.end(message, *refused, blob="blob-1")
    assert sorted(await lives.store.operator.retry_parked(message, [], None, None, lives.now)) == [BOB, EVE]
    assert await lives.store.operator.discard_parked(message, [], lives.now) == []


COPY = "one mail, several copies"


async def parked_copy(lives: Lives, uid: str) -> str:
    message = await lives.routed(uid, BOB, identity=COPY)
    await lives.park(message, blob=f"blob of {uid}")
    return message


async def test_a_retry_does_not_serve_a_recipient_who_has_an_identical_mail(lives: Lives) -> None:
    parked = await parked_copy(lives, "uid 1")
    arrived = await lives.routed("uid 2", BOB, identity=COPY)
    await lives.deliver(arrived)
    assert await lives.store.operator.retry_parked(parked, [], None, None, lives.now) == [BOB]
    assert await lives.status(parked) is RecipientStatus.SUPPRESSED
    assert await lives.store.maintenance.overdue_messages(lives.now, 0, 10) == []
    assert await lives.store.operator.parked_recipients() == []
    assert await lives.is_sound()


async def test_a_retry_is_refused_while_an_identical_mail_is_on_its_way(lives: Lives) -> None:
    parked = await parked_copy(lives, "uid 1")
    other = await lives.routed("uid 2", BOB, identity=COPY)
    assert await lives.store.operator.retry_parked(parked, [], BOB, "exchange", lives.now) == []
    assert await lives.status(parked) is RecipientStatus.PARKED
    await lives.park(other, blob="blob of uid 2")
    assert await lives.store.operator.retry_parked(parked, [], BOB, "exchange", lives.now) == [BOB]
    assert await lives.is_sound()


async def test_parked_copies_retried_together_arrive_once_and_the_rest_are_suppressed(
    lives: Lives,
) -> None:
    copies = [await parked_copy(lives, f"uid {n}") for n in range(3)]
    changed = [await lives.store.operator.retry_parked(each, [], None, None, lives.now) for each in copies]
    assert changed == [[BOB], [], []]
    await lives.deliver(copies[0])
    for each in copies[1:]:
        await lives.store.operator.retry_parked(each, [], None, None, lives.now)
    assert [await lives.status(each) for each in copies] == [
        RecipientStatus.DELIVERED,
        RecipientStatus.SUPPRESSED,
        RecipientStatus.SUPPRESSED,
    ]
    assert await lives.is_sound()
    assert await lives.store.operator.rebuild_tables() == 3
    assert await lives.is_sound()


async def test_a_retried_mail_that_fails_again_lets_an_identical_one_be_retried(lives: Lives) -> None:
    copies = [await parked_copy(lives, f"uid {n}") for n in range(2)]
    await lives.store.operator.retry_parked(copies[0], [], None, None, lives.now)
    await lives.park(copies[0])
    assert await lives.store.operator.retry_parked(copies[1], [], None, None, lives.now) == [BOB]
    assert await lives.is_sound()


async def test_a_retry_takes_over_the_claim_of_an_identical_mail_that_vanished(lives: Lives) -> None:
    parked = await parked_copy(lives, "uid 1")
    other = await lives.routed("uid 2", BOB, identity=COPY)
    lives.now += LEASE + 1
    assert await lives.store.operator.retry_parked(parked, [], None, None, lives.now) == [BOB]
    assert (await lives.state(other)).status is MessageStatus.LOST
    assert await lives.begin(other) == []
    await lives.deliver(parked)
    assert await lives.is_sound()


async def test_a_retry_to_another_address_is_made_although_copies_exist(lives: Lives) -> None:
    parked = [await parked_copy(lives, f"uid {n}") for n in range(2)]
    await lives.deliver(await lives.routed("uid 3", BOB, identity=COPY))
    assert await lives.store.operator.retry_parked(parked[0], [], EVE, None, lives.now) == [BOB]
    assert await lives.store.operator.retry_parked(parked[1], [], None, "other", lives.now) == [BOB]
    assert [await lives.status(each) for each in parked] == [RecipientStatus.OPEN] * 2
    assert await lives.is_sound()


async def test_a_parked_recipient_is_given_up(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB)
    await lives.park(message)
    assert await lives.store.operator.discard_parked(message, ["unknown", BOB], lives.now) == [BOB]
    assert await lives.status(message) is RecipientStatus.DISCARDED
    assert await lives.store.operator.parked_recipients() == []
    assert await lives.store.operator.retry_parked(message, [BOB], None, None, lives.now) == []
    assert await lives.is_sound()


async def test_only_parked_recipients_can_be_retried_or_given_up(lives: Lives) -> None:
    message = await lives.settled("uid 1")
    assert await lives.store.operator.retry_parked(message, [BOB], None, None, lives.now) == []
    assert await lives.store.operator.discard_parked("unknown", [], lives.now) == []


async def test_the_messages_in_flight_are_counted_by_account(lives: Lives) -> None:
    await lives.fetched("uid 1")
    await lives.fetched("uid 2")
    await lives.settled("uid 3")
    gone = await lives.settled("uid 4")
    await lives.store.fetcher.record_gone(lives.fence, {gone: "not listed"}, lives.now)
    counts = await lives.store.operator.account_counts(["acme/box", "acme/nobody"])
    assert counts == {"acme/box": AccountCounts(in_flight=2, settled=1), "acme/nobody": AccountCounts()}


async def test_suppressed_recipients_are_counted_by_account_until_the_mail_is_forgotten(
    lives: Lives,
) -> None:
    await lives.deliver(await lives.routed("uid 1", BOB, EVE, identity="one"))
    await lives.routed("uid 2", BOB, EVE, identity="one")
    assert await lives.store.operator.suppressed_counts() == {"acme/box": 2}
    later = lives.now = lives.now + 10
    first = await lives.routed("uid 3", BOB, identity="two")
    copy = await lives.routed("uid 4", BOB, identity="two")
    assert await lives.store.operator.suppressed_counts(later) == {}
    await lives.deliver(first)
    assert await lives.store.operator.suppressed_counts(later) == {"acme/box": 1}
    await lives.store.fetcher.record_gone(lives.fence, {copy: "not listed"}, lives.now)
    await lives.store.maintenance.prune_messages("", lives.now + 1, 100)
    assert await lives.store.operator.suppressed_counts() == {"acme/box": 2}
    assert await lives.is_sound()


async def test_the_state_of_a_target_shows_deliveries_and_waiting_mail(lives: Lives) -> None:
    assert await lives.store.operator.target_states(["exchange"]) == [TargetState("exchange")]
    await lives.settled("uid 1")
    await lives.park(await lives.routed("uid 2"))
    deferred = await lives.routed("uid 3")
    await lives.begin(deferred)
    await lives.end(deferred, outcome(BOB, RecipientStatus.DEFERRED, lives.now + 60))
    states = await lives.store.operator.target_states(["other", "exchange"])
    assert states == [
        TargetState("other"),
        TargetState("exchange", delivered=True, waiting=1, parked=1, text="said so"),
    ]


async def test_parked_recipients_and_the_octets_kept_for_them_are_counted(lives: Lives) -> None:
    assert await lives.store.operator.parked_totals() == (0, 0)
    for uid in ("uid 1", "uid 2"):
        await lives.park(await lives.routed(uid, BOB, EVE))
    [first, *others] = await lives.store.operator.parked_recipients()
    assert await lives.store.operator.parked_totals() == (1 + len(others), 2 * first.message.octets)
