from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.imap import commands, mail_commands
from shared.imap.capabilities import Capabilities
from shared.imap.commands import Command
from shared.imap.connection import ImapConnection
from shared.imap.events import (
    Broken,
    Bye,
    Challenge,
    CompressionStarted,
    Exists,
    Greeting,
    IdleStarted,
    MoreWanted,
    Notice,
    Reply,
    Selected,
)
from shared.imap.states import State
from shared.imap.status_lines import Condition
from shared.imap.uid_set import UidSet
from shared.model.source_errors import SourceViolation, WrongService
from shared.net.errors import ConnectionLost, Misused
from tests.unit.imap.cores import DEFAULT, SERVER, Session, alike, fed, greeted, logged_in, merged, selected

OK, NO, BAD = Condition.OK, Condition.NO, Condition.BAD
LOGIN = commands.login("bob", "secret")
PLAIN = commands.authenticate("PLAIN")
ONE = mail_commands.fetch_mails(UidSet.of([5]))
MAILS = mail_commands.fetch_mails(UidSet.of([5, 6]))
HEADERS = mail_commands.fetch_headers(UidSet.of([5, 6]))
SIZES = mail_commands.fetch_items(UidSet.span(1), {"RFC822.SIZE"})
STORE = mail_commands.store_deleted(UidSet.of([5]))
UID_EXPUNGE = mail_commands.uid_expunge(UidSet.of([5]))
SEARCH = mail_commands.search_uids(UidSet.of([5]), extended=False)
ESEARCH = mail_commands.search_uids(UidSet.of([5]), extended=True)
SELECT, EXAMINE = commands.select(b"INBOX"), commands.examine(b"INBOX")


def having_sent(make: Callable[[], Session], *sent: Command) -> Callable[[], Session]:
    def made() -> Session:
        session = make()
        for command in sent:
            session.send(command)
        return session

    return made


def error_of(events: list[object]) -> tuple[type[Exception], str]:
    """That of the last event; none before it is one."""
    assert not any(isinstance(event, tuple) and event[:1] == (SourceViolation,) for event in events[:-1])
    error = events[-1]
    assert isinstance(error, tuple)
    return error[0], error[1]


@pytest.mark.parametrize(
    ("line", "expected", "state"),
    [
        (b"* OK hello\r\n", Greeting(OK, "", b"", b"hello"), State.NOT_AUTHENTICATED),
        (b"* ok [ALERT]\r\n", Greeting(OK, "ALERT", b"", b""), State.NOT_AUTHENTICATED),
        (b"* PREAUTH hi\r\n", Greeting(Condition.PREAUTH, "", b"", b"hi"), State.AUTHENTICATED),
        (b"* BYE [UNAVAILABLE] no\r\n", Greeting(Condition.BYE, "UNAVAILABLE", b"", b"no"), State.CLOSED),
    ],
)
def test_greetings(line: bytes, expected: Greeting, state: State) -> None:
    session = Session()
    assert session.receive(line) == [expected]
    assert session.core.state is state


@pytest.mark.parametrize(
    "said",
    [b"+OK POP3 ready\r\n", b"220 mail ESMTP\r\n", b"* NO\r\n", b"x1 OK\r\n", b"\r\n", b"* 3 EXISTS\r\n"],
)
def test_what_is_no_greeting_is_another_service(said: bytes) -> None:
    (broken,) = alike(Session, said)
    assert isinstance(broken, tuple)
    assert broken[0] is WrongService


def test_a_greeting_without_an_end_is_another_service() -> None:
    session = Session()
    assert session.receive(b"\0\0\0hello") == []
    (broken,) = session.receive(b"")
    assert isinstance(broken, Broken)
    assert isinstance(broken.error, WrongService)
    assert broken.error.said == b"\0\0\0hello"


def test_preauth_where_tls_is_required_is_an_attack() -> None:
    kind, text = error_of(alike(lambda: Session(tls_required=True), b"* PREAUTH hi\r\n"))
    assert kind is SourceViolation
    assert "tamper" in text


def test_a_second_greeting_is_an_attack() -> None:
    kind, _ = error_of(alike(greeted, b"* PREAUTH hi\r\n"))
    assert kind is SourceViolation


