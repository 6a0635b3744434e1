"""Checks the demo: is every mail where it belongs, once, byte for byte? Pure.

Compares what the letters ask for with what is at the target, in the store and at the source afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.standalone.demo.letters import Letter, at_the_target
from services.standalone.demo.people import ANNA
from services.standalone.demo.smtp_session import AcceptedMail
from shared.custody.state import Message
from shared.model.message import RecipientStatus

ID_FIELD = b"X-Mailferry-ID: "


@dataclass(frozen=True, slots=True)
class Arrival:
    """A mail at the target: its recipient, and the id of our message."""

    recipient: str
    message: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Findings:
    """What there is after the pass: `messages` by letter (mailbox, uid), uids `left` in each mailbox."""

    messages: Mapping[tuple[str, str], Message]
    arrivals: Sequence[Arrival]
    left: Mapping[str, Sequence[str]]


def arrivals(mails: Sequence[AcceptedMail]) -> list[Arrival]:
    """Return each recipient of each accepted mail, with the mail below our own header fields."""
    found = []
    for mail in mails:
        message, content = without_our_fields(mail.content)
        found += [Arrival(recipient, message, content) for recipient in mail.recipients]
    return found


def without_our_fields(content: bytes) -> tuple[str, bytes]:
    """Return the message's id, and the mail without the two fields that the relay put on top."""
    first, _, rest = content.partition(b"\r\n")
    _received, _, rest = rest.partition(b"\r\n")
    while rest.startswith(b"\t"):
        _, _, rest = rest.partition(b"\r\n")
    return first.removeprefix(ID_FIELD).decode("ascii", "replace"), rest


def complaints(letters: Sequence[Letter], findings: Findings) -> list[str]:
    """Return what is wrong, as sentences; none if all is well."""
    return [*_missing_or_twice(letters, findings), *_damaged(letters, findings), *_endings(letters, findings)]


def _missing_or_twice(letters: Sequence[Letter], findings: Findings) -> Iterator[str]:
    originals = {message.id: letter.copies_of for letter, message in _known(letters, findings)}
    found = Counter(
        (originals.get(each.message, "an unknown mail"), each.recipient) for each in findings.arrivals
    )
    wanted = {(letter.copies_of, address) for letter in letters for address in letter.delivered}
    for mail, address in sorted(wanted - found.keys()):
        yield f"{mail}: nothing arrived for {address}"
    for (mail, address), times in sorted(found.items()):
        if (mail, address) not in wanted:
            yield f"{mail}: arrived for {address}, who was not to get it"
        elif times > 1:
            yield f"{mail}: arrived {times} times for {address}"


def _damaged(letters: Sequence[Letter], findings: Findings) -> Iterator[str]:
    letter_of = {message.id: letter for letter, message in _known(letters, findings)}
    for arrival in findings.arrivals:
        letter = letter_of.get(arrival.message)
        if letter is not None and arrival.content != at_the_target(letter.raw, arrival.recipient):
            yield f"{letter.uid}: what arrived for {arrival.recipient} is not what was sent"


def _endings(letters: Sequence[Letter], findings: Findings) -> Iterator[str]:
    for letter in letters:
        message = findings.messages.get((letter.mailbox, letter.uid))
        if message is None:
            yield f"{letter.uid}: was not fetched"
            continue
        parked = sorted(
            each.address for each in message.recipients.values() if each.status is RecipientStatus.PARKED
        )
        if parked != sorted(letter.parked):
            yield f"{letter.uid}: parked for {parked} instead of {sorted(letter.parked)}"
        stays = letter.uid in findings.left.get(letter.mailbox, ())
        if stays != (letter.mailbox == ANNA):
            yield f"{letter.uid}: is {'still' if stays else 'no longer'} at the source"


def _known(letters: Sequence[Letter], findings: Findings) -> Iterator[tuple[Letter, Message]]:
    for letter in letters:
        message = findings.messages.get((letter.mailbox, letter.uid))
        if message is not None:
            yield letter, message
