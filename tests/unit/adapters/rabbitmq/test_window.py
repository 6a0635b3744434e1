"""The accounts of what is published and not confirmed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.rabbitmq.parcel import Parcel
from shared.adapters.rabbitmq.window import Batch, PublishWindow
from shared.ports.broker import BrokerUnavailable, Publication


class Finished:
    """A batch that counts how often it was finished."""

    def __init__(self) -> None:
        self.times = 0
        self.batch = Batch(self._finish)

    def _finish(self) -> None:
        self.times += 1


def add(window: PublishWindow, batch: Batch, sent: Publication) -> int:
    return window.add(batch, Parcel((sent,)), len(sent.body))


def publication(octets: int = 1, key: str = "key") -> Publication:
    return Publication(key, b"x" * octets)


@pytest.fixture
def window() -> PublishWindow:
    return PublishWindow(1000, 1 << 20)


@pytest.fixture
def finished() -> Finished:
    return Finished()


def test_tags_count_from_one_as_the_broker_counts(window: PublishWindow, finished: Finished) -> None:
    assert [add(window, finished.batch, publication()) for _ in range(3)] == [1, 2, 3]


def test_a_batch_is_finished_with_its_last_confirm(window: PublishWindow, finished: Finished) -> None:
    for _ in range(3):
        add(window, finished.batch, publication())
    finished.batch.complete()
    window.answered(2, multiple=False, taken=True)
    window.answered(1, multiple=False, taken=True)
    assert finished.times == 0
    window.answered(3, multiple=False, taken=True)
    assert (finished.times, len(window)) == (1, 0)


def test_a_batch_confirmed_before_it_was_complete_is_finished_when_it_is(
    window: PublishWindow, finished: Finished
) -> None:
    add(window, finished.batch, publication())
    window.answered(1, multiple=False, taken=True)
    assert finished.times == 0
    finished.batch.complete()
    assert finished.times == 1


def test_an_empty_batch_is_finished_at_once(finished: Finished) -> None:
    finished.batch.complete()
    assert finished.times == 1


def test_one_confirm_for_many_settles_all_up_to_it_and_none_beyond(window: PublishWindow) -> None:
    batches = [Finished() for _ in range(3)]
    for each in batches:
        add(window, each.batch, publication())
        each.batch.complete()
    window.answered(2, multiple=True, taken=True)

    assert [each.times for each in batches] == [1, 1, 0]


def test_a_refusal_is_counted_for_its_own_batch(window: PublishWindow) -> None:
    one, other = Finished(), Finished()
    add(window, one.batch, publication())
    add(window, other.batch, publication())
    window.answered(1, multiple=False, taken=False)
    window.answered(2, multiple=False, taken=True)

    assert (one.batch.refused, other.batch.refused) == (1, 0)


def test_all_of_a_parcel_is_refused_or_returned(window: PublishWindow, finished: Finished) -> None:
    parcel = Parcel((publication(), publication()))
    window.add(finished.batch, parcel, 2)
    window.add(finished.batch, parcel, 2)
    window.returned(1)
    window.answered(2, multiple=False, taken=False)
    assert finished.batch.returned == [*parcel.publications]
    assert finished.batch.refused == 2


def test_a_return_is_charged_to_exactly_the_publication_that_came_back(window: PublishWindow) -> None:
    one, other = Finished(), Finished()
    lost = publication(key="lost")
    add(window, one.batch, publication())
    add(window, other.batch, publication())
    add(window, other.batch, lost)
    window.returned(3)
    window.returned(99)
    window.answered(3, multiple=True, taken=True)

    assert one.batch.returned == []
    assert other.batch.returned == [lost]


def test_a_confirm_of_what_is_not_open_changes_nothing(window: PublishWindow, finished: Finished) -> None:
    add(window, finished.batch, publication())
    window.answered(7, multiple=False, taken=False)

    assert (len(window), finished.batch.refused) == (1, 0)


def test_giving_up_finishes_everything_with_the_error_and_makes_room(finished: Finished) -> None:
    window = PublishWindow(2, 100)
    error = BrokerUnavailable("gone")
    for key in ("a", "b"):
        add(window, finished.batch, publication(key=key))
    finished.batch.complete()
    assert window.open_keys() == {"a", "b"}
    window.give_up(error)
    window.answered(2, multiple=True, taken=True)

    assert (finished.times, finished.batch.error, window.has_room) == (1, error, True)


@pytest.mark.parametrize(("most", "most_bytes"), [(2, 1000), (1000, 10)])
def test_the_window_is_bounded_by_count_and_by_bytes(most: int, most_bytes: int, finished: Finished) -> None:
    window = PublishWindow(most, most_bytes)
    add(window, finished.batch, publication(5))
    room = [window.has_room]
    add(window, finished.batch, publication(5))
    room.append(window.has_room)
    window.answered(1, multiple=False, taken=True)
    room.append(window.has_room)

    assert room == [True, False, True]


def test_an_event_larger_than_the_window_still_goes_alone() -> None:
    assert PublishWindow(1, 1).has_room


@given(st.data())
def test_every_batch_is_finished_exactly_once_in_whatever_order_the_answers_come(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(0, 5), max_size=6))
    batches = [Finished() for _ in sizes]
    window = PublishWindow(10_000, 1 << 20)
    tags = [
        add(window, each.batch, publication())
        for each, size in zip(batches, sizes, strict=True)
        for _ in range(size)
    ]
    for each in batches:
        each.batch.complete()
    for tag in data.draw(st.permutations(tags)):
        window.answered(tag, multiple=data.draw(st.booleans()), taken=data.draw(st.booleans()))

    assert [each.times for each in batches] == [1] * len(batches)
    assert len(window) == 0