@pytest.mark.parametrize("login", [LOGIN, PLAIN])
def test_where_tls_is_required_nobody_logs_in_before(login: Command) -> None:
    session = Session(tls_required=True)
    session.receive(b"* OK hello\r\n")
    with pytest.raises(Misused):
        session.send(login)
    session.ask(commands.STARTTLS, b"$1 OK go\r\n")
    session.send(login)


def test_what_was_learnt_before_tls_is_forgotten() -> None:
    session = greeted(greeting=b"* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n")
    before = session.core.capabilities
    assert before == Capabilities(frozenset({"IMAP4REV1", "STARTTLS"}))
    answer = b"* CAPABILITY AUTH=PLAIN\r\n$1 OK [CAPABILITY AUTH=LOGIN] go\r\n"
    assert session.ask(commands.STARTTLS, answer)
    assert session.core.capabilities is None
    assert session.state() is State.NOT_AUTHENTICATED


@pytest.mark.parametrize("behind", [b"* CAPABILITY AUTH=PLAIN\r\n", b"*", b"x72 OK\r\n", b"\r\n"])
def test_octets_behind_the_consent_to_start_tls_are_an_attack(behind: bytes) -> None:
    session = greeted()
    (broken,) = session.ask(commands.STARTTLS, b"$1 OK go\r\n" + behind)
    assert isinstance(broken, Broken)
    assert isinstance(broken.error, SourceViolation)
    assert "tamper" in str(broken.error)


def test_a_refusal_of_tls_changes_nothing() -> None:
    session = greeted(greeting=b"* OK [CAPABILITY STARTTLS] hi\r\n")
    (reply,) = session.ask(commands.STARTTLS, b"$1 NO not now\r\n")
    assert reply == Reply(commands.STARTTLS, NO, text=b"not now")
    assert session.core.capabilities == Capabilities(frozenset({"STARTTLS"}))


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        (b"$1 OK in\r\n", None),
        (b"$1 OK [CAPABILITY IDLE] in\r\n", {"IDLE"}),
        (b"* CAPABILITY IDLE MOVE\r\n$1 OK in\r\n", {"IDLE", "MOVE"}),
        (b"* OK [CAPABILITY IDLE] x\r\n$1 OK in\r\n", {"IDLE"}),
    ],
)
def test_capabilities_hold_until_the_login(answer: bytes, names: set[str] | None) -> None:
    session = greeted(greeting=b"* OK [CAPABILITY AUTH=PLAIN] hi\r\n")
    session.ask(LOGIN, answer)
    expected = None if names is None else Capabilities(frozenset(names))
    assert session.core.capabilities == expected


def test_a_refused_login_leaves_the_capabilities() -> None:
    session = greeted(greeting=b"* OK [CAPABILITY AUTH=PLAIN] hi\r\n")
    (reply,) = session.ask(LOGIN, b"$1 NO [AUTHENTICATIONFAILED] wrong\r\n")
    assert reply == Reply(LOGIN, NO, "AUTHENTICATIONFAILED", b"", b"wrong")
    assert session.state() is State.NOT_AUTHENTICATED
    assert session.core.capabilities == Capabilities(frozenset({"AUTH=PLAIN"}))


@pytest.mark.parametrize(
    "line", [b"A1 OK done\r\n", b"x79 OK\r\n", b"X71 OK\r\n", b"$1 MAYBE\r\n", b"$1 BYE\r\n"]
)
def test_a_foreign_tag_or_status_is_a_violation(line: bytes) -> None:
    kind, _ = error_of(alike(having_sent(selected, SIZES), line))
    assert kind is SourceViolation


@pytest.mark.parametrize("line", [b"\r\n", b"hello\r\n", b"*\r\n", b"*x\r\n", b"+ go on\r\n", b" $1 OK\r\n"])
def test_a_line_that_is_no_answer_is_a_violation(line: bytes) -> None:
    kind, _ = error_of(alike(having_sent(selected, SIZES), line))
    assert kind is SourceViolation


