"""What must hold after any history: no mail is lost, none is doubled without need, all of it is done."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from shared.custody.state import Message
from shared.model.message import TERMINAL, RecipientStatus
from tests.fakes.tagged import tag_of
from tests.fakes.world.blobs import Shelf
from tests.fakes.world.database import MemoryDatabase
from tests.fakes.world.letters import POSTMASTER, Letter
from tests.fakes.world.target import PlayedTarget

Place = tuple[str, str]
"""A mail, by its tag or its group, and a recipient of it."""

RECIPIENTS = "FROM recipients AS r JOIN messages ON id = message"
ENDED = frozenset(map(str, TERMINAL))
SERVED = frozenset(map(str, (RecipientStatus.DELIVERED, RecipientStatus.SUPPRESSED)))


class Oracle:
    """Judges by what the target, the blobs and the tables have.

    Mails of one group are copies of one mail. Those in `unwanted` may be missing.
    """

    def __init__(self, database: MemoryDatabase, shelf: Shelf, target: PlayedTarget) -> None:
        self._database = database
        self._shelf = shelf
        self._target = target
        self._letters: dict[str, Letter] = {}
        self._groups: dict[str, str] = {}
        self._removed: list[Letter] = []
        self._given_up: set[Place] = set()
        self._redirected: dict[Place, str] = {}
        self._retries: Counter[Place] = Counter()
        self.unwanted: set[str] = set()
        self.lost: list[str] = []
        self.knows_of_duplicates = True

    def expect(self, letter: Letter, *, group: str) -> None:
        """Note that a mail arrived at its source."""
        self._letters[letter.tag] = letter
        self._groups[letter.tag] = group
        self._target.originals[letter.tag] = letter.raw

    def removed(self, letter: Letter) -> None:
        """Note that we removed a mail from its source: from now on we are responsible for it."""
        self._removed.append(letter)
        self.lost += self.missing([letter])

    def forgets(self, at_source: Iterable[Letter]) -> None:
        """Note that the database was set back: we are responsible only for what is at its source now."""
        present = {each.tag for each in at_source}
        self.unwanted |= self._letters.keys() - present
        self.knows_of_duplicates = False

    def retried(self, message: Message, address: str, destination: str | None) -> None:
        """Note that an operator had a parked mail retried: one more copy is allowed."""
        place = (self._tag(message), address)
        self._retries[place] += 1
        if destination is not None:
            self._redirected[place] = destination

    def discarded(self, message: Message, address: str) -> None:
        """Note that an operator gave a parked mail up."""
        self._given_up.add((self._tag(message), address))

    def missing(self, letters: Iterable[Letter] | None = None) -> list[str]:
        """Return the mails that we removed and somebody still has to get, each with the recipient."""
        removed = self._removed if letters is None else list(letters)
        wanted = [(each.tag, address) for each in removed for address in each.wanted]
        unserved = [place for place in wanted if not self._is_served(*place)]
        if not unserved:
            return []
        held = self._held()
        return [f"{tag} for {address or 'nobody'}" for tag, address in unserved if (tag, address) not in held]

    def duplicates(self) -> dict[Place, int]:
        """Return how many copies arrived, where there are more than attempts with an unseen end explain."""
        if not self.knows_of_duplicates:
            return {}
        arrived: Counter[Place] = Counter()
        for (tag, address), number in self._target.taken.items():
            arrived[(self._groups[tag], address)] += number
        allowed = self._allowed()
        return {place: number for place, number in arrived.items() if number > allowed[place]}

    def unfinished(self) -> list[str]:
        """Return what is not done in the tables.

        A mail that left its source early is done, whatever became of it, unless an operator had it retried.
        """
        query = (
            f"SELECT message, address, r.status {RECIPIENTS} WHERE NOT gone OR next_attempt_at IS NOT NULL"
        )
        rows = self._database.rows(query)
        unserved = [f"{message} for {address} is {status}" for message, address, status in rows
                    if status not in ENDED]  # fmt: skip
        rows = self._database.rows("SELECT id, status FROM messages WHERE NOT gone")
        return [*unserved, *(f"{message} is {status}" for message, status in rows)]

    def _is_served(self, tag: str, address: str) -> bool:
        place, taken = (tag, address), self._target.taken
        if tag in self.unwanted or place in self._given_up:
            return True
        copies = [each for each, group in self._groups.items() if group == self._groups[tag]]
        if any(taken[each, address] for each in copies):
            return True
        to_postmaster = any(
            (each, address) in self._target.unknown and taken[each, POSTMASTER] for each in copies
        )
        return to_postmaster or bool(taken[tag, self._redirected.get(place, address)])

    def _held(self) -> set[Place]:
        """Return the recipients whose mail is whole in a blob, parked or being delivered."""
        query = f"SELECT address, r.status, blob {RECIPIENTS} WHERE blob <> ''"
        found = self._unrouted()
        for address, status, blob in self._database.rows(query):
            raw = self._shelf.blobs.get(blob)
            if raw is not None and status not in SERVED and raw == self._letters[tag_of(raw)].raw:
                found.add((tag_of(raw), address))
        return found

    def _unrouted(self) -> set[Place]:
        """Return the mails that are whole in a blob and have no recipients yet."""
        query = "SELECT blob FROM messages WHERE blob <> '' AND NOT gone AND status IN ('fetched', 'lost')"
        held = (self._shelf.blobs.get(blob) for (blob,) in self._database.rows(query))
        letters = [self._letters[tag_of(raw)] for raw in held if raw is not None]
        return {(each.tag, address) for each in letters for address in each.wanted}

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
        """Return the copies that may arrive: one per recipient, and one per attempt with an unseen end."""
        wanted = Counter(
            {(self._groups[each.tag], address) for each in self._letters.values() for address in each.wanted}
        )
        query = f"SELECT message_id, address, in_doubt {RECIPIENTS}"
        by_identity = defaultdict(set)
        for letter in self._letters.values():
            by_identity[f"<{letter.identity}@tags.example>"].add(self._groups[letter.tag])
        for message_id, address, in_doubt in self._database.rows(query):
            for group in by_identity[message_id]:
                wanted[(group, address)] += in_doubt
        return wanted

    def _tag(self, message: Message) -> str:
        return tag_of(self._shelf.blobs[message.blob or ""])
