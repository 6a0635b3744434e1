"""The tables agree with the journal after any calls; where they do not, it is detected and repaired."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select, text

from shared.adapters.sql import tables as state
from shared.adapters.sql.store import SqlStore
from shared.adapters.sql.unit_of_work import Transaction
from shared.adapters.sql.verification import Unfoldable
from shared.custody.commands import Attempt, NewPlace, Outcomes
from shared.model.message import IN_FLIGHT, LedgerKey, MessageStatus, RecipientStatus
from shared.ports.store import Store, whole_journal
from tests.fakes.mail_lives import BOB, EVE, LEASE, Lives, mail, outcome, routed

COPY = "the same content"


async def tamper(store: Store, statement: str, **values: Any) -> None:
    """Change tables without the journal."""

    assert isinstance(store, SqlStore)
    await store.runner.write(_execute, statement, values)


def _execute(transaction: Transaction, statement: str, values: dict[str, Any]) -> None:
    transaction.connection.execute(text(statement), values)


async def some_history(lives: Lives) -> str:
    """Mails in many states; returns one that was delivered."""
    delivered = await lives.routed("uid 1", BOB, identity=COPY)
    await lives.routed("uid 2", BOB, EVE, identity=COPY)
    await lives.deliver(delivered)
    await lives.park(await lives.routed("uid 3"))
    await lives.fetched("uid 4")
    await lives.store.fetcher.record_gone(
        lives.fence, {await lives.settled("uid 5"): "not listed"}, lives.now
    )
    return delivered


async def test_an_untouched_store_agrees_with_its_journal(lives: Lives) -> None:
    assert await lives.store.operator.verify_journal() == []
    await some_history(lives)
    assert await lives.store.operator.verify_journal() == []


@pytest.mark.parametrize(
    ("statement", "difference"),
    [
        ("UPDATE messages SET status = 'settled' WHERE id = :id", None),
        (
            "UPDATE messages SET status = 'routed' WHERE id = :id",
            "status is routed but by the journal settled",
        ),
        ("UPDATE messages SET gone = true WHERE id = :id", "gone is"),
        ("DELETE FROM messages WHERE id = :id", "in the journal but not in the table"),
        ("DELETE FROM recipients WHERE message = :id", "in the journal but not in the table"),
        ("UPDATE recipients SET attempt = 7 WHERE message = :id", "attempt is 7 but by the journal 1"),
        ("UPDATE claims SET done = false WHERE holder = :id", "done is"),
        ("DELETE FROM claims WHERE holder = :id", "in the journal but not in the table"),
        (
            "UPDATE messages SET id = 'stranger' WHERE id = :id",
            "stranger is in the table but not in the journal",
        ),
        (
            "UPDATE claims SET address = 'stranger' WHERE holder = :id",
            "stranger / the same content is in the table",
        ),
        ("UPDATE recipients SET message = 'stranger' WHERE message = :id", "recipient stranger / bob"),
        ("DELETE FROM journal WHERE message = :id AND kind = 'journal.fetched'", "cannot be folded"),
        ("DELETE FROM journal WHERE message = :id", "is in the table but not in the journal"),
        ("UPDATE journal SET body = :body WHERE message = :id", "cannot be folded"),
    ],
)
async def test_every_difference_is_reported(lives: Lives, statement: str, difference: str | None) -> None:
    message = await some_history(lives)
    body = {"body": b"no record"} if ":body" in statement else {}
    await tamper(lives.store, statement, id=message, **body)
    differences = await lives.store.operator.verify_journal()
    if difference is None:
        assert differences == []
    else:
        assert [each for each in differences if difference in each]


async def test_a_broken_store_is_rebuilt_from_its_journal(lives: Lives) -> None:
    message = await some_history(lives)
    before = await lives.state(message)
    for statement in (
        "DELETE FROM recipients",
        "DELETE FROM claims",
        "UPDATE messages SET status = 'routed', blob = 'no such'",
    ):
        await tamper(lives.store, statement)
    assert await lives.store.operator.verify_journal() != []
    told: list[tuple[str, int, int]] = []
    assert await lives.store.operator.rebuild_tables(lambda *step: told.append(step)) == 5
    assert ("Mails made anew", 5, 5) in told
    assert await lives.store.operator.verify_journal() == []
    assert await lives.state(message) == before


async def test_a_journal_that_cannot_be_folded_changes_nothing(lives: Lives) -> None:
    message = await some_history(lives)
    await tamper(
        lives.store, "DELETE FROM journal WHERE message = :id AND kind = 'journal.fetched'", id=message
    )
    with pytest.raises(Unfoldable, match=message):
        await lives.store.operator.rebuild_tables()
    assert (await lives.state(message)).status is MessageStatus.SETTLED


async def test_a_rebuild_leaves_the_accounts_as_they_are(lives: Lives) -> None:
    before = await lives.store.operator.account_states()
    await lives.store.operator.rebuild_tables()
    assert await lives.store.operator.account_states() == before


async def test_at_most_a_bounded_number_of_differences_is_reported(lives: Lives) -> None:
    await lives.fetch(*(mail(f"uid {n}") for n in range(1200)))
    await tamper(lives.store, "UPDATE messages SET octets = 1")
    assert len(await lives.store.operator.verify_journal()) == 1000


class Chance:
    """Random calls with arguments that mostly fit: they name messages that exist, and numbers close to
    the right ones.
    """

    def __init__(self, lives: Lives, seed: int) -> None:
        self.lives = lives
        self.store = lives.store
        self.random = random.Random(seed)
        self.messages: list[str] = []

    async def step(self) -> None:
        steps = [
            *[self.fetch] * 2, *[self.route] * 2, *[self.begin] * 2, *[self.end] * 3,
            self.fetch_again, self.delete, self.gone, self.lose, self.retry, self.discard, self.wait,
            self.republish, self.lose_blobs, self.rename,
        ]  # fmt: skip
        await self.random.choice(steps)()

    def some(self) -> list[str]:
        return self.random.sample(self.messages, min(len(self.messages), self.random.randint(0, 4)))

    async def fetch(self) -> None:
        mails = [mail(f"uid {self.random.randint(1, 30)}", blob=self.blob()) for _ in range(3)]
        mails = [each._replace(spooled=each.blob is not None) for each in mails]
        self.messages += await self.lives.fetch(*mails)

    async def fetch_again(self) -> None:
        states = [await self.lives.state(each) for each in self.some()]
        mails = [
            mail(each.key.uid, message=each.id, known=each.fetch_no, blob=self.blob()) for each in states
        ]
        await self.lives.fetch(*mails)

    async def route(self) -> None:
        wishes = []
        for each in [await self.lives.state(message) for message in self.some()]:
            parked = self.random.random() < 0.1
            addresses = self.random.sample([BOB, EVE, "postmaster@corp.example"], self.random.randint(1, 3))
            wishes.append(
                routed(
                    each.id,
                    *addresses,
                    identity=f"content {self.random.randint(1, 3)}",
                    fetch_no=each.fetch_no,
                    park_reason="too many hops" if parked else None,
                    blob="blob" if parked else None,
                )
            )
        await self.store.router.record_routed(wishes, self.lives.now, LEASE)

    async def begin(self) -> None:
        wishes = [
            Attempt(
                each.id,
                each.fetch_no,
                tuple(
                    (r.address, r.attempt - self.random.randint(0, 5) // 5) for r in each.recipients.values()
                ),
                "relay",
            )
            for each in [await self.lives.state(message) for message in self.some()]
        ]
        await self.store.relay.begin_attempts(wishes, self.lives.now, LEASE)

    async def end(self) -> None:
        delivered, deferred, parked = (
            RecipientStatus.DELIVERED,
            RecipientStatus.DEFERRED,
            RecipientStatus.PARKED,
        )
        wishes = []
        for each in [await self.lives.state(message) for message in self.some()]:
            outcomes = [
                (
                    outcome(r, self.random.choice([delivered, deferred, parked]), self.lives.now + 10),
                    r.attempt,
                )
                for r in each.recipients.values()
                if self.random.random() < 0.8
            ]
            wishes.append(Outcomes(each.id, tuple(outcomes), blob="blob"))
        await self.store.relay.end_attempts(wishes, self.lives.now, LEASE)

    async def delete(self) -> None:
        await self.store.fetcher.start_deleting(self.lives.fence, self.some(), self.lives.now)

    async def gone(self) -> None:
        if self.random.random() < 0.3:
            await self.store.fetcher.record_gone(
                self.lives.fence, dict.fromkeys(self.some(), "not listed"), self.lives.now
            )

    async def republish(self) -> None:
        await self.store.maintenance.republish_mails("fetcher-2", self.lives.now, LEASE, 100 * LEASE, 5)

    async def lose_blobs(self) -> None:
        if self.random.random() < 0.3:
            blobs = {each.id: each.blob or "" for each in [await self.lives.state(m) for m in self.some()]}
            await self.store.maintenance.lose_blobs(blobs, "no such blob", self.lives.now)

    async def rename(self) -> None:
        places = [
            NewPlace(each, LedgerKey("INBOX", 0, f"uid {self.random.randint(1, 30)}"), 4000)
            for each in self.some()
        ]
        await self.store.fetcher.rename_mails(self.lives.fence, places, self.lives.now)

    async def lose(self) -> None:
        if self.random.random() < 0.1:
            await self.store.maintenance.lose_all("the broker was emptied", self.lives.now)

    async def retry(self) -> None:
        for each in self.some():
            await self.store.operator.retry_parked(each, [], None, None, self.lives.now)

    async def discard(self) -> None:
        for each in self.some()[:1]:
            await self.store.operator.discard_parked(each, [], self.lives.now)

    async def wait(self) -> None:
        self.lives.now += self.random.choice([1, 100, LEASE + 1])

    def blob(self) -> str | None:
        return "blob" if self.random.random() < 0.2 else None


async def tables(store: SqlStore) -> list[Any]:
    """The contents of all tables that are made from the journal."""

    def read(connection: Connection) -> list[Any]:
        made = (state.messages, state.recipients, state.claims)
        return [sorted(connection.execute(select(table)), key=repr) for table in made]

    return await store.runner.read(lambda transaction: read(transaction.connection))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
async def test_the_tables_agree_with_the_journal_after_any_calls(
    another: Callable[[], SqlStore], seed: int
) -> None:
    store = another()
    await store.maintenance.end_leases()
    lives = Lives(store)
    await lives.lease()
    chance = Chance(lives, seed)
    for message in await every_message(store):
        await store.fetcher.record_gone(lives.fence, {message: "an earlier example"}, lives.now)
    for _ in range(60):
        await chance.step()
    assert await store.operator.verify_journal() == []
    before = await tables(store)
    assert not [row for row in before[0] if row.status in IN_FLIGHT and row.settled_at is not None]
    await store.operator.rebuild_tables()
    assert await tables(store) == before


async def every_message(store: SqlStore) -> list[str]:
    return sorted({entry.message async for entry in whole_journal(store.operator)})
