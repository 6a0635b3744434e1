"""The forms of files that accounts can be imported from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.importing.csv_accounts import read_csv
from shared.importing.fetchmail.accounts import read_fetchmailrc
from shared.importing.getmail.account import read_getmailrc
from shared.importing.imapsync_csv import read_imapsync_csv
from shared.importing.mailcow import read_mailcow
from shared.importing.result import Choices, Import, ImportedRow, KnownMails
from shared.importing.state import read_fetchids, read_oldmail

Reader = Callable[[bytes, Choices], Import]
StateReader = Callable[[bytes, str, Sequence[ImportedRow]], KnownMails]


@dataclass(frozen=True, slots=True)
class Format:
    """How a file is read, and a file of state that belongs to it; None where there is none."""

    read: Reader
    read_state: StateReader | None = None


FORMATS: Mapping[str, Format] = {
    "csv": Format(read_csv),
    "fetchmailrc": Format(read_fetchmailrc, lambda content, _name, rows: read_fetchids(content, rows)),
    "getmailrc": Format(read_getmailrc, read_oldmail),
    "mailcow": Format(read_mailcow),
    "imapsync-csv": Format(read_imapsync_csv),
}