@pytest.mark.parametrize(
    "line",
    [
        b'* LIST () "/ a\r\n',
        b"* 1 FETCH (UID 5\r\n",
        b"* 1 FETCH (UID 5))\r\n",
        b"* 1 FETCH (UID)\r\n",
        b"* X " + b"(" * 33 + b")" * 33 + b"\r\n",
        b'* 1 FETCH ("UID" 5)\r\n',
    ],
)
def test_what_cannot_be_scanned_to_its_end_is_a_violation(line: bytes) -> None:
    kind, _ = error_of(alike(having_sent(selected, SIZES), line))
    assert kind is SourceViolation


def test_lists_may_be_nested_to_the_limit() -> None:
    line = b"* X " + b"(" * 32 + b")" * 32 + b"\r\n$1 OK\r\n"
    assert alike(having_sent(selected, SIZES), line) == [Reply(SIZES, OK)]


def test_tags_are_answered_in_any_order_and_once() -> None:
    made = having_sent(selected, SIZES, MAILS)
    kind, _ = error_of(alike(made, b"$2 OK\r\n$1 OK\r\n$1 OK\r\n"))
    assert kind is SourceViolation


BARRIERS = [
    (greeted, commands.CAPABILITY, commands.STARTTLS),
    (greeted, commands.CAPABILITY, LOGIN),
    (greeted, commands.CAPABILITY, PLAIN),
    (greeted, commands.STARTTLS, commands.CAPABILITY),
    (greeted, LOGIN, commands.NOOP),
    (greeted, PLAIN, commands.NOOP),
    (logged_in, commands.COMPRESS, commands.NOOP),
    (logged_in, commands.NOOP, commands.COMPRESS),
    (logged_in, commands.ENABLE_UTF8, SELECT),
    (logged_in, SELECT, STORE),
    (logged_in, SELECT, UID_EXPUNGE),
    (logged_in, EXAMINE, mail_commands.move(UidSet.of([5]), b"Trash")),
    (logged_in, SELECT, EXAMINE),
    (selected, ONE, EXAMINE),
    (selected, EXAMINE, STORE),
    (selected, EXAMINE, UID_EXPUNGE),
    (selected, EXAMINE, ONE),
    (selected, SELECT, SEARCH),
    (selected, SELECT, commands.UNSELECT),
    (selected, UID_EXPUNGE, SEARCH),
    (selected, UID_EXPUNGE, ESEARCH),
    (selected, commands.EXPUNGE, ONE),
    (selected, commands.IDLE, commands.NOOP),
    (selected, commands.NOOP, commands.IDLE),
    (logged_in, SELECT, commands.IDLE),
    (selected, SEARCH, SEARCH),
    (selected, commands.NOOP, commands.LOGOUT),
]


@pytest.mark.parametrize(("make", "first", "second"), BARRIERS)
def test_barriers(make: Callable[[], Session], first: Command, second: Command) -> None:
    session = make()
    session.send(first)
    with pytest.raises(Misused):
        session.send(second)


TOGETHER = [
    (logged_in, (commands.CAPABILITY, commands.identify({"name": "x"}), commands.ENABLE_UTF8)),
    (logged_in, (SELECT, SIZES, ONE)),
    (logged_in, (commands.status(b"a"), commands.status(b"b"), SELECT)),
    (selected, (STORE, UID_EXPUNGE)),
    (selected, (SEARCH, ESEARCH, ESEARCH)),
    (selected, (ONE, HEADERS, SIZES, commands.NOOP)),
]


@pytest.mark.parametrize(("make", "sent"), TOGETHER)
def test_what_may_be_in_one_flight(make: Callable[[], Session], sent: tuple[Command, ...]) -> None:
    session = having_sent(make, *sent)()
    assert session.core.outstanding == len(sent)


@pytest.mark.parametrize(
    ("make", "command"),
    [
        (Session, commands.NOOP),
        (greeted, SELECT),
        (greeted, commands.response(b"x")),
        (logged_in, ONE),
        (logged_in, LOGIN),
        (logged_in, commands.DONE),
        (selected, commands.STARTTLS),
        (selected, commands.ENABLE_UTF8),
    ],
)
def test_a_command_in_a_state_that_does_not_allow_it_is_refused(
    make: Callable[[], Session], command: Command
) -> None:
    with pytest.raises(Misused):
        make().send(command)


