"""The client against scripted bytes: what is written when, and what each end of the dialogue means."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.net.errors import ConnectionLost as NetworkLost
from shared.net.errors import DeadlineExceeded, NetworkError
from shared.smtp.commands import RSET
from shared.smtp.envelope import Envelope, Mail, Phase
from shared.smtp.errors import ConnectionLost, EightBitRefused, SizeRefused
from shared.smtp.timeouts import Timeouts
from tests.fakes.scripted_stream import ScriptedStream, each_byte
from tests.fakes.smtp_client import BARE, client_for

MAIL = b"Subject: x\r\n\r\nHello\r\n"
TO_BOB = Envelope("alice@example.org", ("bob@corp.example",))
TO_TWO = Envelope("alice@example.org", ("bob@corp.example", "eve@corp.example"))
ACCEPTED = b"250 OK\r\n250 OK\r\n354 go\r\n"


async def chunks(*pieces: bytes | Exception) -> AsyncIterator[bytes]:
    for piece in pieces:
        if isinstance(piece, Exception):
            raise piece
        yield piece


async def test_a_mail_takes_two_writes_if_the_server_offers_pipelining() -> None:
    stream = ScriptedStream(ACCEPTED, b"250 2.0.0 queued\r\n")
    (reply,) = await (await client_for(stream)).send_mail(Mail(TO_BOB, MAIL))
    assert stream.writes == [
        b"MAIL FROM:<alice@example.org> SIZE=21\r\nRCPT TO:<bob@corp.example>\r\nDATA\r\n",
        MAIL + b".\r\n",
    ]
    assert (reply.recipient, reply.reply.code, reply.phase) == ("bob@corp.example", 250, Phase.CONTENT)


async def test_a_mail_is_sent_to_a_server_that_answers_one_byte_at_a_time() -> None:
    stream = ScriptedStream(*each_byte(ACCEPTED + b"250-2.0.0 queued\r\n250 2.0.0 for long\r\n"))
    (reply,) = await (await client_for(stream)).send_mail(Mail(TO_BOB, MAIL))
    assert reply.reply.lines == (b"2.0.0 queued", b"2.0.0 for long")


async def test_without_pipelining_every_command_waits_for_its_answer() -> None:
    stream = ScriptedStream(b"250 OK\r\n", b"250 OK\r\n", b"354 go\r\n", b"250 OK\r\n")
    await (await client_for(stream, BARE)).send_mail(Mail(TO_BOB, MAIL))
    assert stream.writes == [
        b"MAIL FROM:<alice@example.org>\r\n",
        b"RCPT TO:<bob@corp.example>\r\n",
        b"DATA\r\n",
        MAIL + b".\r\n",
    ]


async def test_without_pipelining_nothing_follows_a_refused_sender() -> None:
    stream = ScriptedStream(b"550 5.7.1 no\r\n")
    (reply,) = await (await client_for(stream, BARE)).send_mail(Mail(TO_BOB, MAIL))
    assert (reply.reply.code, reply.phase) == (550, Phase.MAIL)
    assert stream.writes == [b"MAIL FROM:<alice@example.org>\r\n"]


async def test_without_pipelining_no_data_if_all_recipients_were_refused() -> None:
    stream = ScriptedStream(b"250 OK\r\n", b"550 no\r\n", b"451 later\r\n")
    client = await client_for(stream, BARE)
    replies = await client.send_mail(Mail(TO_TWO, MAIL))
    assert [each.reply.code for each in replies] == [550, 451]
    assert b"DATA" not in stream.written
    assert client.usable


async def test_permission_for_content_without_recipients_is_answered_with_a_lone_dot() -> None:
    stream = ScriptedStream(b"250 OK\r\n550 no\r\n550 no\r\n354 go\r\n", b"554 no valid recipients\r\n")
    client = await client_for(stream)
    replies = await client.send_mail(Mail(TO_TWO, MAIL))
    assert stream.writes[1:] == [b".\r\n"]
    assert [(each.reply.code, each.phase) for each in replies] == [(550, Phase.RCPT)] * 2
    assert client.usable


async def test_refusals_stand_even_if_the_connection_dies_with_the_lone_dot() -> None:
    stream = ScriptedStream(b"250 OK\r\n550 no\r\n354 go\r\n")
    client = await client_for(stream)
    (reply,) = await client.send_mail(Mail(TO_BOB, MAIL))
    assert reply.reply.code == 550
    assert not client.usable


async def test_the_next_mail_resets_what_the_last_one_left_behind() -> None:
    stream = ScriptedStream(
        b"250 OK\r\n550 no\r\n503 no recipients\r\n", b"250 reset\r\n" + ACCEPTED, b"250 OK\r\n"
    )
    client = await client_for(stream)
    await client.send_mail(Mail(TO_BOB, MAIL))
    (reply,) = await client.send_mail(Mail(TO_BOB, MAIL))
    assert stream.writes[1].startswith(b"RSET\r\nMAIL FROM:")
    assert reply.phase is Phase.CONTENT


async def test_a_421_is_reported_and_closes_the_connection() -> None:
    stream = ScriptedStream(b"250 OK\r\n421 4.3.2 shutting down\r\n")
    client = await client_for(stream)
    replies = await client.send_mail(Mail(TO_TWO, MAIL))
    assert [(each.reply.code, each.phase) for each in replies] == [(421, Phase.RCPT)] * 2
    assert not client.usable
    assert stream.closed


@pytest.mark.parametrize(
    ("reads", "begun", "in_doubt"),
    [
        ([], False, False),
        ([b"250 OK\r\n"], False, False),
        ([b"250 OK\r\n250 OK\r\n354"], False, False),
        ([ACCEPTED], True, True),
        ([ACCEPTED, b"25"], True, True),
        ([ACCEPTED, NetworkLost("The connection was reset.")], True, True),
        ([ACCEPTED, DeadlineExceeded("It took too long.")], True, True),
        ([ACCEPTED, b"garbage\r\n"], True, True),
        ([ACCEPTED, b"354 again\r\n"], True, True),
        ([b"garbage\r\n"], False, False),
        ([DeadlineExceeded("It took too long.")], False, False),
    ],
)
async def test_a_connection_that_ends_too_early_tells_how_far_the_mail_had_come(
    reads: list[bytes | NetworkError], begun: bool, in_doubt: bool
) -> None:
    stream = ScriptedStream(*reads)
    client = await client_for(stream)
    with pytest.raises(ConnectionLost) as caught:
        await client.send_mail(Mail(TO_BOB, MAIL))
    assert (caught.value.content_begun, caught.value.after_content) == (begun, in_doubt)
    assert caught.value.temporary
    assert stream.aborted
    assert not client.usable


async def test_a_final_answer_counts_although_garbage_follows_it() -> None:
    stream = ScriptedStream(ACCEPTED, b"250 2.0.0 queued\r\nbye bye\r\n")
    client = await client_for(stream)
    (reply,) = await client.send_mail(Mail(TO_BOB, MAIL))
    assert reply.reply.code == 250
    assert not client.usable


async def test_every_phase_has_its_own_time_limit() -> None:
    stream = ScriptedStream(b"250 OK\r\n", b"250 OK\r\n", b"354 go\r\n", b"250 OK\r\n")
    await (await client_for(stream)).send_mail(Mail(TO_BOB, MAIL))
    times = Timeouts()
    assert stream.deadlines == [times.command, times.command, times.data, times.final]
    assert times.final >= 600


async def test_the_time_limit_is_for_the_whole_answer() -> None:
    """The deadline is set anew for an answer, not for each of its bytes: a trickle does not prolong it."""
    stream = ScriptedStream(*each_byte(b"250 OK\r\n"))
    client = await client_for(stream)
    await client.session.dialogue.exchange([RSET])
    assert len(stream.deadlines) == 8
    assert stream.deadlines_set == 1


async def test_content_may_come_as_a_stream() -> None:
    stream = ScriptedStream(ACCEPTED, b"250 OK\r\n")
    client = await client_for(stream)
    envelope = Envelope("", ("bob@corp.example",), size=20)
    (reply,) = await client.send_mail(Mail(envelope, chunks(b"Subject: x\n", b"\n.text\r", b"\nend")))
    assert stream.writes[0].startswith(b"MAIL FROM:<> SIZE=20 BODY=8BITMIME\r\n")
    assert b"".join(stream.writes[1:]) == b"Subject: x\r\n\r\n..text\r\nend\r\n.\r\n"
    assert reply.phase is Phase.CONTENT
    assert set(stream.drain_patience) == {Timeouts().block}


async def test_a_stream_that_fails_leaves_no_end_mark_behind() -> None:
    stream = ScriptedStream(ACCEPTED)
    client = await client_for(stream)
    with pytest.raises(OSError, match="disk"):
        await client.send_mail(Mail(TO_BOB, chunks(b"Subject: x\r\n", OSError("disk"))))
    assert not stream.written.endswith(b".\r\n")
    assert stream.aborted
    assert not client.usable


async def test_a_refusal_in_the_middle_of_the_content_is_reported() -> None:
    stream = ScriptedStream(ACCEPTED, b"552 5.3.4 too large\r\n")
    stream.fail_writes(None, None, NetworkLost("The connection was reset."))
    client = await client_for(stream)
    (reply,) = await client.send_mail(Mail(TO_BOB, chunks(b"one", b"two", b"three")))
    assert (reply.reply.code, reply.phase) == (552, Phase.CONTENT)
    assert not client.usable


async def test_a_connection_that_breaks_in_the_middle_of_the_content_leaves_no_doubt() -> None:
    stream = ScriptedStream(ACCEPTED)
    stream.fail_writes(None, None, NetworkLost("The connection was reset."))
    with pytest.raises(ConnectionLost) as caught:
        await (await client_for(stream)).send_mail(Mail(TO_BOB, chunks(b"one", b"two", b"three")))
    assert (caught.value.content_begun, caught.value.after_content) == (True, False)


async def test_a_large_mail_is_sent_as_fast_as_the_server_reads_it() -> None:
    stream = ScriptedStream(ACCEPTED, b"250 OK\r\n")
    client = await client_for(stream, b"250-mx.example\r\n250 PIPELINING\r\n")
    await client.send_mail(Mail(TO_BOB, b"x" * 100_000))
    assert stream.drain_patience == [Timeouts().block]


async def test_a_mail_larger_than_the_announced_size_is_not_sent() -> None:
    stream = ScriptedStream()
    client = await client_for(stream)
    with pytest.raises(SizeRefused) as caught:
        await client.send_mail(Mail(TO_BOB, b"x" * 1001))
    assert not stream.writes
    assert (caught.value.reply.code, caught.value.reply.local) == (552, True)
    assert str(caught.value.reply.enhanced.text if caught.value.reply.enhanced else "") == "5.3.4"
    assert not caught.value.temporary
    assert client.usable


async def test_a_stream_known_to_be_too_large_is_not_sent() -> None:
    stream = ScriptedStream()
    with pytest.raises(SizeRefused):
        await (await client_for(stream)).send_mail(
            Mail(Envelope("", ("bob@corp.example",), size=1001), chunks(b"x"))
        )
    assert not stream.writes


async def test_eight_bit_content_is_declared_if_the_server_offers_8bitmime() -> None:
    stream = ScriptedStream(ACCEPTED, b"250 OK\r\n")
    await (await client_for(stream)).send_mail(Mail(TO_BOB, b"caf\xe9\r\n"))
    assert stream.writes[0].startswith(b"MAIL FROM:<alice@example.org> SIZE=6 BODY=8BITMIME\r\n")
    assert stream.writes[1] == b"caf\xe9\r\n.\r\n"


async def test_eight_bit_content_is_refused_unsent_without_8bitmime() -> None:
    stream = ScriptedStream()
    client = await client_for(stream, BARE)
    with pytest.raises(EightBitRefused) as caught:
        await client.send_mail(Mail(TO_BOB, b"caf\xe9\r\n"))
    assert not stream.writes
    assert caught.value.reply.local
    assert client.usable


async def test_a_stream_that_turns_out_to_be_eight_bit_is_abandoned() -> None:
    stream = ScriptedStream(b"250 OK\r\n", b"250 OK\r\n", b"354 go\r\n")
    client = await client_for(stream, BARE)
    with pytest.raises(EightBitRefused):
        await client.send_mail(Mail(TO_BOB, chunks(b"Subject: x\r\n", b"caf\xe9\r\n")))
    assert b"\xe9" not in stream.written
    assert not stream.written.endswith(b".\r\n")
    assert not client.usable


async def test_an_unsendable_recipient_is_refused_here_and_the_others_are_served() -> None:
    stream = ScriptedStream(ACCEPTED, b"250 OK\r\n")
    envelope = Envelope("", ("bob@corp.example\r\nDATA", "eve@corp.example"))
    bad, good = await (await client_for(stream)).send_mail(Mail(envelope, MAIL))
    assert (bad.reply.code, bad.reply.local, bad.phase) == (553, True, Phase.RCPT)
    assert good.reply.positive
    assert stream.writes[0] == b"MAIL FROM:<> SIZE=21\r\nRCPT TO:<eve@corp.example>\r\nDATA\r\n"


async def test_nothing_is_sent_if_no_recipient_can_be_written() -> None:
    stream = ScriptedStream()
    (reply,) = await (await client_for(stream)).send_mail(Mail(Envelope("", ("no\nbody",)), MAIL))
    assert reply.reply.local
    assert not stream.writes


async def test_an_envelope_without_recipients_is_none() -> None:
    with pytest.raises(ValueError, match="recipient"):
        Envelope("", ())


async def test_quit_says_goodbye_and_closes() -> None:
    stream = ScriptedStream(b"221 bye\r\n")
    client = await client_for(stream)
    await client.quit()
    assert stream.written == b"QUIT\r\n"
    assert stream.closed
    assert not client.usable


async def test_quit_does_not_mind_a_server_that_is_gone() -> None:
    stream = ScriptedStream()
    await (await client_for(stream)).quit()
    assert stream.closed
