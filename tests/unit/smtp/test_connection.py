from __future__ import annotations

import pytest

from shared.smtp.commands import DATA, QUIT, RSET, STARTTLS, Command, Verb, ehlo, mail_from, rcpt_to
from shared.smtp.connection import Answer, SmtpConnection, State
from shared.smtp.content import prepare
from shared.smtp.errors import LocalProtocolError, ProtocolViolation

EHLO = ehlo("me.example")
MAIL = mail_from("alice@example.org")
BOB = rcpt_to("bob@corp.example")
EVE = rcpt_to("eve@corp.example")
CONTENT = prepare(b"Subject: x\r\n")


def answers(connection: SmtpConnection, data: bytes) -> list[tuple[Verb | None, int]]:
    connection.receive(data)
    found = []
    while (answer := connection.next_answer()) is not None:
        found.append((answer.verb, answer.reply.code))
    return found


def ready(offer: bytes = b"250-mx.example\r\n250 PIPELINING\r\n") -> SmtpConnection:
    connection = SmtpConnection()
    answers(connection, b"220 mx.example\r\n")
    connection.issue_commands([EHLO])
    answers(connection, offer)
    return connection


def in_content() -> SmtpConnection:
    connection = ready()
    connection.issue_commands([MAIL, BOB, DATA])
    answers(connection, b"250 OK\r\n250 OK\r\n354 go\r\n")
    return connection


def test_the_server_speaks_first() -> None:
    connection = SmtpConnection()
    assert connection.expected is Verb.GREETING
    with pytest.raises(LocalProtocolError):
        connection.issue_commands([EHLO])
    assert answers(connection, b"220 mx.example\r\n") == [(Verb.GREETING, 220)]
    assert connection.state is State.GREETED


def test_no_mail_before_ehlo() -> None:
    connection = SmtpConnection()
    answers(connection, b"220 mx.example\r\n")
    with pytest.raises(LocalProtocolError):
        connection.issue_commands([MAIL])


def test_a_group_of_commands_is_one_write() -> None:
    assert ready().issue_commands([MAIL, BOB, EVE, DATA]) == MAIL.line + BOB.line + EVE.line + DATA.line


def test_each_reply_of_a_group_finds_its_command() -> None:
    connection = ready()
    connection.issue_commands([MAIL, BOB, EVE, DATA])
    replies = b"250 OK\r\n550 no\r\n451 later\r\n354 go\r\n"
    expected = [(Verb.MAIL, 250), (Verb.RCPT, 550), (Verb.RCPT, 451), (Verb.DATA, 354)]
    assert answers(connection, replies) == expected
    assert connection.state is State.CONTENT
    assert connection.expected is None


def test_the_replies_of_a_group_may_come_byte_by_byte() -> None:
    connection = ready()
    connection.issue_commands([MAIL, BOB, DATA])
    found = []
    for octet in b"250 OK\r\n250 OK\r\n354 go\r\n":
        found += answers(connection, bytes([octet]))
    assert found == [(Verb.MAIL, 250), (Verb.RCPT, 250), (Verb.DATA, 354)]


def test_without_pipelining_one_command_at_a_time() -> None:
    connection = ready(b"250 mx.example\r\n")
    with pytest.raises(LocalProtocolError, match="PIPELINING"):
        connection.issue_commands([MAIL, BOB])
    assert connection.issue_commands([MAIL]) == MAIL.line


@pytest.mark.parametrize("last", [DATA, QUIT])
def test_some_commands_have_to_be_the_last_of_their_group(last: Command) -> None:
    connection = ready()
    with pytest.raises(LocalProtocolError):
        connection.issue_commands([MAIL, BOB, last, RSET])


def test_no_command_while_an_answer_is_owed() -> None:
    connection = ready()
    connection.issue_commands([MAIL])
    with pytest.raises(LocalProtocolError):
        connection.issue_commands([BOB])


def test_no_recipient_without_a_sender() -> None:
    with pytest.raises(LocalProtocolError):
        ready().issue_commands([BOB])


def test_a_new_mail_needs_the_old_one_to_be_reset() -> None:
    connection = ready()
    connection.issue_commands([MAIL])
    answers(connection, b"250 OK\r\n")
    with pytest.raises(LocalProtocolError):
        connection.issue_commands([MAIL])
    assert connection.issue_commands([RSET, MAIL]) == RSET.line + MAIL.line


def test_the_whole_content_is_followed_by_one_answer() -> None:
    connection = in_content()
    assert connection.issue_content(CONTENT) == CONTENT.wire
    assert connection.expected is Verb.CONTENT
    assert answers(connection, b"250 2.0.0 queued\r\n") == [(Verb.CONTENT, 250)]
    assert connection.state is State.READY


def test_streamed_content_is_stuffed_and_ended() -> None:
    connection = in_content()
    wire = (
        connection.issue_content_part(b"a\n")
        + connection.issue_content_part(b".b")
        + connection.end_content()
    )
    assert wire == b"a\r\n..b\r\n.\r\n"
    assert connection.expected is Verb.CONTENT


def test_the_next_mail_starts_with_a_fresh_encoder() -> None:
    connection = in_content()
    connection.issue_content_part(b"no line end")
    connection.end_content()
    answers(connection, b"250 OK\r\n")
    connection.issue_commands([MAIL, BOB, DATA])
    answers(connection, b"250 OK\r\n250 OK\r\n354 go\r\n")
    assert connection.issue_content_part(b".x") + connection.end_content() == b"..x\r\n.\r\n"


