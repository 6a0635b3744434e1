"""Templates of carried mails, from which any number of similar mails is made.

The result is what Mailferry writes for one more such mail at another time: message, recipients, claims and
journal, under a new id, UID, Message-ID and content digest. These keep their length, so they are replaced in
the encoded journal as well, which still folds to the state.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from random import Random
from typing import Any, NamedTuple

from shared.adapters.sql.bulk import Row
from shared.adapters.sql.rows import (
    entry_of,
    journal_row,
    message_of,
    message_row,
    recipient_row,
)
from shared.contract.journal import Entry, Fetched
from shared.custody.fold import fold
from shared.custody.state import Message
from shared.model.ids import message_id
from shared.model.message import MessageStatus

UID_DIGITS = 8
"""Dovecot's UIDL begins with the UID in so many hexadecimal digits."""
NUMBER_DIGITS = 10
IDENTITY_OCTETS = 20

Pick = Callable[[Sequence[Any]], Sequence[Any]]
Owner = Callable[[int], Sequence[str]]
"""The account, the recipient and the tenant of the mail with a number."""


class Story(NamedTuple):
    """The rows of one mail with the columns `MESSAGE`, `RECIPIENT`, `CLAIM` and `ENTRY`."""

    message: Row
    recipients: Sequence[Row]
    claims: Sequence[Row]
    journal: Sequence[Row]


class MailTemplate:
    """Makes more mails like one that was carried. Its UID has 16 hexadecimal digits, its Message-ID the form
    `<name.NUMBER@domain>` with ten digits, and its identity is a digest; raises ValueError otherwise.

    With `owner` each mail is of the account that it names; the names of number 0 are those of the story, and
    all others have their lengths. Otherwise all mails are of the story's account.
    """

    def __init__(self, story: Story, owner: Owner = lambda _: ()) -> None:
        self._owner = owner
        self._like = message_of(story.message)
        entries = [entry_of(row[3]) for row in story.journal]
        self._times = sorted(set().union(*(_times(entry.model_dump()) for entry in entries)))
        like = self._like
        names = (like.id, like.key.uid, like.identity, like.message_id, *owner(0))
        values = _Pool((*names, *self._times))
        self._message = values.picks(story.message)
        self._recipients = [*map(values.picks, story.recipients)]
        self._claims = [*map(values.picks, story.claims)]
        self._journal = [values.picks(row[:3]) for row in story.journal]
        self._fixed = values.fixed
        octets = _Pool(_encoded(names, self._times))
        self._bodies = [octets.picks(_cut(bytes(row[3]), octets.changing)) for row in story.journal]
        self._fixed_octets = octets.fixed
        if [*map(len, names)] != [*map(len, self._names(0, 0.0, Random(0)))]:
            raise ValueError(f"a mail of another form: {names}")

    def make_rows(self, number: int, age: float, random: Random) -> Story:
        """The mail numbered `number`, carried `age` seconds before this one."""
        names = self._names(number, age, random)
        times = [each - age for each in self._times]
        values = (*names, *times, *self._fixed)
        octets = (*_encoded(names, times), *self._fixed_octets)
        return Story(
            self._message(values),
            [pick(values) for pick in self._recipients],
            [pick(values) for pick in self._claims],
            [
                (*row(values), b"".join(body(octets)))
                for row, body in zip(self._journal, self._bodies, strict=True)
            ],
        )

    def _names(self, number: int, age: float, random: Random) -> tuple[str, ...]:
        like = self._like
        return (
            message_id(like.first_fetched_at - age, random.randbytes),
            f"{number:0{UID_DIGITS}x}{like.key.uid[UID_DIGITS:]}",
            random.randbytes(IDENTITY_OCTETS).hex(),
            _numbered(like.message_id, number),
            *self._owner(number),
        )


class _Pool:
    """Values that change from mail to mail, followed by those that stay."""

    def __init__(self, changing: Sequence[Any]) -> None:
        self.changing: Mapping[Any, int] = {value: place for place, value in enumerate(changing)}
        self.fixed: list[Any] = []

    def picks(self, values: Sequence[Any]) -> Pick:
        """Return a function that makes this sequence from a pool with other values."""
        return itemgetter(*[self._place(value) for value in values])

    def _place(self, value: Any) -> int:
        if value in self.changing:
            return self.changing[value]
        self.fixed.append(value)
        return len(self.changing) + len(self.fixed) - 1


def kept(story: Story, account: str) -> Story:
    """The same mail as the ledger has it while the account leaves a copy at the source."""
    entries = []
    state: Message | None = None
    for entry in _of_account(story, account):
        state = fold(state, entry)
        entries.append(entry)
        if state.status is MessageStatus.SETTLED:
            break
    if state is None:
        raise ValueError("a mail without a journal")
    return Story(
        message_row(state),
        [recipient_row(state, each) for each in state.recipients.values()],
        story.claims,
        [journal_row(entry) for entry in entries],
    )


def _of_account(story: Story, account: str) -> Iterator[Entry]:
    for row in story.journal:
        entry = entry_of(row[3])
        yield entry.model_copy(update={"account": account}) if isinstance(entry, Fetched) else entry


def _numbered(text: str, number: int) -> str:
    """The Message-ID with another number in it."""
    name, _, rest = text.partition(".")
    return f"{name}.{number:0{NUMBER_DIGITS}d}{rest[NUMBER_DIGITS:]}"


def _encoded(names: Sequence[str], times: Sequence[float]) -> list[bytes]:
    """As they are in the encoded journal."""
    return [*(name.encode() for name in names), *(struct.pack(">d", time) for time in times)]


def _cut(body: bytes, changing: Mapping[bytes, int]) -> list[bytes]:
    """The body cut at what changes; at least two pieces, as one would not be picked as a sequence."""
    pieces = [body, b""]
    for value in changing:
        pieces = [
            piece
            for old in pieces
            for piece in ([old] if old in changing else _interleaved(old.split(value), value))
        ]
    return pieces


def _interleaved(pieces: Sequence[bytes], value: bytes) -> list[bytes]:
    """`pieces` with `value` between them."""
    return [part for piece in pieces for part in (value, piece)][1:]


def _times(value: object) -> set[float]:
    """All moments in what an entry holds."""
    if isinstance(value, float):
        return {value}
    if isinstance(value, dict):
        return set().union(*map(_times, value.values()))
    if isinstance(value, (list, tuple)):
        return set().union(*map(_times, value))
    return set()
