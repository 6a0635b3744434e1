"""Records become bytes and come back the same; bytes of any other kind are `Undecodable`, nothing worse."""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import Any, ClassVar

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from shared.contract.codec import EVENT_CODEC, JOURNAL_CODEC, Codec, Undecodable, pack_bodies, unpack_bodies
from shared.contract.events import (
    EVENTS,
    MessageFetched,
    MessageRouted,
    MessageSettled,
    Payload,
    Record,
    RoutedRecipient,
)
from shared.contract.journal import JOURNAL, RecipientOutcome, RecipientRouted
from shared.model.errors import Fault
from shared.model.message import LedgerKey

MODELS: list[type[BaseModel]] = [
    *EVENTS,
    *JOURNAL,
    Payload,
    RoutedRecipient,
    RecipientOutcome,
    RecipientRouted,
]
for model in MODELS:
    # Before its first use a record has no signature, and hypothesis cannot see what it needs.
    model.model_rebuild()

NUMBERS = st.integers(0, 2**63 - 1)
TIMES = st.floats(allow_nan=False)
KEYS = st.builds(LedgerKey, st.text(), NUMBERS, st.text())
PAYLOADS = st.builds(Payload, octets=NUMBERS, inline=st.none() | st.binary(), blob=st.none() | st.text())
RECIPIENTS = st.builds(RoutedRecipient, address=st.text(), destination=st.text(), attempt=NUMBERS)
RECORDS: st.SearchStrategy[Record] = st.one_of(
    st.builds(MessageFetched, fetch_no=NUMBERS, key=KEYS, fetched_at=TIMES, payload=PAYLOADS),
    st.builds(
        MessageRouted,
        fetch_no=NUMBERS,
        recipients=st.lists(RECIPIENTS).map(tuple),
        fetched_at=TIMES,
        payload=PAYLOADS,
    ),
    st.builds(MessageSettled, messages=st.lists(st.text()).map(tuple)),
)
STRATEGIES: dict[Any, st.SearchStrategy[Any]] = {int: NUMBERS, float: TIMES, LedgerKey: KEYS}


def entries(kind: type[Record]) -> st.SearchStrategy[Record]:
    annotations = {name: field.annotation for name, field in kind.model_fields.items()}
    return st.builds(
        kind, **{name: STRATEGIES[each] for name, each in annotations.items() if each in STRATEGIES}
    )


ENTRIES = st.one_of([entries(kind) for kind in JOURNAL]).filter(lambda made: "nan" not in repr(made))
MSGPACK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text()
    | st.binary()
    | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.binary(), inner),
    max_leaves=20,
)
SETTLED = MessageSettled(messages=("m", "n"))


@given(RECORDS)
def test_every_event_comes_back_as_it_was(record: Record) -> None:
    assert EVENT_CODEC.decode(EVENT_CODEC.encode(record)) == record


@given(ENTRIES)
def test_every_entry_of_the_journal_comes_back_as_it_was(record: Record) -> None:
    assert JOURNAL_CODEC.decode(JOURNAL_CODEC.encode(record)) == record


def test_wire_names_are_unique_across_events_and_journal() -> None:
    names = [record.wire_name for record in (*EVENTS, *JOURNAL)]

    assert len(set(names)) == len(names)


def test_a_settled_event_has_its_agreed_form_on_the_wire() -> None:
    assert msgpack.unpackb(EVENT_CODEC.encode(SETTLED)) == [
        "message.settled",
        2,
        {"messages": ["m", "n"]},
    ]


def test_a_settled_event_of_the_first_version_is_about_one_mail() -> None:
    first = msgpack.packb(["message.settled", 1, {"message": "m", "account": "a", "fetch_no": 1}])

    assert EVENT_CODEC.decode(first) == MessageSettled(messages=("m",))


def test_a_settled_event_of_the_first_version_without_its_mail_is_undecodable() -> None:
    with pytest.raises(Undecodable, match="not of its version's form"):
        EVENT_CODEC.decode(msgpack.packb(["message.settled", 1, {"account": "a"}]))


def decoded_or_undecodable(data: bytes) -> None:
    for codec in (EVENT_CODEC, JOURNAL_CODEC):
        with suppress(Undecodable):
            codec.decode(data)


@given(st.binary())
def test_garbage_is_undecodable(data: bytes) -> None:
    decoded_or_undecodable(data)


@given(MSGPACK)
def test_msgpack_of_another_shape_is_undecodable(value: Any) -> None:
    decoded_or_undecodable(msgpack.packb(value))


@given(st.sampled_from([*EVENTS, *JOURNAL]), st.integers(-1, 2), st.dictionaries(st.text(), MSGPACK))
def test_a_record_with_other_fields_is_undecodable(
    kind: type[Record], version: int, fields: dict[str, Any]
) -> None:
    decoded_or_undecodable(msgpack.packb([kind.wire_name, version, fields]))


@given(RECORDS, st.data())
def test_a_record_with_one_field_of_another_kind_does_no_harm(record: Record, data: st.DataObject) -> None:
    name, version, fields = msgpack.unpackb(EVENT_CODEC.encode(record))
    fields[data.draw(st.sampled_from(sorted(fields)))] = data.draw(MSGPACK)
    decoded_or_undecodable(msgpack.packb([name, version, fields]))


