"""Ten mails of each account through the whole product, from IMAP servers that are odd in one way each.

Whatever the server does: no mail is lost, none is delivered twice or in another's place, and none is deleted
that was not delivered. Once the server is honest again, all arrive.

All accounts are fetched by the same processes, as each start of one takes a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.fakes import odd_imap as odd
from tests.fakes.command import mailferry
from tests.fakes.imap_selected import Oddities
from tests.fakes.imap_server import CAPABILITIES, ImapServer
from tests.fakes.odd_imap import Oddity
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import lf, tag_of, tagged_mails, untraced
from tests.servers.dovecot import Login
from tests.servers.ferry_config import account, configuration

COUNT = 10
PASSES = 3


@dataclass(frozen=True)
class Case:
    """An oddity in one of the passes, the first unless `begins` says another. Before, the server is as
    `before` makes it, and afterwards it is honest.

    `read`: mails that have arrived after the first pass, where that is known. `wait`: mails that are still to
    be read after the last one, as they are tried again later; `linger`: delivered ones that have got the UID
    of such a mail. `retention` as in the configuration; with `stay` copies stay to the end. `dedup`: the
    router may suppress what comes again, as it must where a server says that its mailbox is empty, and later
    shows the same mails.
    """

    oddity: Oddity
    read: int | None = COUNT
    wait: int = 0
    linger: int = 0
    retention: str = "delete"
    stay: bool = False
    begins: int = 1
    before: Oddity = odd.honest
    dedup: bool = False

    @property
    def name(self) -> str:
        """The oddity's, with what else is special."""
        function = self.oddity.func if isinstance(self.oddity, partial) else self.oddity
        words = [str(getattr(function, "__name__", "")).replace("_", " ")]
        words += [self.retention] if self.retention != "delete" else []
        words += [self.before.__name__.replace("_", " ")] if self.before is not odd.honest else []
        return " ".join(words)


class Course:
    """What has become of the mails of one case."""

    def __init__(self, name: str, case: Case, target: SmtpServer) -> None:
        self.name = name
        self.case = case
        self.mails = {mail.tag: mail.raw for mail in tagged_mails(name, COUNT)}
        self.server = ImapServer({"u": self.mails.values()})
        self.folder = self.server.folder("u")
        self._target = target

    def prepare(self, number: int) -> None:
        """Make the server what it is in this pass."""
        self.server.behaviours.clear()
        self.server.oddities = Oddities()
        self.server.capabilities = list(CAPABILITIES)
        if number == self.case.begins:
            self.case.oddity(self.server)
        elif number < self.case.begins:
            self.case.before(self.server)

    def faults(self, number: int) -> list[str]:
        """Return what is wrong after this pass."""
        arrived = [mail.content for mail in self._target.accepted if tag_of(mail.content) in self.mails]
        times = Counter(tag_of(content) for content in arrived)
        left = {tag_of(mail.raw) for mail in self.folder.mails}
        removed = {tag_of(mail.raw) for mail in self.folder.removed}
        expunged = {tag_of(mail.raw) for mail in self.folder.expunged}
        found = {
            "lost": self.mails.keys() - times.keys() - left - removed,
            "delivered twice": {tag for tag, count in times.items() if count > 1},
            "deleted undelivered": expunged - times.keys(),
            "changed": {tag_of(each) for each in arrived if untraced(each) != lf(self.mails[tag_of(each)])},
        }
        said = [f"{what}: {sorted(tags)}" for what, tags in found.items() if tags]
        if number == 1 and self.case.read not in (None, len(times)):
            said.append(f"{len(times)} were delivered")
        if number == PASSES and (len(times), len(left)) != self._at_the_end():
            said.append(f"at the end {len(times)} are delivered and {len(left)} left")
        return said

    def _at_the_end(self) -> tuple[int, int]:
        """Return how many mails must have been delivered, and how many are left."""
        there = COUNT - len(self.folder.removed)
        left = self.case.wait + self.case.linger
        return there - self.case.wait, there if self.case.stay else left


