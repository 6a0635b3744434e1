"""Mails that their source may no longer have are served from their blobs, or reported as left behind."""

from __future__ import annotations

from math import inf

from shared.adapters.sql.store import SqlStore
from shared.custody.commands import NewPlace, Outcomes
from shared.model.message import LedgerKey, MessageStatus, RecipientStatus
from shared.ports.store import Store
from tests.fakes.mail_lives import BOB, EVE, LEASE, Lives, mail, outcome, routed

M, R = MessageStatus, RecipientStatus
COPY = "the same content"


async def spooled(lives: Lives, uid: str) -> str:
    """A mail that only its blob can serve."""
    [message] = await lives.fetch(mail(uid, blob=f"blob of {uid}")._replace(spooled=True))
    return message


def doubts_of(store: Store) -> list[int]:
    """How many attempts in doubt the store reports from now on, one number for each report."""
    reported: list[int] = []
    assert isinstance(store, SqlStore)
    store.runner.on_doubts = reported.append
    return reported


async def again(lives: Lives, longest: float = inf) -> list[tuple[str, int]]:
    found = await lives.store.maintenance.republish_mails("fetcher-2", lives.now, LEASE, longest, 100)
    return [(each.id, each.fetch_no) for each in found]


async def test_a_spooled_mail_is_published_again_when_its_lease_is_over_and_not_before(lives: Lives) -> None:
    message = await spooled(lives, "uid 1")
    await lives.fetched("uid 2")
    assert await again(lives) == []
    lives.now += LEASE
    assert await again(lives) == [(message, 2)]
    assert await again(lives) == []
    state = await lives.state(message)
    assert (state.status, state.fetcher, state.lease_until) == (M.FETCHED, "fetcher-2", lives.now + LEASE)
    assert await lives.is_sound()


async def test_spooled_mails_are_published_again_at_once_when_all_events_are_lost(lives: Lives) -> None:
    message = await spooled(lives, "uid 1")
    await lives.route(routed(message, BOB))
    assert await lives.store.maintenance.lose_all("the broker was wiped", lives.now) == 1
    assert await again(lives) == [(message, 2)]
    await lives.route(routed(message, BOB, fetch_no=2))
    concluded = await lives.deliver(message, fetch_no=2)
    assert [each.blob for each in concluded.settled] == ["blob of uid 1"]
    lives.now += LEASE
    assert await again(lives) == []
    assert await lives.is_sound()


async def test_a_lease_of_a_clock_that_was_far_ahead_is_over(lives: Lives) -> None:
    lives.now += 40 * 86400
    message = await spooled(lives, "uid 1")
    lives.now -= 40 * 86400
    assert await again(lives) == []
    assert await again(lives, longest=6 * 3600) == [(message, 2)]


async def test_a_mail_that_left_its_source_early_is_served_from_its_blob(lives: Lives) -> None:
    message = await lives.routed("uid 1", blob="blob")
    lives.now += LEASE
    await lives.store.fetcher.record_gone(lives.fence, {message: "taken away"}, lives.now)
    assert await lives.store.fetcher.ledger_rows("acme/box") == []
    assert await lives.store.operator.left_behind(10) == []
    assert await again(lives) == [(message, 2)]
    await lives.route(routed(message, BOB, fetch_no=2))
    await lives.deliver(message, fetch_no=2)
    assert (await lives.state(message)).status is M.GONE
    assert await lives.is_sound()


async def test_a_mail_that_left_early_without_a_copy_is_reported_until_its_event_serves_it(
    lives: Lives,
) -> None:
    message = await lives.routed("uid 1")
    lives.now += LEASE
    await lives.store.fetcher.record_gone(lives.fence, {message: "taken away"}, lives.now)
    assert await again(lives) == []
    assert [each.id for each in await lives.store.operator.left_behind(10)] == [message]
    await lives.deliver(message)
    assert await lives.store.operator.left_behind(10) == []
    assert (await lives.state(message)).status is M.GONE
    assert await lives.is_sound()


async def test_the_key_of_a_mail_that_left_early_is_free_for_another(lives: Lives) -> None:
    message = await spooled(lives, "uid 1")
    await lives.store.fetcher.record_gone(lives.fence, {message: "replaced"}, lives.now)
    another = await lives.fetched("uid 1")
    assert [row.message for row in await lives.store.fetcher.ledger_rows("acme/box")] == [another]
    assert await lives.is_sound()


