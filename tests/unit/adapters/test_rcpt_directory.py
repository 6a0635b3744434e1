"""Ask a target which recipients exist, with a scripted server behind a real connection."""

from __future__ import annotations

from itertools import count

import pytest
from structlog.testing import capture_logs

from shared.adapters.rcpt_directory import ACCEPTS_ALL_SECONDS, PAUSE, PROBE_PREFIX, RcptDirectory
from shared.adapters.rcpt_prober import IDLE_SECONDS
from shared.model.endpoint import Endpoint
from shared.model.target import Target
from shared.ports.directory import Existence
from shared.smtp.client import SmtpClient
from shared.smtp.target import connect_target
from shared.smtp.timeouts import Timeouts
from tests.fakes.clock import ManualClock
from tests.fakes.smtp_server import Act, Scripted, SmtpServer

BOB, EVE, NOBODY = "bob@corp.example", "eve@corp.example", "nobody@corp.example"
UNKNOWN = "550 5.1.1 No such user"
S = Existence


class Strict(SmtpServer):
    """Accepts the known recipients, and refuses all others, as a target should."""

    def __init__(self, *known: str, replies: dict[str, Scripted] | None = None) -> None:
        super().__init__(replies=replies)
        self.known = set(known)
        self.asked: list[str] = []
        self.hangs_up_once = False

    def scripted(self, moment: str) -> Scripted | None:
        found = super().scripted(moment)
        if moment == "MAIL" and self.hangs_up_once:
            self.hangs_up_once = False
            return Act.HANG_UP
        if moment != "RCPT" or found is not None:
            return found
        address = self.commands[-1].removeprefix("RCPT TO:<").removesuffix(">")
        self.asked.append(address)
        return None if address in self.known else self.recipients.get(address, UNKNOWN)


class OneByOne(Strict):
    """Accepts only one recipient for a mail with the null sender, as bounces have only one."""

    def scripted(self, moment: str) -> Scripted | None:
        if moment == "RCPT" and not self.commands[-2].startswith("MAIL"):
            return "550 Legitimate bounces are never sent to more than one recipient"
        return super().scripted(moment)


class Asking:
    """A directory for a server, and what it reported."""

    def __init__(self, server: SmtpServer) -> None:
        self.clock = ManualClock()
        self.reported: list[tuple[str, bool]] = []
        self._server = server
        self._numbers = count()
        self.directory = RcptDirectory("exchange", self._connect, self.clock, self._entropy, self._report)

    async def __call__(self, *addresses: str) -> list[Existence]:
        at_hand = self.directory.look_up_cached(addresses)
        found = await self.directory.look_up(addresses) if at_hand is None else at_hand
        return [found[each].existence for each in addresses]

    async def _connect(self) -> SmtpClient:
        target = Target("exchange", Endpoint("127.0.0.1", self._server.port))
        return await connect_target(target, helo_name="ferry.example", timeouts=Timeouts(quit=1))

    def _entropy(self, octets: int) -> bytes:
        return next(self._numbers).to_bytes(octets, "big")

    async def _report(self, domain: str, accepts_all: bool) -> None:
        self.reported.append((domain, accepts_all))


def invented(server: Strict) -> list[str]:
    return [each for each in server.asked if each.startswith(PROBE_PREFIX)]


async def test_the_target_says_which_recipients_exist() -> None:
    async with Strict(BOB) as server:
        asking = Asking(server)
        assert await asking(BOB, NOBODY) == [S.EXISTS, S.MISSING]
        found = await asking.directory.look_up([NOBODY])
        assert found[NOBODY].reason == f"the target said {UNKNOWN}"
        assert server.accepted == []


async def test_all_are_asked_for_over_one_connection_each_in_a_transaction_of_its_own() -> None:
    everybody = [f"user{number}@corp.example" for number in range(20)]
    async with Strict(*everybody) as server:
        assert await Asking(server)(*everybody) == [S.EXISTS] * 20
        verbs = [each.partition(" ")[0] for each in server.commands]
        assert server.connections == 1
        assert verbs[1:] == ["MAIL", "RCPT", "RSET"] * 21


async def test_a_target_that_takes_bounces_for_one_recipient_only_is_not_misunderstood() -> None:
    async with OneByOne(BOB, EVE) as server:
        assert await Asking(server)(NOBODY, BOB, EVE) == [S.MISSING, S.EXISTS, S.EXISTS]


async def test_results_are_cached_for_a_while_and_missing_ones_for_a_shorter_while() -> None:
    async with Strict(BOB) as server:
        asking = Asking(server)
        await asking(BOB, NOBODY)
        server.asked.clear()
        assert await asking(BOB, NOBODY) == [S.EXISTS, S.MISSING]
        assert server.asked == []
        server.known.add(NOBODY)
        await asking.clock.advance(301)
        assert await asking(BOB, NOBODY) == [S.EXISTS, S.EXISTS]
        assert server.asked == [NOBODY]
        await asking.clock.advance(6 * 3600)
        await asking(BOB)
        assert server.asked[-1] == BOB