@given(RECORDS, st.data())
def test_a_record_that_is_cut_off_is_undecodable(record: Record, data: st.DataObject) -> None:
    whole = EVENT_CODEC.encode(record)

    with pytest.raises(Undecodable):
        EVENT_CODEC.decode(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(RECORDS, st.binary(min_size=1))
def test_a_record_with_something_behind_it_is_undecodable(record: Record, behind: bytes) -> None:
    with pytest.raises(Undecodable):
        EVENT_CODEC.decode(EVENT_CODEC.encode(record) + behind)


@given(st.lists(st.tuples(st.text(), st.binary())))
def test_bodies_that_are_packed_together_come_back_as_they_were(bodies: list[tuple[str, bytes]]) -> None:
    assert unpack_bodies(pack_bodies(bodies)) == bodies


@given(st.binary())
def test_garbage_is_no_packed_bodies(data: bytes) -> None:
    for each in (data, b"\x01" + data):
        with pytest.raises(Undecodable):
            unpack_bodies(each)


@given(MSGPACK)
def test_packed_msgpack_of_another_shape_is_undecodable(value: Any) -> None:
    if value not in ([], {}, "", b"", ()):
        with pytest.raises(Undecodable):
            unpack_bodies(b"\x01" + zlib.compress(msgpack.packb(value)))


def test_packed_bodies_of_a_newer_mailferry_are_undecodable() -> None:
    with pytest.raises(Undecodable, match="in a way that this Mailferry does not know"):
        unpack_bodies(b"\x02" + pack_bodies([("m1", b"body")])[1:])


@given(st.data())
def test_packed_bodies_that_are_cut_off_are_undecodable(data: st.DataObject) -> None:
    packed = pack_bodies([("m1", b"body"), ("m2", b"another")])
    with pytest.raises(Undecodable):
        unpack_bodies(packed[: data.draw(st.integers(0, len(packed) - 1))])


def test_what_cannot_be_decoded_is_not_tried_again_and_nobody_elses_fault() -> None:
    with pytest.raises(Undecodable, match=r"unknown record '\\\\x1b") as caught:
        EVENT_CODEC.decode(msgpack.packb(["\x1b[2J", 1, {}]))
    assert not caught.value.temporary
    assert caught.value.fault is Fault.OURS


@pytest.mark.parametrize("byte", [b"\x91", b"\x81", b"\xdd\x00\x00\x00\x01"])
def test_nesting_without_end_is_undecodable(byte: bytes) -> None:
    decoded_or_undecodable(byte * 200_000)


@pytest.mark.parametrize(
    "header", [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"]
)
def test_a_length_beyond_the_data_is_undecodable(header: bytes) -> None:
    with pytest.raises(Undecodable):
        EVENT_CODEC.decode(header)


def test_an_event_is_no_entry_of_the_journal() -> None:
    with pytest.raises(Undecodable, match="unknown record"):
        JOURNAL_CODEC.decode(EVENT_CODEC.encode(SETTLED))


class Renamed(Record):
    wire_name = "test.renamed"
    wire_version: ClassVar[int] = 3

    whole_name: str


def renamed(version: int, fields: dict[str, Any]) -> bytes:
    packed: bytes = msgpack.packb(["test.renamed", version, fields])
    return packed


UPCASTING = Codec(
    [Renamed],
    {
        ("test.renamed", 1): lambda old: {"first": old["name"], "last": "?"},
        ("test.renamed", 2): lambda old: {"whole_name": f"{old['first']} {old['last']}"},
    },
)


@pytest.mark.parametrize(
    ("version", "fields", "expected"),
    [
        (1, {"name": "Ada"}, "Ada ?"),
        (2, {"first": "Ada", "last": "L."}, "Ada L."),
        (3, {"whole_name": "A"}, "A"),
    ],
)
def test_an_older_record_is_brought_up_to_date_step_by_step(
    version: int, fields: dict[str, Any], expected: str
) -> None:
    assert UPCASTING.decode(renamed(version, fields)) == Renamed(whole_name=expected)


def test_a_record_without_a_step_to_the_present_is_undecodable() -> None:
    with pytest.raises(Undecodable, match="version 1 is too old: no step from version 1"):
        Codec([Renamed], {}).decode(renamed(1, {"name": "Ada"}))


def test_a_record_of_a_newer_mailferry_is_undecodable_and_says_so() -> None:
    with pytest.raises(Undecodable, match="version 4 comes from a newer Mailferry"):
        UPCASTING.decode(renamed(4, {}))


@pytest.mark.parametrize("fields", [{}, {"nome": "Ada"}, {"first": 1}])
def test_an_older_record_that_its_step_does_not_understand_is_undecodable(fields: dict[str, Any]) -> None:
    with pytest.raises(Undecodable):
        UPCASTING.decode(renamed(1, fields))


@given(RECORDS)
def test_an_event_that_never_left_the_process_is_the_one_that_was_encoded(event: Record) -> None:
    encoded = EVENT_CODEC.encode_event(event)

    assert EVENT_CODEC.decode(encoded) is event
    assert bytes(encoded) == EVENT_CODEC.encode(event)
    assert EVENT_CODEC.decode(bytes(encoded)) == event


def test_a_record_of_another_kind_is_refused_even_if_it_never_left_the_process() -> None:
    with pytest.raises(Undecodable):
        JOURNAL_CODEC.decode(EVENT_CODEC.encode_event(SETTLED))
