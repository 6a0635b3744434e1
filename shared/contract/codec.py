"""Records to bytes and back: msgpack of `[wire name, version, fields]`.

Decoding upgrades an older record step by step with the functions in `UPCASTS`, so that the rest of the code
knows only the newest form. Bytes that cannot be decoded raise `Undecodable`. That is permanent: they belong
into the dead-letter queue.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgpack
from pydantic import BaseModel, ValidationError

from shared.contract.events import EVENTS, Record
from shared.contract.journal import JOURNAL
from shared.model.errors import Fault, MailferryError, quoted

Fields = dict[str, Any]
Upcast = Callable[[Fields], Fields]

UPCASTS: Mapping[tuple[str, int], Upcast] = {
    ("message.settled", 1): lambda one: {"messages": [one["message"]]},
}
"""By wire name and version: the function that brings a record's fields to the next version."""


COMPRESSED = b"\x01"
"""What compressed records begin with: a number of the way in which they are compressed."""
COMPRESSION = 3
"""zlib's level. With 128 entries, levels 1 and 3 leave 18 % of the octets at 1.7 and 2.0 µs for an entry,
level 6 leaves 17 % at 4.3 µs."""


class Undecodable(MailferryError):
    """Bytes that are no record, or a record from a newer Mailferry."""

    temporary = False
    fault = Fault.OURS


class Encoded(bytes):
    """The bytes of a record together with the record, so that it is not parsed again within this process."""

    record: Record


class Codec:
    """Encodes and decodes a closed set of record types."""

    def __init__(
        self, types: Iterable[type[Record]], upcasts: Mapping[tuple[str, int], Upcast] = UPCASTS
    ) -> None:
        self._types = {each.wire_name: each for each in types}
        self._known = frozenset(self._types.values())
        self._upcasts = upcasts

    def encode(self, record: Record) -> bytes:
        """Return the bytes of a record."""
        fields = record.__dict__
        if record.left_out_if_empty:
            left_out = record.left_out_if_empty
            fields = {name: each for name, each in fields.items() if each or name not in left_out}
        packed: bytes = msgpack.Packer(default=_fields_of_nested).pack(
            [record.wire_name, record.wire_version, fields]
        )
        return packed

    def encode_event(self, record: Record) -> Encoded:
        """Return the bytes of a record that may stay within this process."""
        encoded = Encoded(self.encode(record))
        encoded.record = record
        return encoded

    def decode(self, data: bytes) -> Record:
        """Return the record in `data` in its newest version. Raises `Undecodable`."""
        if isinstance(data, Encoded) and type(data.record) in self._known:
            return data.record
        name, version, fields = _envelope(data)
        record = self._types.get(name)
        if record is None:
            raise Undecodable(f"unknown record {quoted(name)!r}")
        if version > record.wire_version:
            raise Undecodable(
                f"{name} version {version} comes from a newer Mailferry; "
                f"this one knows version {record.wire_version}"
            )
        try:
            return record.model_validate(self._upcast(name, version, record.wire_version, fields))
        except ValidationError as error:
            raise Undecodable(
                f"{name} version {version} has {error.error_count()} invalid field(s)"
            ) from error

    def _upcast(self, name: str, version: int, newest: int, fields: Fields) -> Fields:
        for step in range(version, newest):
            upcast = self._upcasts.get((name, step))
            if upcast is None:
                raise Undecodable(f"{name} version {version} is too old: no step from version {step}")
            try:
                fields = upcast(fields)
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise Undecodable(f"{name} version {version} is not of its version's form") from error
        return fields


def _fields_of_nested(value: object) -> Fields:
    """Return the fields of a model inside a record. Converting the whole record first would cost twice."""
    # `isinstance` on a pydantic model calls Python code each time.
    if BaseModel in type(value).__mro__:
        return value.__dict__
    raise OverflowError(f"a record cannot hold {type(value).__name__} {value}")


def _envelope(data: bytes) -> tuple[str, int, Fields]:
    try:
        unpacked = msgpack.unpackb(data)
    except (ValueError, TypeError, RecursionError, msgpack.exceptions.UnpackException) as error:
        raise Undecodable(f"{len(data)} bytes that are no msgpack: {error}") from error
    # Each mail is decoded twice. A `match` with class patterns would cost as much as unpacking.
    if isinstance(unpacked, list) and len(unpacked) == 3:
        name, version, fields = unpacked
        if isinstance(name, str) and isinstance(version, int) and version >= 1 and isinstance(fields, dict):
            return name, version, fields
    raise Undecodable("msgpack that is not [name, version, fields]")


def pack_bodies(bodies: Sequence[tuple[str, bytes]]) -> bytes:
    """Return encoded records, each with the message that it is about, compressed together."""
    packed: bytes = msgpack.packb(bodies)
    return COMPRESSED + zlib.compress(packed, COMPRESSION)


def unpack_bodies(data: bytes) -> list[tuple[str, bytes]]:
    """Return what `pack_bodies` was given. Raises `Undecodable`."""
    if not data.startswith(COMPRESSED):
        raise Undecodable("compressed in a way that this Mailferry does not know")
    try:
        unpacked = msgpack.unpackb(zlib.decompress(data[len(COMPRESSED) :]))
        bodies = [(message, body) for message, body in unpacked]
    except (ValueError, TypeError, zlib.error, msgpack.exceptions.UnpackException) as error:
        raise Undecodable(f"{len(data)} bytes that are no compressed records: {error}") from error
    if not all(isinstance(message, str) and isinstance(body, bytes) for message, body in bodies):
        raise Undecodable("compressed records that are not of their form")
    return bodies


EVENT_CODEC = Codec(EVENTS)
JOURNAL_CODEC = Codec(JOURNAL)
