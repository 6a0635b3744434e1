"""A mailbox in memory that does as POP3 does: what is deleted goes when the session is finished."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence

from services.fetcher.mailboxes.mailbox import Mailbox
from shared.model.errors import Fault
from shared.model.mailbox import INBOX, Listed, Listing, MailRefused, MailWhole, RetrieveEvent, UidRange
from shared.model.source_errors import LimitExceeded, SourceBusy, SourceRefused
from shared.net.errors import ConnectionLost


class FakeMailbox(Mailbox):
    """Holds mails by uid. `broken_at` names one at whose retrieval the connection breaks, `busy_at` one from
    which the server serves none for now, `withheld` those that are not handed out, `replaced` those in whose
    place something else comes, `endless` those that exceed a cap. One that `keeps_all` says at the end that
    it deleted nothing. `listed` are sizes that the listing has wrong, `headers_by_number` belong to
    mails without a uid; `before_each` is called before each mail is read. `hasty` are refused in words of
    haste, as a server does that serves none for now: several at the end, or all, mean that it is so.
    With `deletes_at_once` it does as IMAP does: `delete` removes mails, but for those that are `undeletable`,
    and it tells what is left. `listings` counts how often it was listed.
    One that `lists_later_mails` lists only those where all the others are still there; its uids are in order.
    `server_says` are its remarks. `flagged` have a flag of the account's `skip`.
    """

    deletes_at_once = False

    def __init__(self, mails: dict[str, bytes]) -> None:
        self.mails = mails
        self.withheld: set[str] = set()
        self.replaced: set[str] = set()
        self.hasty: set[str] = set()
        self.broken_at: str | None = None
        self.endless: set[str] = set()
        self.busy_at: str | None = None
        self.keeps_all = False
        self.listed: dict[str, int] = {}
        self.before_each: Callable[[], None] = lambda: None
        self.retrieved: list[str] = []
        self.finished = 0
        self.has_top = True
        self.asked_for_headers: list[str] = []
        self.headers_by_number: dict[int, bytes] = {}
        self.undeletable: set[str] = set()
        self.listings = 0
        self.has_fingerprint = True
        self.lists_later_mails = False
        self.server_says: tuple[str, ...] = ()
        self.flagged: set[str] = set()
        self._marked: set[str] = set()

    async def fingerprint(self) -> str:
        if not self.has_fingerprint:
            return ""
        sizes = [f"{uid}:{self.listed.get(uid, len(mail))}" for uid, mail in self.mails.items()]
        return " ".join(("mails", *sizes))

    async def listing(self, since: str = "") -> Listing:
        self.listings += 1
        self._marked = set()
        entries = [
            Listed(uid, number, self.listed.get(uid, len(mail)))
            for number, (uid, mail) in enumerate(self.mails.items(), 1)
        ]
        known = [each.partition(":")[0] for each in since.split()[1:]] if self.lists_later_mails else []
        if known and known == [*self.mails][: len(known)]:
            later = entries[len(known) :]
            covered = [UidRange(INBOX, later[0].uid if later else f"{known[-1]}.")]
            return Listing(later, has_uids=True, problems=(), covered=covered, only_changes=True)
        flagged = frozenset(each.number for each in entries if each.uid in self.flagged)
        return Listing(entries, has_uids=True, problems=(), flagged=flagged)

    @property
    def remarks(self) -> Sequence[str]:
        return self.server_says

    async def retrieve(
        self, entries: Sequence[Listed], cut: Collection[str] = ()
    ) -> AsyncIterator[list[RetrieveEvent]]:
        served = [place for place, entry in enumerate(entries) if entry.uid not in self.hasty]
        behind = entries[served[-1] + 1 :] if served else entries
        is_busy = len(behind) > 1 or not served
        refused = [
            MailRefused(entry, SourceBusy("try later"), of_all=is_busy and entry in behind)
            for entry in entries
            if entry.uid in self.hasty
        ]
        for entry in entries:
            self.before_each()
            if entry.uid in self.hasty:
                continue
            if entry.uid in self.endless:
                raise LimitExceeded("the mail is more than the cap allows", entry=entry)
            if entry.uid == self.busy_at:
                raise SourceBusy("the server is busy", retry_after=3000)
            if entry.uid == self.broken_at:
                raise ConnectionLost("the connection broke", fault=Fault.SOURCE)
            if entry.uid in self.withheld:
                yield [MailRefused(entry, SourceRefused("not today"))]
                continue
            if entry.uid in self.replaced:
                yield [MailRefused(entry, SourceRefused("a notice came"), body_came=True)]
                continue
            self.retrieved.append(entry.uid)
            yield [MailWhole(entry, self.mails[entry.uid])]
        if refused:
            yield [*refused]
        for refusal in refused:
            if refusal.of_all:
                raise refusal.error

    async def headers(self, entries: Sequence[Listed]) -> AsyncIterator[tuple[Listed, bytes | None]]:
        for entry in entries:
            self.asked_for_headers.append(entry.uid)
            if entry.number in self.headers_by_number:
                yield entry, self.headers_by_number[entry.number]
                continue
            yield entry, self.mails[entry.uid].partition(b"\r\n\r\n")[0] if self.has_top else None

    async def delete(self, entries: Sequence[Listed]) -> Sequence[Listed]:
        self._marked |= {entry.uid for entry in entries}
        if self.deletes_at_once:
            self._remove_marked()
        return entries

    async def still_there(self, entries: Sequence[Listed]) -> Collection[Listed] | None:
        return [each for each in entries if each.uid in self.mails] if self.deletes_at_once else None

    def _remove_marked(self) -> None:
        for uid in self._marked - self.undeletable:
            del self.mails[uid]
        self._marked = set()

    async def finish(self) -> None:
        self.finished += 1
        if self.keeps_all:
            raise SourceRefused("some deleted messages not removed.")
        self._remove_marked()

    async def abort(self) -> None:
        self._marked = set()
