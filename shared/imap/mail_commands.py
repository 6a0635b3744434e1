"""The commands about mails in the selected mailbox, each by UID (RFC 9051, section 6.4.9).

Sets are bounded by who plans them (`UidSet.split`); a longer one is a defect of ours and raises `Misused`.
"""

from __future__ import annotations

from collections.abc import Collection

from shared.imap.arguments import Part, argument
from shared.imap.commands import Command, Verb
from shared.imap.uid_set import LONGEST_SET, UidSet
from shared.model.errors import quoted
from shared.net.errors import Misused

SIZE, FLAGS, INTERNALDATE = "RFC822.SIZE", "FLAGS", "INTERNALDATE"
EMAILID, GMAIL_ID = "EMAILID", "X-GM-MSGID"
ITEMS = frozenset({SIZE, FLAGS, INTERNALDATE, EMAILID, GMAIL_ID})

WHOLE, HEADER = "", "HEADER"
MOST_BODIES = 1_000  # per command: each one that is awaited is remembered


def fetch_items(uids: UidSet, items: Collection[str] = ()) -> Command:
    """FETCH of what is known about mails, of `ITEMS`; without any, of their UIDs alone."""
    if not ITEMS.issuperset(items):
        raise Misused(f"FETCH was asked for items that are not understood: {', '.join(items)}.")
    asked = " ".join(("UID", *sorted(items)))
    command = _about_mails(Verb.FETCH, b"UID FETCH ", uids, f" ({asked})")
    return command._replace(items=frozenset(items) or frozenset({"UID"}))


def fetch_uids_at(numbers: Collection[int]) -> Command:
    """FETCH of the UIDs of the mails with these sequence numbers.

    The one command that names mails by number: only their UIDs count, and where one is wrong, nothing is.
    """
    wire = b"FETCH " + _bounded(UidSet.of(numbers)).wire + b" (UID)"
    return Command(Verb.FETCH, (wire,), quoted(wire), uids=UidSet.span(1), items=frozenset({"UID"}))


def fetch_mails(uids: UidSet) -> Command:
    """FETCH of whole mails, which leaves `\\Seen` as it is."""
    return _fetch_section(uids, WHOLE)


def fetch_headers(uids: UidSet) -> Command:
    """FETCH of the headers alone, which leaves `\\Seen` as it is."""
    return _fetch_section(uids, HEADER)


def fetch_range(uid: int, origin: int, octets: int) -> Command:
    """FETCH of a part of one mail: `octets` from `origin` on, or what there is of it."""
    if origin < 0 or octets < 1:
        raise Misused(f"FETCH was asked for {octets} octets from {origin} on.")
    return _fetch_section(UidSet.of([uid]), WHOLE, f"<{origin}.{octets}>")._replace(origin=origin)


def search_uids(uids: UidSet, *, extended: bool) -> Command:
    """SEARCH that tells which of these UIDs there are; `extended` where ESEARCH is announced (RFC 4731)."""
    return _search(b"UID " + uids.wire, f"UID {quoted(uids.wire)}", extended)._replace(uids=_bounded(uids))


def search_deleted(*, extended: bool) -> Command:
    """SEARCH for the mails that are marked `\\Deleted`, by whomever."""
    return _search(b"DELETED", "DELETED", extended)


def store_deleted(uids: UidSet) -> Command:
    """STORE that marks mails `\\Deleted`."""
    return _about_mails(Verb.STORE, b"UID STORE ", uids, " +FLAGS.SILENT (\\Deleted)")


def store_seen(uids: UidSet) -> Command:
    """STORE that marks mails `\\Seen`."""
    return _about_mails(Verb.STORE, b"UID STORE ", uids, " +FLAGS.SILENT (\\Seen)")


def uid_expunge(uids: UidSet) -> Command:
    """EXPUNGE of these mails alone, as far as they are marked (UIDPLUS; RFC 4315)."""
    return _about_mails(Verb.UID_EXPUNGE, b"UID EXPUNGE ", uids, "")


def copy(uids: UidSet, name: bytes) -> Command:
    """COPY into the mailbox with this name, as on the wire. Raises `Unsendable`."""
    return _into(Verb.COPY, uids, name)


def move(uids: UidSet, name: bytes) -> Command:
    """MOVE (RFC 6851) into the mailbox with this name, as on the wire. Raises `Unsendable`."""
    return _into(Verb.MOVE, uids, name)


def _fetch_section(uids: UidSet, section: str, part: str = "") -> Command:
    if len(uids) > MOST_BODIES:
        raise Misused(f"FETCH was asked for the bodies of {len(uids)} mails at once.")
    command = _about_mails(Verb.FETCH, b"UID FETCH ", uids, f" (UID BODY.PEEK[{section}]{part})")
    return command._replace(section=section, items=frozenset({f"BODY[{section}]"}))


def _search(criteria: bytes, shown: str, extended: bool) -> Command:
    how = "UID SEARCH RETURN (ALL) " if extended else "UID SEARCH "
    return Command(Verb.SEARCH, (how.encode("ascii") + criteria,), how + shown, returns_tag=extended)


def _into(verb: Verb, uids: UidSet, name: bytes) -> Command:
    command = _about_mails(verb, b"UID %s " % verb.name.encode("ascii"), uids, " ")
    to: Part = argument(name, "name of the mailbox")
    return command._replace(parts=(*command.parts, to), shown=command.shown + quoted(name))


def _about_mails(verb: Verb, before: bytes, uids: UidSet, behind: str) -> Command:
    wire = before + _bounded(uids).wire + behind.encode("ascii")
    return Command(verb, (wire,), quoted(wire), uids=uids)


def _bounded(uids: UidSet) -> UidSet:
    if not uids.ranges or len(uids.wire) > LONGEST_SET:
        raise Misused(f"A command was asked for about {len(uids)} mails, whose UIDs do not fit into a line.")
    return uids
