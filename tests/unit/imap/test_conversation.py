from __future__ import annotations

import pytest

from shared.imap import commands
from shared.imap.conversation import MOST_ALERTS, Conversation
from shared.imap.events import Challenge, Fetched, Reply
from shared.imap.limits import Limits
from shared.imap.mail_commands import fetch_mails
from shared.imap.uid_set import UidSet
from shared.model.mailbox import Meter
from shared.model.masking import Masker
from shared.model.source_errors import LoginTooSoon, SessionTooLong, SourceViolation
from shared.net.errors import ConnectionLost, InactivityTimeout
from tests.unit.imap.sessions import GREETING, SERVER, Dialogue, ImapScript, greeted, logged_in
from tests.unit.imap.test_deflate import compressed, inflated


async def test_each_command_has_a_tag_that_nobody_can_guess() -> None:
    prefixes = set()
    for _ in range(5):
        stream, conversation = await logged_in(b"$1 OK\r\n")
        await conversation.execute(commands.NOOP)
        prefixes.add(stream.written.split()[0])
    assert len(prefixes) == 5


async def test_a_literal_is_sent_when_the_server_asks_for_it() -> None:
    stream, conversation = await greeted(b"+ go on\r\n", b"+\r\n", b"$1 OK\r\n")
    reply = await conversation.execute(commands.login("jürgen", "größe"))
    assert reply.ok
    assert stream.said == ["LOGIN {7}", "jürgen {7}", "größe"]


async def test_a_literal_that_is_refused_is_not_sent() -> None:
    stream, conversation = await greeted(b"$1 BAD no literals\r\n")
    reply = await conversation.execute(commands.login("jürgen", "größe"))
    assert not reply.ok
    assert stream.said == ["LOGIN {7}"]


async def test_an_exchange_goes_on_by_turns() -> None:
    stream, conversation = await greeted(b"+ aGk=\r\n", b"$1 OK in\r\n")
    assert isinstance(turn := await conversation.exchange(commands.authenticate("X")), Challenge)
    assert turn.data == b"hi"
    assert isinstance(await conversation.exchange(commands.response(b"yes")), Reply)
    assert stream.said == ["AUTHENTICATE X", "eWVz"]


async def test_answers_that_came_together_are_all_handed_out_before_the_violation_behind_them() -> None:
    _, conversation = await logged_in(b"* 1 EXISTS\r\n$1 OK\r\n", b"$2 OK done\r\nnonsense\r\n")
    await conversation.execute(commands.examine(b"INBOX"))
    await conversation.send_commands([commands.NOOP])
    assert [type(event) for event in await conversation.read_events()] == [Reply]
    for _ in range(2):
        with pytest.raises(SourceViolation, match="what was not asked: nonsense"):
            await conversation.read_events()


async def test_what_a_server_says_as_it_hangs_up_is_the_reason() -> None:
    _, conversation = await logged_in(b"* BYE Too many simultaneous connections\r\n")
    with pytest.raises(LoginTooSoon, match="Too many simultaneous"):
        await conversation.execute(commands.NOOP)


async def test_a_farewell_that_says_nothing_of_the_moment_is_a_lost_connection() -> None:
    _, conversation = await logged_in(b"* BYE Session invalidated - AccessTokenExpired\r\n")
    with pytest.raises(ConnectionLost, match="AccessTokenExpired"):
        await conversation.execute(commands.NOOP)


async def test_an_error_of_the_network_stays_what_it_is() -> None:
    _, conversation = await logged_in(InactivityTimeout("silence"))
    with pytest.raises(InactivityTimeout):
        await conversation.execute(commands.NOOP)


async def test_a_server_that_hung_up_before_a_command_may_have_said_why() -> None:
    stream, conversation = await logged_in(b"* BYE [LIMIT] enough\r\n")
    stream.fail_writes(ConnectionLost("broken pipe"))
    with pytest.raises(LoginTooSoon):
        await conversation.execute(commands.NOOP)


async def test_alerts_are_kept_for_people_once_each_and_escaped() -> None:
    said = b"".join(b"* OK [ALERT] number \x1b%d\r\n" % (n % 9) for n in range(18))
    _, conversation = await logged_in(said + b"$1 NO [ALERT] number \x1b0\r\n")
    await conversation.execute(commands.NOOP)
    assert len(conversation.alerts) == MOST_ALERTS
    assert conversation.alerts[0] == f"{SERVER} says: number \\x1b0"


async def test_a_complaint_about_no_command_in_particular_is_shown() -> None:
    _, conversation = await logged_in(b"* BAD Missing command\r\n$1 OK\r\n")
    await conversation.execute(commands.NOOP)
    assert conversation.alerts == [f"{SERVER} says: Missing command"]


