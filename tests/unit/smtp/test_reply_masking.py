"""The secrets of a login are masked in all replies of the session."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from traceback import format_exception

import pytest

from shared.model.endpoint import Endpoint
from shared.smtp.client import SmtpClient, connect
from shared.smtp.envelope import Envelope, Mail, RecipientReply
from shared.smtp.errors import ConnectionLost
from shared.smtp.login import Credentials
from shared.smtp.reply import Reply
from shared.smtp.reply_masking import ReplyMasker
from tests.fakes.scripted_stream import ScriptedStream

PASSWORD = "canary-password"
MESSAGE = base64.b64encode(b"\0relay\0" + PASSWORD.encode())
MAIL = b"Subject: x\r\n\r\n"


async def logged_in(*reads: bytes, password: str = PASSWORD) -> SmtpClient:
    offer = b"250-mx.example\r\n250 AUTH PLAIN\r\n"
    stream = ScriptedStream(b"220 mx.example\r\n", offer, b"235 welcome\r\n", *reads)

    async def dialer(_endpoint: Endpoint) -> ScriptedStream:
        return stream

    credentials = Credentials("relay", password)
    return await connect(
        Endpoint("mx.example", 25), helo_name="me.example", credentials=credentials, dialer=dialer
    )


async def sent(*reads: bytes) -> Sequence[RecipientReply]:
    client = await logged_in(*reads)
    return await client.send_mail(Mail(Envelope("", ("bob@corp.example",)), MAIL))


@pytest.mark.parametrize(
    "echo",
    [
        b"AUTH PLAIN %b\r\n",
        b"AUTH PLAIN %b\n" + b"250 ok\r\n",
        b"250-one\r\n550 AUTH PLAIN %b\r\n",
        b"354 AUTH PLAIN %b\r\n",
        b"AUTH PLAIN " + MESSAGE[:20] + b"%.0b\r\n",
        b"password " + PASSWORD.encode() + b"%.0b\r\n",
    ],
)
@pytest.mark.parametrize("before", [(), (b"250 sender\r\n",)])
async def test_an_invalid_reply_does_not_put_the_secret_into_the_error(
    echo: bytes, before: Sequence[bytes]
) -> None:
    with pytest.raises(ConnectionLost) as caught:
        await sent(*before, echo % MESSAGE)
    assert_kept("".join(format_exception(caught.value)))


async def test_an_unsolicited_reply_does_not_put_the_secret_into_the_error() -> None:
    client = await logged_in(b"250 sender\r\n250 recipient\r\n354 go\r\n250 ok\r\n250 %b\r\n" % MESSAGE)
    with pytest.raises(ConnectionLost) as caught:
        await client.send_mail(Mail(Envelope("", ("bob@corp.example",)), MAIL))
    assert_kept("".join(format_exception(caught.value)))


@pytest.mark.parametrize("code", [b"550 5.7.1", b"451 4.7.1", b"421 4.7.0"])
async def test_a_later_refusal_is_masked_and_keeps_its_meaning(code: bytes) -> None:
    (reply,) = await sent(b"%b You said %b, %b\r\n" % (code, MESSAGE, PASSWORD.encode()))
    assert_kept(repr(reply) + reply.reply.text)
    assert reply.reply.text == f"{code.decode()} You said ***, ***"
    assert reply.reply.enhanced is not None


@pytest.mark.parametrize(("password", "shown"), [("hidden", "***"), ("known", "known")])
async def test_a_password_that_is_a_common_word_later_on_is_masked_from_six_octets_on(
    password: str, shown: str
) -> None:
    client = await logged_in(b"550 5.7.1 %b\r\n" % password.encode(), password=password)
    (reply,) = await client.send_mail(Mail(Envelope("", ("bob@corp.example",)), MAIL))
    assert reply.reply.text == f"550 5.7.1 {shown}"


async def test_the_answer_to_a_mail_shows_none_of_it() -> None:
    reads = [b"250 sender\r\n", b"250 recipient\r\n", b"354 go\r\n", b"250 2.0.0 kept by %b\r\n" % MESSAGE]
    (reply,) = await sent(*reads)
    assert (reply.reply.positive, reply.reply.text) == (True, "250 2.0.0 kept by ***")


async def test_a_refusal_that_holds_it_in_two_lines_is_cut_to_its_codes() -> None:
    lines = b"550-5.7.1 %b\r\n550 %b\r\n" % (PASSWORD[:8].encode(), PASSWORD[8:].encode())
    (reply,) = await sent(lines)
    assert reply.reply.text == "550 5.7.1 ***"


@pytest.mark.parametrize("between", [b"", b" "])
@pytest.mark.parametrize("secret", [PASSWORD.encode(), b"canary password", base64.b64encode(b"c\0b")])
def test_a_code_on_each_line_does_not_hide_that_two_lines_hold_it(secret: bytes, between: bytes) -> None:
    masker = ReplyMasker([PASSWORD.encode(), b"canary password", b"c\0b"])
    for place in range(1, len(secret)):
        lines = (b"5.7.8 no: " + secret[:place], b"5.7.8 " + between + secret[place:] + b" sent")
        assert masker.mask_reply(Reply(535, lines)).text == "535 5.7.8 ***"


def test_lines_with_a_code_each_stay_as_they_are_where_they_hold_nothing() -> None:
    reply = Reply(535, (b"5.7.8 Username and Password", b"5.7.8 not accepted"))
    assert ReplyMasker([PASSWORD.encode()]).mask_reply(reply) == reply


def test_a_word_of_a_few_letters_is_no_secret_worth_a_spoilt_text() -> None:
    masker = ReplyMasker([b"ok"], shortest=6)
    assert masker.mask_reply(Reply(250, (b"2.0.0 ok",))).lines == (b"2.0.0 ok",)
    assert masker.mask_reply(Reply(250, (b"2.0.0 b2s=",))).lines == (b"2.0.0 ***",)


def test_the_enhanced_code_stays_whatever_the_password_is() -> None:
    reply = ReplyMasker([b"5.1.1 no"]).mask_reply(Reply(550, (b"5.1.1 no such user",)))
    assert (reply.enhanced, reply.lines) == (Reply(550, (b"5.1.1 x",)).enhanced, (b"5.1.1 no such user",))


def assert_kept(shown: str) -> None:
    """Assert that no more than a few letters of the secret are shown."""
    assert PASSWORD not in shown
    assert MESSAGE.decode()[:8] not in shown