CASES = (
    Case(odd.honest),
    Case(partial(odd.the_listing_lacks_mails, uids=(4,)), read=9),
    Case(odd.bodies_come_without_uid, read=None),
    Case(odd.the_uid_stands_behind_the_literal),
    Case(odd.mails_come_in_another_order),
    Case(odd.a_body_is_nil, read=9, wait=1),
    Case(odd.a_body_is_empty, read=9, wait=1),
    Case(odd.a_body_does_not_come, read=9, wait=1),
    Case(odd.no_body_comes, read=0, wait=10),
    Case(odd.a_literal_is_too_long, read=None, wait=1),
    Case(odd.a_literal_is_too_short, read=None, wait=1),
    Case(odd.unsolicited_flags_come_between),
    Case(odd.sizes_are_wrong),
    Case(odd.there_is_no_uidplus),
    Case(odd.it_is_of_1996),
    Case(odd.uid_expunge_is_refused),
    Case(odd.nothing_is_expunged),
    Case(odd.another_client_expunges_in_the_middle, read=9),
    Case(odd.select_tells_no_uidnext),
    Case(odd.select_is_read_only),
    Case(odd.fetch_says_that_mails_were_expunged),
    Case(odd.a_set_is_refused),
    Case(odd.it_is_throttled_in_the_middle, read=None),
    Case(odd.it_says_goodbye_in_the_middle, read=0),
    Case(odd.it_hangs_up_in_the_middle_of_a_mail, read=None),
    Case(odd.it_turns_us_away, read=0),
    Case(odd.select_needs_an_id),
    Case(odd.answers_come_octet_by_octet),
    Case(odd.answers_come_in_pieces),
    Case(odd.it_hangs_up_at_logout),
    Case(odd.another_client_marks_what_does_not_come, read=9, wait=1),
    Case(partial(odd.the_listing_lacks_mails, uids=(4,)), retention="keep", stay=True, begins=2),
    Case(odd.no_mail_is_listed, retention="keep", stay=True, begins=2, dedup=True),
    Case(odd.uidvalidity_changes_at_examine, retention="keep", stay=True, begins=2),
    Case(odd.the_uidvalidity_changes_at_select, begins=2, before=odd.nothing_is_expunged),
    Case(odd.uids_are_permuted, read=5, begins=2, before=odd.half_is_served_and_nothing_expunged, linger=5),
    Case(
        odd.the_uidvalidity_changes_at_select,
        read=5,
        begins=2,
        before=odd.half_is_served_and_nothing_expunged,
    ),
)


@asynccontextmanager
async def running(courses: list[Course]) -> AsyncIterator[None]:
    async with AsyncExitStack() as servers:
        for each in courses:
            await servers.enter_async_context(each.server)
        yield


async def test_no_mail_is_lost_doubled_changed_or_deleted_unproven(tmp_path: Path) -> None:
    async with SmtpServer() as target:
        courses = [Course(f"case-{number}", case, target) for number, case in enumerate(CASES)]
        async with running(courses):
            path = written(tmp_path, courses, target.port)
            for number in range(1, PASSES + 1):
                for each in courses:
                    each.prepare(number)
                ended = await mailferry("once", "-c", path, "-o", "json")
                faults = {
                    f"{each.name} {each.case.name}": said for each in courses if (said := each.faults(number))
                }
                assert faults == {}, f"after pass {number}: {ended.out[-3000:]}{ended.err[-1000:]}"


def written(directory: Path, courses: list[Course], target: int) -> Path:
    """Write the configuration."""
    parts = [
        account(
            each.name,
            each.server.port,
            Login("u", "secret"),
            *(() if each.case.dedup else ['dedup = "off"']),
            'timeout = "20s"',
            f'retention = "{each.case.retention}"',
            scheme="imap",
        )
        for each in courses
    ]
    path = directory / "mailferry.toml"
    path.touch(mode=0o600)
    path.write_text(configuration(parts, target=target))
    return path