def test_no_content_without_the_servers_permission() -> None:
    connection = ready()
    with pytest.raises(LocalProtocolError):
        connection.issue_content(CONTENT)
    with pytest.raises(LocalProtocolError):
        connection.issue_content_part(b"x")
    with pytest.raises(LocalProtocolError):
        connection.end_content()


def test_no_command_in_the_middle_of_the_content() -> None:
    with pytest.raises(LocalProtocolError):
        in_content().issue_commands([QUIT])


def test_a_refusal_in_the_middle_of_the_content_answers_it_and_ends_the_connection() -> None:
    connection = in_content()
    connection.issue_content_part(b"first part")
    assert answers(connection, b"552 5.3.4 too large\r\n") == [(Verb.CONTENT, 552)]
    assert connection.state is State.CLOSED


def test_consent_in_the_middle_of_the_content_is_out_of_step() -> None:
    connection = in_content()
    with pytest.raises(ProtocolViolation):
        answers(connection, b"250 OK\r\n")


def test_a_421_ends_the_connection_and_nothing_more_is_owed() -> None:
    connection = ready()
    connection.issue_commands([MAIL, BOB, DATA])
    assert answers(connection, b"250 OK\r\n421 4.3.2 shutting down\r\n") == [
        (Verb.MAIL, 250),
        (Verb.RCPT, 421),
    ]
    assert connection.state is State.CLOSED
    assert connection.expected is None


def test_a_421_may_come_unasked() -> None:
    connection = ready()
    connection.receive(b"421 4.4.2 idle\r\n")
    answer = connection.next_answer()
    assert isinstance(answer, Answer)
    assert (answer.verb, answer.reply.code) == (None, 421)
    assert connection.state is State.CLOSED


@pytest.mark.parametrize("reply", [b"250 OK\r\n", b"550 no\r\n", b"354 go\r\n"])
def test_any_other_reply_to_nothing_is_a_violation(reply: bytes) -> None:
    connection = ready()
    with pytest.raises(ProtocolViolation):
        answers(connection, reply)
    assert connection.state is State.CLOSED


def test_a_surplus_reply_is_not_taken_for_the_next_answer() -> None:
    connection = ready()
    connection.issue_commands([RSET])
    connection.receive(b"250 OK\r\n250 stale\r\n")
    connection.next_answer()
    assert not connection.quiet
    with pytest.raises(ProtocolViolation):
        connection.issue_commands([MAIL, BOB, DATA])


@pytest.mark.parametrize("reply", [b"354 go\r\n", b"334 \r\n"])
def test_an_intermediate_reply_where_none_belongs_is_out_of_step(reply: bytes) -> None:
    connection = ready()
    connection.issue_commands([MAIL])
    with pytest.raises(ProtocolViolation, match="out of step"):
        answers(connection, reply)


def test_250_to_data_is_out_of_step() -> None:
    connection = ready()
    connection.issue_commands([MAIL, BOB, DATA])
    with pytest.raises(ProtocolViolation, match="DATA"):
        answers(connection, b"250 OK\r\n250 OK\r\n250 OK\r\n")


def test_permission_for_content_although_the_sender_was_refused_is_believed() -> None:
    connection = ready()
    connection.issue_commands([MAIL, BOB, DATA])
    answers(connection, b"550 no\r\n503 no\r\n354 go\r\n")
    assert connection.state is State.CONTENT


def test_extensions_announced_in_clear_are_forgotten_under_tls() -> None:
    connection = ready(b"250-mx.example\r\n250-PIPELINING\r\n250 STARTTLS\r\n")
    connection.issue_commands([STARTTLS])
    assert answers(connection, b"220 go\r\n") == [(Verb.STARTTLS, 220)]
    connection.begin_tls()
    assert connection.state is State.GREETED
    assert not connection.extensions.pipelining
    assert connection.issue_commands([EHLO]) == EHLO.line


def test_bytes_slipped_in_behind_the_consent_to_tls_are_refused() -> None:
    connection = ready(b"250-mx.example\r\n250 STARTTLS\r\n")
    connection.issue_commands([STARTTLS])
    assert answers(connection, b"220 go\r\n250-mx.example\r\n250 AUTH PLAIN\r\n") == [(Verb.STARTTLS, 220)]
    with pytest.raises(ProtocolViolation):
        connection.begin_tls()
    assert connection.state is State.CLOSED


def test_tls_does_not_begin_without_consent() -> None:
    connection = ready(b"250-mx.example\r\n250 STARTTLS\r\n")
    connection.issue_commands([STARTTLS])
    answers(connection, b"454 not now\r\n")
    assert connection.state is State.READY
    with pytest.raises(LocalProtocolError):
        connection.begin_tls()


def test_a_second_ehlo_replaces_the_extensions_of_the_first() -> None:
    connection = ready()
    connection.issue_commands([EHLO])
    answers(connection, b"250 mx.example\r\n")
    assert not connection.extensions.pipelining


@pytest.mark.parametrize("greeting", [b"554 go away\r\n", b"421 later\r\n"])
def test_nothing_follows_a_refusing_greeting(greeting: bytes) -> None:
    connection = SmtpConnection()
    answers(connection, greeting)
    assert connection.state is State.CLOSED
    with pytest.raises(LocalProtocolError):
        connection.issue_commands([EHLO])


def test_quit_is_the_end() -> None:
    connection = ready()
    connection.issue_commands([QUIT])
    assert answers(connection, b"221 bye\r\n") == [(Verb.QUIT, 221)]
    assert connection.state is State.CLOSED
