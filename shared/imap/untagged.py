"""What becomes of untagged answers: an event where a command asked for them, or where they tell of the
selected mailbox; else nothing.
"""

from __future__ import annotations

from shared.imap.answers import Answer
from shared.imap.capabilities import Capabilities, parse_capabilities
from shared.imap.commands import Verb
from shared.imap.data_answers import Data, Enabled, Listing, SearchResult, parse_data
from shared.imap.events import Event, Exists, Found, Gone, MailboxListed, MailboxStatus, Notice
from shared.imap.fetch import Attributes
from shared.imap.folder_choice import MOST_FOLDERS
from shared.imap.mail_assembly import MailAssembly
from shared.imap.mailbox_names import decode_name
from shared.imap.outstanding import Outstanding
from shared.imap.scanner import scan
from shared.imap.session_state import ENABLED, SessionState
from shared.imap.states import LOGS_IN, SELECTS
from shared.imap.status_lines import StatusLine

_LISTS = frozenset({Verb.LIST})
_STATUSES = frozenset({Verb.LIST, Verb.STATUS, Verb.NOTIFY, Verb.IDLE})
"""During IDLE, that is what NOTIFY asked for."""
_ENABLES = frozenset({Verb.ENABLE})
FOLDERS_TOLD = MOST_FOLDERS + 1
"""Folders that one command tells of. The last one shows that there are too many; further ones are dropped as
they come, since 300,000 of them took 131 MiB."""


class UntaggedAnswers:
    """Those of one connection."""

    def __init__(
        self,
        outstanding: Outstanding,
        session: SessionState,
        mails: MailAssembly,
    ) -> None:
        self._outstanding = outstanding
        self._session = session
        self._mails = mails

    def take_data(self, answer: Answer, events: list[Event]) -> None:
        """Take an answer that is data. Raises ValueError for one that cannot be read, and `SourceViolation`
        for a mail that nobody asked for.
        """
        data = parse_data(scan(answer.parts))
        match data:
            case Attributes():
                self._mails.complete(data, events)
            case Exists() | Gone():
                self.take_change(data, events)
            case Capabilities():
                self._learn(data)
            case _:
                self._take_asked(data, events)

    def take_change(self, change: Exists | Gone, events: list[Event]) -> None:
        """Take what tells of the selected mailbox."""
        sent = self._outstanding.any_of(SELECTS)
        if sent is not None and sent.selection is not None:
            if isinstance(change, Exists):
                sent.selection.learn_exists(change.count)
            elif change.earlier:
                events.append(change)
        elif self._session.is_selected:
            events.append(change)

    def take_notice(self, status: StatusLine, events: list[Event]) -> None:
        """Take an untagged OK, NO or BAD."""
        self._learn_of_selection(status)
        shown = self._session.redacted(status)
        events.append(Notice(shown.condition, shown.code, shown.argument, shown.text))

    def learn_capabilities(self, text: bytes) -> None:
        """Learn the argument of a response code. Raises ValueError for too many."""
        self._learn(parse_capabilities(text))

    def _learn(self, capabilities: Capabilities) -> None:
        self._session.capabilities = capabilities
        logging_in = self._outstanding.any_of(LOGS_IN)
        if logging_in is not None:
            logging_in.told_capabilities = True

    def _learn_of_selection(self, status: StatusLine) -> None:
        sent = self._outstanding.any_of(SELECTS)
        if sent is not None and sent.selection is not None:
            sent.selection.learn_code(status.code, status.argument)

    def _take_asked(self, data: Data, events: list[Event]) -> None:
        match data:
            case SearchResult(uids, count, tag):
                command = self._outstanding.owner_of_search(tag)
                if command is not None:
                    asked = uids if command.uids is None else command.uids.common(uids)
                    events.append(Found(command, asked, count))
            case Listing(raw, delimiter, attributes) if sent := self._outstanding.any_of(_LISTS):
                sent.folders += 1
                if sent.folders <= FOLDERS_TOLD:
                    name = decode_name(raw, utf8="UTF8=ACCEPT" in self._session.enabled)
                    events.append(MailboxListed(raw, name, delimiter, attributes))
            case MailboxStatus() if sent := self._outstanding.any_of(_STATUSES):
                sent.states += 1
                if sent.states <= FOLDERS_TOLD:
                    events.append(data)
            case Enabled(names) if self._outstanding.any_of(_ENABLES):
                self._session.enabled |= names & ENABLED
