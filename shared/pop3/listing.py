"""Turn the answers to STAT, LIST and UIDL (RFC 1939) into a `Listing`; a bad line costs one mail at most.

A uid is usable if it has 1 to `LONGEST_UID` characters, no control characters, and no other mail has it. RFC
1939 allows 70 characters, but some servers use more. Only the first word counts, as in all clients.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.model.errors import quoted
from shared.model.mailbox import WHOLE_INBOX, Listed, Listing

LONGEST_UID = 512
_MOST_PROBLEMS = 20
_MOST_DIGITS = 10
_MOST_SIZE_DIGITS = 15


@dataclass(slots=True)
class Problems:
    """Sentences for the operator; of many, the last ones are only counted."""

    sentences: list[str] = field(default_factory=list)
    more: int = 0
    unreadable_lines: int = 0

    def add_problem(self, sentence: str) -> None:
        """Add a sentence."""
        if len(self.sentences) < _MOST_PROBLEMS:
            self.sentences.append(sentence)
        else:
            self.more += 1

    def add_unreadable(self, what: str, line: bytes) -> None:
        """Add a sentence about a line that names no mail."""
        self.unreadable_lines += 1
        self.add_problem(f"A line of the answer to {what} makes no sense: {quoted(line)}.")

    def all(self) -> tuple[str, ...]:
        """Return all sentences."""
        rest = (f"{self.more} more problems of this kind.",) if self.more else ()
        return (*self.sentences, *rest)


def parse_stat(text: bytes) -> int | None:
    """Return the number of mails; None if the answer makes no sense."""
    words = text.split(None, 1)
    return int(words[0]) if words and _is_number(words[0]) else None


def parse_sizes(body: bytes, most: int, problems: Problems) -> dict[int, int]:
    """Return sizes by mail number from the answer to LIST, at most `most`; a bad size is 0."""
    sizes: dict[int, int] = {}
    for line in _lines(body, most):
        words = line.split(None, 2)
        number = int(words[0]) if words and _is_number(words[0]) else 0
        if not number:
            problems.add_unreadable("LIST", line)
            continue
        size = words[1] if len(words) > 1 else b""
        if size.isdigit() and len(size) <= _MOST_SIZE_DIGITS:
            sizes[number] = int(size)
        else:
            sizes[number] = 0
            problems.add_problem(f"Mail {number} has no size that makes sense: {quoted(line)}.")
    return sizes


def parse_uids(body: bytes, most: int, problems: Problems) -> dict[int, str]:
    """Return uids by mail number from the answer to UIDL, at most `most`; an unusable uid is ""."""
    uids: dict[int, str] = {}
    for line in _lines(body, most):
        words = line.split(None, 2)
        number = int(words[0]) if words and _is_number(words[0]) else 0
        if not number:
            problems.add_unreadable("UIDL", line)
            continue
        uid = words[1].decode("latin-1") if len(words) > 1 else ""
        usable = 0 < len(uid) <= LONGEST_UID and uid.isprintable()
        if not usable:
            problems.add_problem(f"Mail {number} has no usable UID: {quoted(line)}.")
        elif number in uids:
            problems.add_problem(f"Mail {number} is listed with two UIDs.")
        uids[number] = uid if usable and number not in uids else ""
    return uids


def combine(
    count: int | None,
    sizes: Mapping[int, int] | None,
    uids: Mapping[int, str] | None,
    most: int,
    problems: Problems,
) -> Listing:
    """Return the listing.

    `count` is what STAT said. `sizes` and `uids` are None where the server has no LIST or UIDL.
    """
    sized, named_so = sizes or {}, uids or {}
    numbers = sorted(sized.keys() | named_so.keys())
    covered = WHOLE_INBOX if _is_complete(count, len(numbers), most, problems) else ()
    mails = [Listed(named_so.get(n, ""), n, sized.get(n, 0)) for n in numbers[:most]]
    owners = Counter([mail.uid for mail in mails])
    named = [mail for mail in mails if mail.uid and owners[mail.uid] == 1]
    if mails and not named:
        return Listing(_without_uids(mails), False, problems.all(), covered=covered)
    nameless: tuple[Listed, ...] = ()
    if len(named) < len(mails):
        others = [mail for mail in mails if not mail.uid or owners[mail.uid] > 1]
        for mail in others:
            _note_missing(mail, owners, named_so, problems)
        nameless = _without_uids(others)
    return Listing(tuple(named), uids is not None, problems.all(), nameless=nameless, covered=covered)


def listing_digest(listing: Listing) -> str:
    """Return a digest of a complete listing; "" for one that has a problem or mails without a uid."""
    if listing.problems or listing.nameless or not listing.has_uids or not listing.covered:
        return ""
    named = "\n".join(f"{each.uid} {each.size}" for each in listing.entries)
    return hashlib.sha256(named.encode("utf-8")).hexdigest()


def _is_complete(count: int | None, listed: int, most: int, problems: Problems) -> bool:
    if listed > most:
        problems.add_problem(f"The mailbox lists more than {most} mails; the rest waits for later sessions.")
        return False
    if count is None:
        return problems.unreadable_lines == 0
    if listed != count:
        problems.add_problem(f"STAT counts {count} mails, but {listed} are listed.")
    return listed >= count


def _note_missing(
    mail: Listed, owners: Mapping[str, int], uids: Mapping[int, str], problems: Problems
) -> None:
    if mail.uid:
        problems.add_problem(
            f"Mail {mail.number} shares the UID {quoted(mail.uid)} with {owners[mail.uid] - 1} more."
        )
    elif mail.number not in uids:
        problems.add_problem(f"Mail {mail.number} is missing in the answer to UIDL.")


def _without_uids(mails: Sequence[Listed]) -> tuple[Listed, ...]:
    sizes: Counter[int] = Counter()
    twins = []
    for mail in mails:
        sizes[mail.size] += 1
        twins.append(Listed("", mail.number, mail.size, sizes[mail.size]))
    return tuple(twins)


def _lines(body: bytes, most: int) -> list[bytes]:
    """Return at most one line more than `most`, which shows the caller that there were too many."""
    lines = body.split(b"\r\n", most + 1)
    del lines[most + 1 :]
    if lines and not lines[-1]:
        lines.pop()
    return lines


def _is_number(word: bytes) -> bool:
    return word.isdigit() and len(word) <= _MOST_DIGITS
