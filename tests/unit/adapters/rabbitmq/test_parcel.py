"""What travels together, and that it arrives as it was sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.rabbitmq.parcel import MOST_EVENTS, MOST_OCTETS, PARCEL, Unreadable, parcels, unpacked
from shared.ports.broker import Publication

PUBLICATIONS = st.lists(
    st.builds(
        Publication, st.sampled_from(["a", "b"]), st.binary(max_size=40), st.booleans(), flow=st.just("")
    ),
    max_size=100,
)


def publications(count: int, octets: int = 1, key: str = "key") -> list[Publication]:
    return [Publication(key, b"x" * octets) for _ in range(count)]


def sizes(sent: list[Publication]) -> list[int]:
    return [len(parcel.publications) for parcel in parcels(sent)]


@given(PUBLICATIONS)
def test_everything_arrives_once_and_in_its_order(sent: list[Publication]) -> None:
    arrived = [
        Publication(parcel.key, body, parcel.mandatory)
        for parcel in parcels(sent)
        for body in unpacked(parcel.kind, parcel.body)
    ]
    assert arrived == sent


def test_an_event_alone_travels_as_it_is() -> None:
    (parcel,) = parcels([Publication("key", b"an event")])
    assert (parcel.kind, parcel.body) == (None, b"an event")
    assert unpacked(None, b"an event") == [b"an event"]


def test_a_parcel_holds_a_bounded_number_of_events() -> None:
    assert sizes(publications(2 * MOST_EVENTS + 1)) == [MOST_EVENTS, MOST_EVENTS, 1]


def test_a_parcel_holds_a_bounded_number_of_octets() -> None:
    assert sizes(publications(5, MOST_OCTETS // 2)) == [2, 2, 1]


def test_a_large_event_travels_alone() -> None:
    assert sizes([*publications(2), *publications(1, 2 * MOST_OCTETS), *publications(2)]) == [2, 1, 2]


def test_what_goes_another_way_is_not_put_together() -> None:
    hint = Publication("key", b"x", mandatory=False)
    assert sizes([*publications(2), hint, hint, *publications(2, key="other")]) == [2, 2, 2]


@given(st.lists(st.binary(max_size=20), min_size=2, max_size=10), st.data())
def test_a_parcel_that_was_cut_is_unreadable_or_lacks_whole_events(
    events: list[bytes], data: st.DataObject
) -> None:
    (parcel,) = parcels([Publication("key", event) for event in events])
    cut = parcel.body[: data.draw(st.integers(0, len(parcel.body) - 1))]
    try:
        found = unpacked(PARCEL, cut)
    except Unreadable:
        return
    assert found == events[: len(found)]


@pytest.mark.parametrize("body", [b"\0\0\0", b"\0\0\0\2x", b"\xff\xff\xff\xffx"])
def test_a_message_that_is_no_parcel_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        unpacked(PARCEL, body)
