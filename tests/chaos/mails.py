"""The mails of a campaign, and what has become of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tests.chaos.stage import ACCOUNTS, INLINE_LIMIT, KEEPER, NORTH, PEOPLE, REFUSED, SOUTH, Stage
from tests.fakes.tagged import Tagged, tag_of, tagged
from tests.servers.oracle import arrived_whole, copies, none_twice_but_in_doubt

LINE = b"Another line of a large mail.\r\n"
DOUBTS = (
    "SELECT message_id, address, sum(in_doubt) FROM recipients JOIN messages ON id = message GROUP BY 1, 2"
)
PARKED = "SELECT message_id, address FROM recipients JOIN messages ON id = message WHERE parked_at > 0"


@dataclass
class Post:
    """Every mail that was sent so far, and for whom it is."""

    random: Random
    sent: list[Tagged] = field(default_factory=list)
    wanted: set[tuple[str, str]] = field(default_factory=set)
    kept: list[bytes] = field(default_factory=list)
    twins: set[str] = field(default_factory=set)

    def send(self, stage: Stage, number: int) -> None:
        """More mails arrive: for one or two people, some large, some with a copy in another mailbox."""
        for _ in range(number):
            to = self.random.sample(PEOPLE, self.random.choice((1, 1, 2)))
            to += [REFUSED] if self.random.random() < 0.1 else []
            body = LINE * (INLINE_LIMIT // len(LINE) + 50) if self.random.random() < 0.1 else None
            mail = tagged(f"mail-{len(self.sent) + 1}", len(self.sent), to=", ".join(to), body=body)
            self.sent.append(mail)
            self.wanted |= {(mail.tag, address) for address in to}
            mailboxes = self._mailboxes()
            self.twins |= {mail.tag} if len(mailboxes) > 1 else set()
            for name in mailboxes:
                stage.dovecot.fill(name, [mail.raw])
                self.kept += [mail.raw] if name == KEEPER else []

    def _mailboxes(self) -> Sequence[str]:
        if self.random.random() < 0.1:
            return NORTH, SOUTH
        return (self.random.choice(ACCOUNTS),)

    def missing(self, stage: Stage) -> set[tuple[str, str]]:
        """Who still waits for which mail: it has not arrived and is not parked."""
        parked = {(_tag(message_id), address) for message_id, address in stage.rows(PARKED)}
        return self.wanted - copies(stage.target.accepted).keys() - parked

    def check(self, stage: Stage) -> tuple[int, int]:
        """All promises hold; returns how many copies there were too many, and how many doubts."""
        assert self.missing(stage) == set()
        # Of a mail that lay in two mailboxes either may serve somebody, each under its own id.
        single = [mail for mail in stage.target.accepted if tag_of(mail.content) not in self.twins]
        arrived_whole(single, self.sent)
        arrived = copies(stage.target.accepted)
        doubts = Counter(
            {(_tag(message_id), address): int(number) for message_id, address, number in stage.rows(DOUBTS)}
        )
        none_twice_but_in_doubt(arrived, doubts)
        assert [tag for tag, address in arrived if address == REFUSED] == []
        assert stage.dovecot.remaining(KEEPER) == self.kept
        return sum(number - 1 for number in arrived.values()), doubts.total()


def _tag(message_id: str) -> str:
    return message_id.removeprefix("<").removesuffix("@tags.example>")