def test_a_select_that_fails_leaves_nothing_selected() -> None:
    session = selected()
    (reply,) = session.ask(SELECT, b"$1 NO [NONEXISTENT] unknown mailbox\r\n")
    assert reply == Reply(SELECT, NO, "NONEXISTENT", b"", b"unknown mailbox")
    assert session.state() is State.AUTHENTICATED


def test_reads_behind_a_select_are_answered_when_it_worked() -> None:
    stream = b"* 1 EXISTS\r\n$1 OK\r\n* 1 FETCH (UID 5 BODY[] {1}\r\nx)\r\n$2 OK\r\n"
    events = alike(having_sent(logged_in, SELECT, ONE), stream)
    assert [type(event).__name__ for event in events] == ["Selected", "Reply", "Fetched", "Reply"]


def test_an_exchange_goes_back_and_forth() -> None:
    session = greeted()
    assert session.send(PLAIN) == b"AUTHENTICATE PLAIN\r\n"
    assert session.receive(b"+\r\n") == [Challenge(PLAIN, b"")]
    with pytest.raises(Misused):
        session.send(commands.NOOP)
    assert session.send(commands.response(b"\0bob\0secret")) == b"AGJvYgBzZWNyZXQ=\r\n"
    assert session.receive(b"+ eyJ4IjoxfQ==\r\n") == [Challenge(PLAIN, b'{"x":1}')]
    assert session.send(commands.response(b"")) == b"\r\n"
    assert session.receive(b"* 3 EXISTS\r\n$1 OK in\r\n") == [Reply(PLAIN, OK, text=b"in")]
    assert session.state() is State.AUTHENTICATED


def test_the_bad_that_follows_a_cancelled_exchange_is_no_violation() -> None:
    session = greeted()
    session.send(PLAIN)
    session.receive(b"+ \r\n")
    assert session.send(commands.CANCEL) == b"*\r\n"
    assert session.receive(b"$1 BAD cancelled\r\n") == [Reply(PLAIN, BAD, text=b"cancelled")]
    assert session.state() is State.NOT_AUTHENTICATED
    session.send(LOGIN)


@pytest.mark.parametrize("said", [b"$1 OK in\r\n", b"+\r\n$1 OK in\r\n", b"+\r\n+\r\n"])
def test_consent_before_the_credentials_were_sent_is_a_violation(said: bytes) -> None:
    kind, _ = error_of(alike(having_sent(greeted, PLAIN), said))
    assert kind is SourceViolation


def test_consent_to_a_cancelled_exchange_is_a_violation() -> None:
    session = greeted()
    session.send(PLAIN)
    session.receive(b"+\r\n")
    session.send(commands.CANCEL)
    (broken,) = session.receive(b"$1 OK in\r\n")
    assert isinstance(broken, Broken)


def test_an_initial_response_needs_no_challenge() -> None:
    command = commands.authenticate("PLAIN", b"\0bob\0secret")
    assert alike(having_sent(greeted, command), b"$1 OK\r\n") == [Reply(command, OK)]


def test_a_literal_waits_until_the_server_asks_for_it() -> None:
    session = greeted()
    login = commands.login("jörg", "geheim")
    assert session.send(login) == b"LOGIN {5}\r\n"
    with pytest.raises(Misused):
        session.send(commands.NOOP)
    with pytest.raises(Misused):
        session.core.send_more()
    assert session.receive(b"+ go\r\n") == [MoreWanted(login)]
    assert session.core.send_more() == "jörg".encode() + b' "geheim"\r\n'
    assert session.receive(b"$1 OK in\r\n") == [Reply(login, OK, text=b"in")]


@pytest.mark.parametrize("said", [b"$1 OK\r\n", b"+ go\r\n$1 OK\r\n", b"+ go\r\n+ go\r\n"])
def test_consent_before_all_of_a_command_was_sent_is_a_violation(said: bytes) -> None:
    made = having_sent(greeted, commands.login("jörg", "ü"))
    kind, _ = error_of(alike(made, said))
    assert kind is SourceViolation


