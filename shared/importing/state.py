"""Reads which mails another program has delivered: fetchmail's `.fetchids`, and the oldmail files of getmail.

getmail writes `-` for each `/` in a POP3 unique id, so that a mail whose id has one is not recognised.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from shared.config.urls import ServerUrl, source_url
from shared.importing.result import Finding, ImportedRow, KnownMail, KnownMails
from shared.model.folders import FolderSettings
from shared.model.mailbox import INBOX, folder_name, numeric_uid

LONGEST_UID = 1000
_GETMAIL_STRIPPED = re.compile(r"[/\\:;<>|]+")
POP3_ONLY = "fetchmail notes unique ids for POP3 only; the account is IMAP, so its kept mail is not known"


class _Seen(NamedTuple):
    """A line of `.fetchids`."""

    line: int
    user: str
    host: str
    uid: str


def read_fetchids(content: bytes, rows: Sequence[ImportedRow]) -> KnownMails:
    """Return the mails that fetchmail has seen, for those accounts that are among the rows.

    A line is `user@host`, a blank, and the unique id.
    """
    findings: list[Finding] = []
    mails: list[KnownMail] = []
    accounts: defaultdict[tuple[str, str], list[ImportedRow]] = defaultdict(list)
    for row in rows:
        accounts[_login_of(row)].append(row)
    strangers: Counter[str] = Counter()
    first: dict[str, int] = {}
    told: set[str] = set()
    for seen in _seen(content, findings):
        found = accounts.get((seen.user.lower(), seen.host.lower()), ())
        if not found:
            login = f"{seen.user}@{seen.host}"
            strangers[login] += 1
            first.setdefault(login, seen.line)
        for row in found:
            if _protocol(row) == "pop3":
                mails.append(KnownMail(row.account_id, INBOX.folder, None, seen.uid))
            elif row.account_id not in told:
                told.add(row.account_id)
                findings.append(Finding(seen.line, row.account_id, POP3_ONLY))
    findings += [
        Finding(first[login], login, f"no account of the file has this login; {count} mails are left out")
        for login, count in strangers.items()
    ]
    return KnownMails(mails, findings)


def _seen(content: bytes, findings: list[Finding]) -> Iterator[_Seen]:
    for number, line in enumerate(_lines(content), 1):
        if not line.strip():
            continue
        login, _, rest = line.strip().partition(" ")
        user, at, host = login.rpartition("@")
        uid = rest.split()[0] if rest.split() else ""
        if at and user and host and _is_uid(uid):
            yield _Seen(number, user, host, uid)
        else:
            findings.append(Finding(number, "line", "expected user@host, a blank and a unique id"))


def read_oldmail(content: bytes, file_name: str, rows: Sequence[ImportedRow]) -> KnownMails:
    """Return the mails that getmail has delivered. The file's name tells of which account and which folder.

    A line is the unique id, a NUL, and a time. With IMAP, UIDVALIDITY and a slash stand before the id.
    """
    place = _place_of(file_name, rows)
    if place is None:
        sentence = "no account of the file has this state; keep the file's name"
        return KnownMails((), [Finding(1, file_name, sentence)])
    row, folder = place
    is_imap = _protocol(row) == "imap"
    findings: list[Finding] = []
    mails: list[KnownMail] = []
    for number, line in enumerate(_lines(content), 1):
        if not line.strip():
            continue
        name, nul, _time = line.partition("\0")
        mail = _imap_mail(row, folder, name) if is_imap else _pop3_mail(row, name)
        if nul and mail is not None:
            mails.append(mail)
        else:
            findings.append(Finding(number, "line", "expected a unique id, a NUL and a time"))
    return KnownMails(mails, findings)


def _pop3_mail(row: ImportedRow, name: str) -> KnownMail | None:
    return KnownMail(row.account_id, INBOX.folder, None, name) if _is_uid(name) else None


def _imap_mail(row: ImportedRow, folder: str, name: str) -> KnownMail | None:
    """Return the mail; an old getmail also wrote the folder between UIDVALIDITY and the id."""
    uidvalidity, *_, uid = name.split("/") if "/" in name else ("", "")
    if not all(each.isascii() and each.isdigit() and len(each) <= 10 for each in (uidvalidity, uid)):
        return None
    return KnownMail(row.account_id, folder, int(uidvalidity), numeric_uid(int(uid)))


def _place_of(file_name: str, rows: Sequence[ImportedRow]) -> tuple[ImportedRow, str] | None:
    """Return the row and the folder that a file is about. With one row and folder, any name will do."""
    for row in rows:
        url = _url_of(row)
        if url is None:
            continue
        written = f"oldmail-{url.host}-{url.port}-{row.account.get('username', '')}"
        base = _GETMAIL_STRIPPED.sub("-", written).lower()
        if _protocol(row) == "pop3" and file_name.lower() == base:
            return row, INBOX.folder
        for folder in _folders(row):
            if file_name.lower() == f"{base}-{_GETMAIL_STRIPPED.sub('.', folder)}".lower():
                return row, folder_name(folder)
    if len(rows) == 1 and (_protocol(rows[0]) == "pop3" or len(_folders(rows[0])) == 1):
        return rows[0], INBOX.folder if _protocol(rows[0]) == "pop3" else folder_name(_folders(rows[0])[0])
    return None


def _folders(row: ImportedRow) -> Sequence[str]:
    folders: Any = row.account.get("folders", FolderSettings().folders)
    return [str(each) for each in folders]


def _url_of(row: ImportedRow) -> ServerUrl | None:
    try:
        return source_url(row.account.get("source"))
    except ValueError:
        return None


def _protocol(row: ImportedRow) -> str:
    url = _url_of(row)
    return "" if url is None else url.scheme.removesuffix("s")


def _login_of(row: ImportedRow) -> tuple[str, str]:
    url = _url_of(row)
    return str(row.account.get("username", "")).lower(), "" if url is None else url.host


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "surrogateescape").replace("\r\n", "\n").split("\n")


def _is_uid(text: str) -> bool:
    """Return whether a text can be a unique id: printable, and of a length that no real one exceeds."""
    return 0 < len(text) <= LONGEST_UID and text.isascii() and text.isprintable() and not text.startswith(" ")