async def test_a_lost_blob_of_a_mail_at_its_source_costs_another_fetch(lives: Lives) -> None:
    message = await lives.routed("uid 1", blob="blob")
    concluded = await lives.store.maintenance.lose_blobs({message: "blob"}, "no such blob", lives.now)
    assert concluded.settled == ()
    assert await lives.fetch_again(message, "uid 1") == [message]
    assert (await lives.state(message)).blob is None
    assert await lives.is_sound()


async def test_a_lost_blob_of_a_mail_that_is_nowhere_else_parks_it_and_frees_its_claim(lives: Lives) -> None:
    message = await lives.routed("uid 1", BOB, EVE, identity=COPY, blob="blob")
    await lives.deliver(message, EVE)
    waiting = await lives.routed("uid 2", BOB, identity=COPY)
    assert await lives.status(waiting) is R.WAITING
    lives.now += LEASE
    await lives.store.fetcher.record_gone(lives.fence, {message: "taken away"}, lives.now)
    await lives.store.maintenance.lose_blobs({message: "blob"}, "no such blob", lives.now)
    assert await lives.status(message) is R.PARKED
    assert (await lives.state(message)).status is M.GONE
    assert await lives.status(waiting) is R.OPEN
    assert await lives.store.operator.retry_parked(message, [], None, None, lives.now) == []
    assert await lives.store.operator.discard_parked(message, [], lives.now) == [BOB]
    assert await lives.is_sound()


async def test_a_lost_blob_is_ignored_where_the_mail_has_another(lives: Lives) -> None:
    message = await spooled(lives, "uid 1")
    await lives.store.maintenance.lose_blobs({message: "an older one"}, "no such blob", lives.now)
    assert (await lives.state(message)).blob == "blob of uid 1"


async def test_a_mail_is_known_under_its_new_key(lives: Lives) -> None:
    message, other = await lives.settled("uid 1"), await lives.settled("uid 2")
    new, taken = LedgerKey("INBOX", 7, "x" * 900), LedgerKey("INBOX", 0, "uid 2")
    places = [NewPlace(message, new, 4001), NewPlace(other, taken, 1), NewPlace("nobody", new, 1)]
    assert await lives.store.fetcher.rename_mails(lives.fence, places, lives.now) == [message]
    assert await lives.store.fetcher.rename_mails(lives.fence, [NewPlace(message, taken, 1)], lives.now) == []
    rows = {row.message: row for row in await lives.store.fetcher.ledger_rows("acme/box")}
    assert (rows[message].key, rows[message].listed_size) == (new, 4001)
    assert rows[other].key == taken
    assert await lives.is_sound()


async def test_taking_over_a_claim_during_an_attempt_counts_as_in_doubt(lives: Lives) -> None:
    reported = doubts_of(lives.store)
    holder = await lives.routed("uid 1", identity=COPY)
    [begun] = await lives.begin(holder)
    lives.now += LEASE
    copy = await lives.routed("uid 2", identity=COPY)
    assert await lives.status(copy) is R.OPEN
    state = await lives.state(holder)
    assert (state.status, state.recipients[BOB].in_doubt) == (M.LOST, 1)
    await lives.deliver(copy)
    late = Outcomes(holder, ((outcome(begun), begun.attempt),))
    await lives.store.relay.end_attempts([late], lives.now, LEASE)
    assert await lives.status(holder) is R.DELIVERED
    assert reported == [1]
    assert await lives.is_sound()


async def test_attempts_in_doubt_are_counted_wherever_they_are_found(lives: Lives) -> None:
    reported = doubts_of(lives.store)
    await lives.begin(await lives.routed("uid 1", BOB, EVE))
    assert await lives.store.maintenance.lose_all("restarted", lives.now) == 1
    assert reported == [2]
    fetched_again = await lives.routed("uid 2")
    await lives.begin(fetched_again)
    assert await lives.fetch_again(fetched_again, "uid 2") == [fetched_again]
    assert reported == [2, 1]
    undisturbed = await lives.routed("uid 3")
    await lives.deliver(undisturbed)
    assert reported == [2, 1]