def test_a_refused_literal_ends_the_command() -> None:
    session = greeted()
    login = commands.login("jörg", "geheim")
    assert session.ask(login, b"$1 BAD no literals\r\n") == [Reply(login, BAD, text=b"no literals")]
    session.send(commands.NOOP)


@pytest.mark.parametrize(
    ("announced", "octets", "goes_along"),
    [
        (b"LITERAL+", 9000, True),
        (b"LITERAL-", 4096, True),
        (b"LITERAL-", 4097, False),
        (b"IMAP4rev2", 4096, True),
        (b"IMAP4rev1", 5, False),
    ],
)
def test_a_literal_goes_along_as_far_as_is_announced(announced: bytes, octets: int, goes_along: bool) -> None:
    session = logged_in(capabilities=announced)
    name = b"\xff" * octets
    wire = session.send(commands.select(name))
    if goes_along:
        assert wire == b"SELECT {%d+}\r\n%s\r\n" % (octets, name)
    else:
        assert wire == b"SELECT {%d}\r\n" % octets


def test_what_was_announced_in_clear_or_before_the_login_lets_no_literal_go_along() -> None:
    session = greeted(greeting=b"* OK [CAPABILITY LITERAL+] hi\r\n")
    session.ask(commands.STARTTLS, b"$1 OK go\r\n")
    assert session.send(commands.login("ö", "x")) == b"LOGIN {2}\r\n"


def test_idle_and_done() -> None:
    session = selected()
    assert session.send(commands.IDLE) == b"IDLE\r\n"
    with pytest.raises(Misused):
        session.send(commands.DONE)
    assert session.receive(b"+ idling\r\n* 4 EXISTS\r\n* OK Still here\r\n") == [
        IdleStarted(commands.IDLE),
        Exists(4),
        Notice(OK, "", b"", b"Still here"),
    ]
    assert session.state() is State.IDLING
    assert session.send(commands.DONE) == b"DONE\r\n"
    with pytest.raises(Misused):
        session.send(commands.NOOP)
    assert session.receive(b"* 5 EXISTS\r\n$1 OK\r\n") == [Exists(5), Reply(commands.IDLE, OK)]
    assert session.state() is State.SELECTED


@pytest.mark.parametrize("said", [b"$1 OK\r\n", b"+\r\n$1 OK\r\n", b"+\r\n+\r\n"])
def test_the_end_of_idle_before_done_is_a_violation(said: bytes) -> None:
    kind, _ = error_of(alike(having_sent(selected, commands.IDLE), said))
    assert kind is SourceViolation


def test_a_refused_idle_leaves_the_session_as_it_was() -> None:
    session = selected()
    assert session.ask(commands.IDLE, b"$1 BAD what\r\n") == [Reply(commands.IDLE, BAD, text=b"what")]
    assert session.state() is State.SELECTED


def test_octets_behind_the_consent_to_compress_are_handed_back() -> None:
    session = logged_in()
    assert session.ask(commands.COMPRESS, b"$1 OK go\r\n\x01\x02\r\n") == [
        Reply(commands.COMPRESS, OK, text=b"go"),
        CompressionStarted(b"\x01\x02\r\n"),
    ]


def test_only_enabled_extensions_that_were_asked_for_count() -> None:
    session = logged_in()
    session.receive(b"* ENABLED UIDONLY\r\n")
    session.ask(commands.ENABLE_UTF8, b"* ENABLED UTF8=ACCEPT X-OTHER\r\n$1 OK\r\n")
    assert session.core.enabled == {"UTF8=ACCEPT"}


def test_logout_ends_in_good_order() -> None:
    session = selected()
    events = session.ask(commands.LOGOUT, b"* BYE see you\r\n$1 OK\r\n")
    assert events == [Bye("", b"", b"see you"), Reply(commands.LOGOUT, OK)]
    assert session.state() is State.CLOSED
    assert session.receive(b"") == []


