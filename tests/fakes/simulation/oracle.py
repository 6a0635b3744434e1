"""Checks a simulation: no mail is lost, none is duplicated without need, and all are finished."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from shared.custody.state import Message
from shared.model.message import TERMINAL, RecipientStatus
from tests.fakes.simulation.blob_store import SimulatedBlobStore
from tests.fakes.simulation.database import MemoryDatabase
from tests.fakes.simulation.mails import POSTMASTER, Mail
from tests.fakes.simulation.target import SimulatedTarget
from tests.fakes.tagged import tag_of

Place = tuple[str, str]
"""The tag or group of a mail, and one of its recipients."""

RECIPIENTS = "FROM recipients AS r JOIN messages ON id = message"
TERMINAL_NAMES = frozenset(map(str, TERMINAL))
HANDLED = frozenset(map(str, (RecipientStatus.DELIVERED, RecipientStatus.SUPPRESSED)))


class Oracle:
    """Compares target, blob store and tables with what arrived. Mails of one group are copies of one mail.
    Those in `unwanted` may be missing.
    """

    def __init__(
        self, database: MemoryDatabase, blob_store: SimulatedBlobStore, target: SimulatedTarget
    ) -> None:
        self._database = database
        self._blob_store = blob_store
        self._target = target
        self._mails: dict[str, Mail] = {}
        self._groups: dict[str, str] = {}
        self._removed: list[Mail] = []
        self._discarded: set[Place] = set()
        self._redirected: dict[Place, str] = {}
        self._retries: Counter[Place] = Counter()
        self.unwanted: set[str] = set()
        self.lost: list[str] = []
        self.counts_duplicates = True

    def expect(self, mail: Mail, *, group: str) -> None:
        """Expect a mail that arrived at its source."""
        self._mails[mail.tag] = mail
        self._groups[mail.tag] = group
        self._target.originals[mail.tag] = mail.raw

    def record_removal(self, mail: Mail) -> None:
        """Record that a session removed a mail from its source. From now on it must not get lost."""
        self._removed.append(mail)
        self.lost += self.missing([mail])

    def forget(self, at_source: Iterable[Mail]) -> None:
        """Record that the database was restored. Only mails that are at their source must not get lost."""
        present = {each.tag for each in at_source}
        self.unwanted |= self._mails.keys() - present
        self.counts_duplicates = False

    def record_retry(self, message: Message, address: str, destination: str | None) -> None:
        """Record that an operator retried a parked mail. This allows one more copy."""
        place = (self._tag(message), address)
        self._retries[place] += 1
        if destination is not None:
            self._redirected[place] = destination

    def record_discard(self, message: Message, address: str) -> None:
        """Record that an operator discarded a parked mail."""
        self._discarded.add((self._tag(message), address))

    def missing(self, mails: Iterable[Mail] | None = None) -> list[str]:
        """Return the removed mails that are neither delivered nor held, with the recipient."""
        removed = self._removed if mails is None else list(mails)
        wanted = [(each.tag, address) for each in removed for address in each.wanted]
        undelivered = [place for place in wanted if not self._is_delivered(*place)]
        if not undelivered:
            return []
        held = self._held()
        return [
            f"{tag} for {address or 'nobody'}" for tag, address in undelivered if (tag, address) not in held
        ]

    def duplicates(self) -> dict[Place, int]:
        """Return how many copies arrived, for recipients with more than attempts in doubt explain."""
        if not self.counts_duplicates:
            return {}
        arrived: Counter[Place] = Counter()
        for (tag, address), number in self._target.accepted.items():
            arrived[(self._groups[tag], address)] += number
        allowed = self._allowed()
        return {place: number for place, number in arrived.items() if number > allowed[place]}

    def unfinished(self) -> list[str]:
        """Return what is unfinished in the tables. A mail that left its source early is finished, unless an
        operator retried it.
        """
        query = (
            f"SELECT message, address, r.status {RECIPIENTS} WHERE NOT gone OR next_attempt_at IS NOT NULL"
        )
        rows = self._database.rows(query)
        undelivered = [f"{message} for {address} is {status}" for message, address, status in rows
                    if status not in TERMINAL_NAMES]  # fmt: skip
        rows = self._database.rows("SELECT id, status FROM messages WHERE NOT gone")
        return [*undelivered, *(f"{message} is {status}" for message, status in rows)]

    def _is_delivered(self, tag: str, address: str) -> bool:
        place, accepted = (tag, address), self._target.accepted
        if tag in self.unwanted or place in self._discarded:
            return True
        copies = [each for each, group in self._groups.items() if group == self._groups[tag]]
        if any(accepted[each, address] for each in copies):
            return True
        to_postmaster = any(
            (each, address) in self._target.unknown and accepted[each, POSTMASTER] for each in copies
        )
        return to_postmaster or bool(accepted[tag, self._redirected.get(place, address)])

    def _held(self) -> set[Place]:
        """Return the recipients whose mail is complete in the blob store and not handled."""
        query = f"SELECT address, r.status, blob {RECIPIENTS} WHERE blob <> ''"
        found = self._unrouted()
        for address, status, blob in self._database.rows(query):
            raw = self._blob_store.blobs.get(blob)
            if raw is not None and status not in HANDLED and raw == self._mails[tag_of(raw)].raw:
                found.add((tag_of(raw), address))
        return found

    def _unrouted(self) -> set[Place]:
        """Return the recipients whose mail is complete in the blob store and not routed."""
        query = "SELECT blob FROM messages WHERE blob <> '' AND NOT gone AND status IN ('fetched', 'lost')"
        held = (self._blob_store.blobs.get(blob) for (blob,) in self._database.rows(query))
        mails = [self._mails[tag_of(raw)] for raw in held if raw is not None]
        return {(each.tag, address) for each in mails for address in each.wanted}

    def _allowed(self) -> Counter[Place]:
        allowed: Counter[Place] = Counter()
        for place, number in self._wanted().items():
            allowed[place] += number
            allowed[(place[0], POSTMASTER)] += number
        for (tag, address), number in self._retries.items():
            destination = self._redirected.get((tag, address), address)
            allowed[(self._groups[tag], destination)] += number
            allowed[(self._groups[tag], POSTMASTER)] += number
        return allowed

    def _wanted(self) -> Counter[Place]:
        """Return one copy for each recipient, and one for each attempt in doubt."""
        wanted = Counter(
            {(self._groups[each.tag], address) for each in self._mails.values() for address in each.wanted}
        )
        query = f"SELECT message_id, address, in_doubt {RECIPIENTS}"
        by_identity = defaultdict(set)
        for mail in self._mails.values():
            by_identity[f"<{mail.identity}@tags.example>"].add(self._groups[mail.tag])
        for message_id, address, in_doubt in self._database.rows(query):
            for group in by_identity[message_id]:
                wanted[(group, address)] += in_doubt
        return wanted

    def _tag(self, message: Message) -> str:
        return tag_of(self._blob_store.blobs[message.blob or ""])