async def test_a_session_may_not_bring_more_than_its_limit() -> None:
    _, conversation = await logged_in(b"* OK x\r\n" * 20, limits=Limits(session=150))
    with pytest.raises(SessionTooLong, match="more than 150 octets"):
        await conversation.execute(commands.NOOP)


async def test_every_octet_is_counted() -> None:
    class Counting(Meter):
        octets = 0

        def received(self, octets: int) -> None:
            self.octets += octets

    meter = Counting()
    await greeted(limits=Limits(meter=meter))
    assert meter.octets == len(GREETING)


async def test_the_dialogue_shows_no_secret_and_no_mail() -> None:
    dialogue = Dialogue()
    mail = b"Subject: private\r\n\r\n"
    stream = ImapScript(
        GREETING,
        b"$1 OK geheim is right\r\n",
        b"* 1 EXISTS\r\n$2 OK [READ-ONLY] open\r\n",
        b"* 1 FETCH (UID 7 BODY[] {%d}\r\n%s)\r\n$3 OK\r\n" % (len(mail), mail),
    )
    masker = Masker((b"geheim",))
    conversation = Conversation(stream, SERVER, Limits(), masker=masker, dialogue=dialogue)
    await conversation.read_greeting()
    await conversation.execute(commands.login("bob", "geheim"))
    await conversation.execute(commands.examine(b"INBOX"))
    events = await conversation.execute_all([fetch_mails(UidSet.of([7]))])
    assert isinstance(events[0], Fetched)
    assert dialogue.lines == [
        "S: * OK [CAPABILITY IMAP4rev1 UIDPLUS ESEARCH] hello",
        "C: LOGIN bob ****",
        "S: OK **** is right",
        "C: EXAMINE INBOX",
        "S: OK [READ-ONLY] open",
        "C: UID FETCH 7 (UID BODY.PEEK[])",
        "S: * FETCH (UID 7, 20 octets)",
        "S: OK",
    ]


async def test_octets_behind_the_consent_to_tls_are_an_attack() -> None:
    _, conversation = await greeted(b"$1 OK begin\r\n* OK injected\r\n")
    with pytest.raises(SourceViolation, match="in clear behind its consent"):
        await conversation.execute(commands.STARTTLS)


async def test_a_greeting_as_if_logged_in_is_an_attack_where_tls_is_required() -> None:
    stream = ImapScript(b"* PREAUTH welcome\r\n")
    conversation = Conversation(stream, SERVER, Limits(), tls_required=True)
    with pytest.raises(SourceViolation, match="before TLS was started"):
        await conversation.read_greeting()


class Counting(Meter):
    def __init__(self) -> None:
        self.octets = 0

    def received(self, octets: int) -> None:
        self.octets += octets


async def test_after_the_consent_all_is_compressed_and_limits_count_what_comes_out() -> None:
    meter = Counting()
    limits = Limits(session=100_000, meter=meter)
    remark = b"* OK [ALERT] " + b"look " * 2000 + b"\r\n"
    stream, conversation = await logged_in(b"$1 OK\r\n" + compressed(remark), limits=limits)
    assert (await conversation.start_compression()).ok
    before = meter.octets
    await conversation.read_events()
    assert meter.octets - before == len(remark)
    assert conversation.alerts == [f"{SERVER} says: " + ("look " * 60) + "…"]
    stream.more(compressed(*[remark] * 20))
    with pytest.raises(SessionTooLong):
        await conversation.execute(commands.NOOP)


async def test_what_is_sent_after_the_consent_is_compressed() -> None:
    stream, conversation = await logged_in(b"$1 OK\r\n")
    await conversation.start_compression()
    await conversation.send_commands([commands.NOOP])
    assert inflated(stream.writes[1:]).endswith(b"2 NOOP\r\n")


async def test_a_server_that_does_not_consent_is_spoken_to_as_before() -> None:
    stream, conversation = await logged_in(b"$1 NO\r\n", b"$2 OK\r\n")
    assert not (await conversation.start_compression()).ok
    assert (await conversation.execute(commands.NOOP)).ok
    assert stream.said == ["COMPRESS DEFLATE", "NOOP"]


async def test_a_conversation_goes_on_on_another_connection_and_counts_on() -> None:
    lost, conversation = await logged_in(b"* OK [ALERT] one\r\n", b"", limits=Limits(session=200))
    await conversation.read_events()
    with pytest.raises(ConnectionLost):
        await conversation.execute(commands.NOOP)
    before = conversation.received
    stream, other = await logged_in(b"* OK [ALERT] two\r\n$1 OK\r\n", b"* 1 EXISTS\r\n" * 10)
    conversation.continue_as(other)
    assert lost.aborted
    assert conversation.received == before + other.received
    assert (await conversation.execute(commands.NOOP)).ok
    assert stream.said == ["NOOP"]
    assert conversation.alerts == [f"{SERVER} says: one", f"{SERVER} says: two"]
    with pytest.raises(SessionTooLong):
        await conversation.execute(commands.NOOP)
