from __future__ import annotations

from collections.abc import Sequence

from structlog.testing import capture_logs

from services.relay.maintenance.overdue_mails import REPUBLISH_AFTER, OverdueMails, events
from shared.adapters.memory_broker import MemoryBroker
from shared.contract.topology import topology
from shared.custody.state import Message
from shared.model.message import MessageStatus, RecipientStatus
from tests.fakes.clock import ManualClock
from tests.fakes.custody import BOB, EVE, message, recipient

R = RecipientStatus


def test_there_is_an_event_for_each_target_of_due_recipients() -> None:
    held = message(
        MessageStatus.SETTLED,
        recipient(BOB, R.OPEN, next_attempt_at=1.0),
        recipient(EVE, R.OPEN, next_attempt_at=1.0, target="elsewhere"),
        recipient("done@corp.example", R.DELIVERED),
        blob="mail/m1",
    )
    found = [(each.target, [every.address for every in each.recipients]) for each in events(held)]
    assert found == [("exchange", [BOB]), ("elsewhere", [EVE])]


def test_an_attempt_without_a_recorded_end_is_made_again() -> None:
    held = message(
        MessageStatus.GONE,
        recipient(BOB, R.ATTEMPTING, attempt=2, next_attempt_at=1.0),
        recipient(EVE, R.ATTEMPTING, attempt=2),
        blob="mail/m1",
    )
    [event] = events(held)
    assert [(each.address, each.attempt) for each in event.recipients] == [(BOB, 2)]


class Store:
    """A store in which the same mail is always overdue, after the `others`."""

    def __init__(self, *others: Message) -> None:
        self.others = others
        self.message = message(
            MessageStatus.GONE, recipient(BOB, R.OPEN, next_attempt_at=1.0), blob="mail/m1"
        )

    async def overdue_messages(self, now: float, patience: float, limit: int) -> Sequence[Message]:
        return [*self.others, self.message]


async def test_a_mail_that_is_not_received_is_not_published_over_and_over() -> None:
    clock, store = ManualClock(), Store()
    overdue = OverdueMails(store, MemoryBroker(topology([60]), clock), clock, 900.0)  # type: ignore[arg-type]  # only this part of the store is used
    assert [await overdue.publish_overdue() for _ in range(3)] == [1, 0, 0]
    await clock.advance(REPUBLISH_AFTER)
    assert [await overdue.publish_overdue() for _ in range(2)] == [1, 0]
    again = recipient(BOB, R.OPEN, attempt=1, next_attempt_at=1.0)
    store.message = store.message._replace(recipients={BOB: again})
    assert await overdue.publish_overdue() == 1


async def test_a_mail_that_cannot_be_published_is_logged_and_stops_no_other() -> None:
    clock = ManualClock()
    odd = message(MessageStatus.GONE, recipient(BOB, R.OPEN, next_attempt_at=1.0), blob="mail/odd")
    store = Store(odd._replace(id="odd-one", reverse_path="\udcff"))
    broker = MemoryBroker(topology([60]), clock)
    overdue = OverdueMails(store, broker, clock, 900.0)  # type: ignore[arg-type]  # only this part of the store is used
    with capture_logs() as logs:
        assert [await overdue.publish_overdue() for _ in range(2)] == [1, 0]
    assert [(each["event"], each["message"]) for each in logs] == [("overdue mail not published", "odd-one")]