def test_bye_without_a_tagged_line_is_enough_after_logout() -> None:
    session = selected()
    session.ask(commands.LOGOUT, b"* BYE see you\r\n")
    assert session.receive(b"") == []


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (b"* BYE [UNAVAILABLE] Too busy\r\n", "ended the session: Too busy."),
        (b"* 1 FETCH (UID 5 BODY[] {10}\r\nab", "in the middle of an answer"),
        (b"* 1 FETCH (UID 5 BODY[] {2}\r\nab", "in the middle of an answer"),
        (b"", "instead of answering UID FETCH 5"),
        (b"$1 OK\r\n", "without being asked to"),
    ],
)
def test_a_connection_that_ends_says_where(before: bytes, words: str) -> None:
    session = having_sent(selected, ONE)()
    events = merged(fed(session, [*([session.with_tags(before)] if before else []), b""]))
    kind, text = error_of(events)
    assert kind is ConnectionLost
    assert words in text


def test_nothing_is_taken_after_the_session_broke() -> None:
    session = selected()
    session.receive(b"rubbish\r\n")
    with pytest.raises(Misused):
        session.receive(b"* OK\r\n")
    with pytest.raises(Misused):
        session.send(commands.NOOP)


def test_events_before_a_violation_are_kept() -> None:
    first, broken = selected().receive(b"* 4 EXISTS\r\nrubbish\r\n")
    assert first == Exists(4)
    assert isinstance(broken, Broken)
    assert SERVER in str(broken.error)
    assert "rubbish" in str(broken.error)


def test_secrets_that_a_server_repeats_are_taken_out() -> None:
    core = ImapConnection(
        SERVER, DEFAULT, tag_prefix="a", redact=lambda text: text.replace(b"secret", b"****")
    )
    core.receive(b"* OK hello\r\n")
    core.send(LOGIN)
    events = core.receive(b"a1 NO [X secret] secret is wrong\r\nsecret?\r\n")
    assert "secret" not in repr(merged(events))
    assert events[0] == Reply(LOGIN, NO, "X", b"****", b"**** is wrong")


def test_a_code_that_is_a_secret_is_left_out() -> None:
    core = ImapConnection(
        SERVER, DEFAULT, tag_prefix="a", redact=lambda text: text.replace(b"hunter", b"****")
    )
    core.receive(b"* OK hello\r\n")
    core.send(LOGIN)
    assert core.receive(b"a1 NO [hunter] wrong\r\n") == [Reply(LOGIN, NO, "", b"", b"wrong")]


def test_what_was_said_of_the_mailbox_before_is_not_of_the_next() -> None:
    stream = (
        b"* 9 EXISTS\r\n* OK [UIDVALIDITY 3] x\r\n* OK [CLOSED] x\r\n* 2 EXISTS\r\n"
        b"* OK [UIDNEXT 4]\r\n$1 OK\r\n"
    )
    events = alike(having_sent(selected, EXAMINE), stream)
    assert Selected(EXAMINE, 2, None, 4, read_only=True) in events


def test_changes_are_of_no_interest_where_no_mailbox_is_selected() -> None:
    made = having_sent(logged_in, commands.IDLE)
    assert alike(made, b"+\r\n* 4 EXISTS\r\n* 1 EXPUNGE\r\n") == [IdleStarted(commands.IDLE)]


def test_bye_says_why_and_the_answers_behind_it_still_count() -> None:
    stream = b"* BYE [UNAVAILABLE] Too many connections\r\n$1 NO no\r\n"
    assert alike(having_sent(greeted, LOGIN), stream) == [
        Bye("UNAVAILABLE", b"", b"Too many connections"),
        Reply(LOGIN, NO, text=b"no"),
    ]


def test_too_many_capabilities_are_a_violation() -> None:
    names = b" ".join(b"A%d" % number for number in range(501))
    for line in (b"* CAPABILITY %s\r\n", b"* OK [CAPABILITY %s] x\r\n"):
        (broken,) = alike(having_sent(greeted, commands.CAPABILITY), line % names)
        assert isinstance(broken, tuple)


@pytest.mark.parametrize("prefix", ["", "a b", "ä", "+", "a\r\n"])
def test_a_prefix_that_is_no_tag_is_refused(prefix: str) -> None:
    with pytest.raises(Misused):
        ImapConnection(SERVER, DEFAULT, tag_prefix=prefix)
