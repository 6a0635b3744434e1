"""The mails of a campaign, and whether they arrived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tests.chaos.testbed import ACCOUNTS, INLINE_LIMIT, KEEPER, NORTH, PEOPLE, REFUSED, SOUTH, Testbed
from tests.fakes.tagged import Tagged, tag_of, tagged
from tests.servers.oracle import assert_arrived_whole, assert_no_duplicates, copies

LINE = b"Another line of a large mail.\r\n"
DOUBTS = (
    "SELECT message_id, address, sum(in_doubt) FROM recipients JOIN messages ON id = message GROUP BY 1, 2"
)
PARKED = "SELECT message_id, address FROM recipients JOIN messages ON id = message WHERE parked_at > 0"


@dataclass
class SentMail:
    """Every mail that was sent so far, and its recipients."""

    random: Random
    sent: list[Tagged] = field(default_factory=list)
    wanted: set[tuple[str, str]] = field(default_factory=set)
    kept: list[bytes] = field(default_factory=list)
    copied: set[str] = field(default_factory=set)

    def send(self, testbed: Testbed, number: int) -> None:
        """Send mails to one or two people, some large, some with a copy in another mailbox."""
        for _ in range(number):
            to = self.random.sample(PEOPLE, self.random.choice((1, 1, 2)))
            to += [REFUSED] if self.random.random() < 0.1 else []
            body = LINE * (INLINE_LIMIT // len(LINE) + 50) if self.random.random() < 0.1 else None
            mail = tagged(f"mail-{len(self.sent) + 1}", len(self.sent), to=", ".join(to), body=body)
            self.sent.append(mail)
            self.wanted |= {(mail.tag, address) for address in to}
            mailboxes = self._mailboxes()
            self.copied |= {mail.tag} if len(mailboxes) > 1 else set()
            for name in mailboxes:
                testbed.dovecot.fill(name, [mail.raw])
                self.kept += [mail.raw] if name == KEEPER else []

    def _mailboxes(self) -> Sequence[str]:
        if self.random.random() < 0.1:
            return NORTH, SOUTH
        return (self.random.choice(ACCOUNTS),)

    def missing(self, testbed: Testbed) -> set[tuple[str, str]]:
        """Return tags and recipients of mails that have neither arrived nor are parked."""
        parked = {(_tag(message_id), address) for message_id, address in testbed.rows(PARKED)}
        return self.wanted - copies(testbed.target.accepted).keys() - parked

    def check(self, testbed: Testbed) -> tuple[int, int]:
        """Assert all promises. Return the number of duplicates and of attempts in doubt."""
        assert self.missing(testbed) == set()
        # A mail in two mailboxes may reach a recipient from either, under different ids.
        single = [mail for mail in testbed.target.accepted if tag_of(mail.content) not in self.copied]
        assert_arrived_whole(single, self.sent)
        arrived = copies(testbed.target.accepted)
        doubts = Counter(
            {(_tag(message_id), address): int(number) for message_id, address, number in testbed.rows(DOUBTS)}
        )
        assert_no_duplicates(arrived, doubts)
        assert [tag for tag, address in arrived if address == REFUSED] == []
        assert testbed.dovecot.remaining(KEEPER) == self.kept
        return sum(number - 1 for number in arrived.values()), doubts.total()


def _tag(message_id: str) -> str:
    return message_id.removeprefix("<").removesuffix("@tags.example>")