async def test_a_target_that_accepts_everything_is_recognised_and_reported_once() -> None:
    async with SmtpServer() as server:
        asking = Asking(server)
        with capture_logs() as logs:
            assert await asking(BOB) == [S.EXISTS]
            assert await asking(NOBODY) == [S.EXISTS]
            await asking.clock.advance(ACCEPTS_ALL_SECONDS)
            assert await asking(EVE) == [S.EXISTS]
        assert asking.reported == [("corp.example", True)]
        assert [each["event"] for each in logs] == ["target accepts every address of a domain"]
        found = await asking.directory.look_up([BOB])
        assert found[BOB].reason == "target exchange accepts every address at corp.example"
        assert not [each for each in server.commands if BOB in each or NOBODY in each]


async def test_a_target_that_learns_to_refuse_is_believed_again() -> None:
    async with Strict(replies={"RCPT": "250 2.1.5 Ok"}) as server:
        asking = Asking(server)
        assert await asking(NOBODY) == [S.EXISTS]
        del server.script["RCPT"]
        await asking.clock.advance(ACCEPTS_ALL_SECONDS)
        assert await asking(NOBODY) == [S.MISSING]
        assert asking.reported == [("corp.example", True), ("corp.example", False)]


async def test_each_domain_is_judged_by_itself() -> None:
    async with Strict(BOB) as server:
        assert await Asking(server)(BOB, "x@other.example") == [S.EXISTS, S.MISSING]
        assert [each.partition("@")[2] for each in invented(server)] == ["corp.example", "other.example"]


@pytest.mark.parametrize("reply", ["451 4.7.1 Greylisted", "550 5.7.1 Relaying denied", "552 5.2.2 Full"])
async def test_a_refusal_that_is_not_about_existence_leaves_it_undecided(reply: str) -> None:
    async with Strict(BOB) as server:
        server.recipients[EVE] = reply
        asking = Asking(server)
        assert await asking(BOB, EVE) == [S.EXISTS, S.UNDECIDED]
        server.recipients.clear()
        assert await asking(EVE) == [S.UNDECIDED]
        await asking.clock.advance(31)
        assert await asking(EVE) == [S.MISSING]


async def test_a_greylisted_question_about_nobody_is_no_verdict() -> None:
    async with Strict(BOB, replies={"RCPT": "451 4.7.1 Greylisted"}) as server:
        asking = Asking(server)
        assert await asking(BOB) == [S.UNDECIDED]
        assert asking.reported == []
        del server.script["RCPT"]
        await asking.clock.advance(31)
        assert await asking(NOBODY) == [S.MISSING]
        assert asking.reported == [("corp.example", False)]


@pytest.mark.parametrize(
    "replies",
    [
        {"GREETING": "554 No"},
        {"MAIL": "550 5.7.1 Not you"},
        {"RCPT": "421 4.7.0 Busy"},
        {"RCPT": Act.HANG_UP},
    ],
)
async def test_a_target_that_does_not_talk_to_us_is_left_alone_for_a_while(
    replies: dict[str, Scripted],
) -> None:
    async with Strict(BOB, replies=replies) as server:
        asking = Asking(server)
        assert await asking(BOB) == [S.UNDECIDED]
        connections = server.connections
        assert asking.directory.look_up_cached([BOB, EVE]) is not None
        assert await asking(BOB, EVE) == [S.UNDECIDED, S.UNDECIDED]
        assert server.connections == connections
        server.script.clear()
        await asking.clock.advance(PAUSE)
        assert await asking(BOB, EVE) == [S.EXISTS, S.MISSING]


async def test_a_target_that_is_not_there_decides_nothing() -> None:
    async with Strict() as server:
        asking = Asking(server)
    assert await asking(BOB) == [S.UNDECIDED]


async def test_a_connection_with_refusals_is_given_up_before_the_server_does_it() -> None:
    nobody = [f"nobody{number}@corp.example" for number in range(24)]
    async with Strict() as server:
        assert await Asking(server)(*nobody) == [S.MISSING] * 24
        assert server.connections > 2
        refusals = 0
        for command in server.commands:
            refusals = 0 if command.startswith("EHLO") else refusals + command.startswith("RCPT")
            assert refusals <= 10


async def test_a_kept_connection_that_the_server_has_closed_is_replaced() -> None:
    async with Strict(BOB, EVE) as server:
        asking = Asking(server)
        assert await asking(BOB) == [S.EXISTS]
        server.hangs_up_once = True
        assert await asking(EVE) == [S.EXISTS]
        assert server.connections == 2


async def test_a_connection_that_nobody_uses_is_closed() -> None:
    async with Strict(BOB) as server:
        asking = Asking(server)
        await asking(BOB)
        await asking.directory.close_idle()
        assert server.commands[-1] != "QUIT"
        await asking.clock.advance(IDLE_SECONDS + 1)
        await asking.directory.close_idle()
        assert server.commands[-1] == "QUIT"
