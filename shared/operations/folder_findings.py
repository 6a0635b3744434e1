"""What an operator should know of the folders of a source, in short sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shared.model.errors import quoted
from shared.model.mailbox import FolderFacts, Listed
from shared.operations.wording import counted

MOST_NAMES = 8
LONGEST_NAME = 60


def folder_findings(facts: FolderFacts, entries: Sequence[Listed]) -> Iterator[str]:
    """Yield what `facts` mean, given the mails that were listed."""
    names = [quoted(name, LONGEST_NAME) for name in facts.names[:MOST_NAMES]]
    more = ", …" if len(facts.names) > MOST_NAMES else ""
    if names:
        yield f"{counted(len(facts.names), 'folder')}: {', '.join(names)}{more}"
    folder = quoted(facts.folder, LONGEST_NAME)
    if facts.writable is not None:
        access = "read-write" if facts.writable else "read-only, so that mail stays there"
        yield f"{folder} is {access}"
    if facts.obstacle is not None:
        yield facts.obstacle.rstrip(".")
    if not facts.keeps_uids:
        yield "UIDs change from session to session, so no copies can be left there"
    elif trusts_uidnext(facts, entries):
        yield "UIDs and UIDNEXT can be relied on"
    else:
        yield "UIDs can be relied on, UIDNEXT cannot, so each visit lists the whole folder"


def trusts_uidnext(facts: FolderFacts, entries: Sequence[Listed]) -> bool:
    """Return whether UIDNEXT is above all UIDs, as it must be (RFC 9051, section 2.3.1.1)."""
    highest = max((int(each.uid) for each in entries if each.uid.isdecimal()), default=0)
    return facts.uidnext is not None and facts.uidnext > highest


def folder_details(facts: FolderFacts | None, entries: Sequence[Listed]) -> dict[str, object]:
    """Return the same for programs; nothing for a protocol without folders."""
    if facts is None:
        return {}
    return {
        "folders": list(facts.names),
        "writable": facts.writable,
        "stable_uids": facts.keeps_uids,
        "uidnext": facts.uidnext,
        "uidnext_reliable": facts.keeps_uids and trusts_uidnext(facts, entries),
    }
