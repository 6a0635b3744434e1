"""Greeting, EHLO, STARTTLS and login against scripted bytes."""

from __future__ import annotations

import base64
from traceback import format_exception

import pytest

from shared.model.endpoint import Endpoint, Tls
from shared.net.errors import InactivityTimeout, TlsFailed
from shared.net.sasl import SaslError
from shared.smtp.client import SmtpClient, connect
from shared.smtp.errors import (
    ConnectionLost,
    LoginImpossible,
    LoginRefused,
    SessionRefused,
    TlsUnavailable,
    Unsendable,
)
from shared.smtp.login import Credentials
from tests.fakes.scripted_stream import ScriptedStream

GREETING = b"220 mx.example ESMTP\r\n"
OFFER_TLS = b"250-mx.example\r\n250-PIPELINING\r\n250 STARTTLS\r\n"
OFFER_LOGIN = b"250-mx.example\r\n250 AUTH PLAIN LOGIN\r\n"
PLAIN_OFFER = b"250 mx.example\r\n"
CANARY = "canary-password"
CREDENTIALS = Credentials("relay", CANARY)
PLAIN_MESSAGE = base64.b64encode(b"\0relay\0" + CANARY.encode())


async def opened(
    *streams: ScriptedStream, tls: Tls = Tls.OFF, credentials: Credentials | None = None
) -> SmtpClient:
    waiting = list(streams)

    async def dialer(_endpoint: Endpoint) -> ScriptedStream:
        return waiting.pop(0)

    endpoint = Endpoint("mx.example", 25, tls=tls)
    return await connect(endpoint, helo_name="me.example", credentials=credentials, dialer=dialer)


async def test_the_client_waits_for_the_greeting_and_introduces_itself() -> None:
    stream = ScriptedStream(GREETING, b"250-mx.example\r\n250 PIPELINING\r\n")
    client = await opened(stream)
    assert stream.writes == [b"EHLO me.example\r\n"]
    assert client.extensions.pipelining
    assert client.usable


async def test_a_server_without_ehlo_gets_helo() -> None:
    stream = ScriptedStream(GREETING, b"502 what?\r\n", b"250 hello\r\n")
    client = await opened(stream)
    assert stream.writes == [b"EHLO me.example\r\n", b"HELO me.example\r\n"]
    assert not client.extensions.pipelining


@pytest.mark.parametrize(
    "reads",
    [
        [b"554 5.7.1 blocked\r\n"],
        [b"421 too many connections\r\n"],
        [GREETING, b"421 not now\r\n"],
        [GREETING, b"451 not now\r\n"],
        [GREETING, b"550 no\r\n", b"550 no\r\n"],
    ],
)
async def test_a_refused_session_is_temporary_and_names_the_reply(reads: list[bytes]) -> None:
    stream = ScriptedStream(*reads)
    with pytest.raises(SessionRefused) as caught:
        await opened(stream)
    assert caught.value.temporary
    assert caught.value.reply.text in str(caught.value)
    assert stream.closed


@pytest.mark.parametrize("reads", [[], [b"220"], [GREETING], [b"SSH-2.0-OpenSSH\r\n"], [b"354 go\r\n"]])
async def test_a_server_that_does_not_speak_smtp_is_left(reads: list[bytes]) -> None:
    stream = ScriptedStream(*reads)
    with pytest.raises(ConnectionLost):
        await opened(stream)
    assert stream.closed


async def test_a_name_that_cannot_be_said_is_refused_before_dialling() -> None:
    with pytest.raises(Unsendable):
        await connect(Endpoint("mx.example", 25), helo_name="me\r\nQUIT")


async def test_after_starttls_the_client_introduces_itself_again_and_forgets() -> None:
    stream = ScriptedStream(GREETING, OFFER_TLS, b"220 go\r\n", PLAIN_OFFER)
    client = await opened(stream, tls=Tls.REQUIRED)
    assert stream.writes == [b"EHLO me.example\r\n", b"STARTTLS\r\n", b"EHLO me.example\r\n"]
    assert client.is_tls
    assert not client.extensions.pipelining


async def test_starttls_is_not_asked_for_where_it_is_off() -> None:
    stream = ScriptedStream(GREETING, OFFER_TLS)
    await opened(stream, tls=Tls.OFF)
    assert b"STARTTLS" not in stream.written


@pytest.mark.parametrize(
    "stream",
    [
        ScriptedStream(GREETING, PLAIN_OFFER),
        ScriptedStream(GREETING, b"502 no\r\n", b"250 hello\r\n"),
        ScriptedStream(GREETING, OFFER_TLS, b"454 not now\r\n"),
        ScriptedStream(GREETING, OFFER_TLS, b"421 bye\r\n"),
        ScriptedStream(
            GREETING, OFFER_TLS, b"220 go\r\n", tls_error=TlsFailed("The certificate is not trusted.")
        ),
        ScriptedStream(GREETING, OFFER_TLS, b"220 go\r\n250 injected\r\n"),
        ScriptedStream(GREETING, OFFER_TLS),
        ScriptedStream(GREETING, OFFER_TLS, InactivityTimeout("Silence.")),
        ScriptedStream(GREETING, OFFER_TLS, b"220 go\r\n"),
    ],
)
async def test_where_tls_is_required_nothing_goes_on_without_it(stream: ScriptedStream) -> None:
    with pytest.raises(TlsUnavailable) as caught:
        await opened(stream, tls=Tls.REQUIRED, credentials=CREDENTIALS)
    assert caught.value.temporary
    assert stream.closed
    assert b"AUTH" not in stream.written


async def test_where_tls_is_wanted_and_not_offered_it_goes_on_in_clear() -> None:
    client = await opened(ScriptedStream(GREETING, PLAIN_OFFER), tls=Tls.WANTED)
    assert client.usable
    assert not client.is_tls


async def test_where_tls_is_wanted_and_refused_it_goes_on_over_the_same_connection() -> None:
    client = await opened(ScriptedStream(GREETING, OFFER_TLS, b"454 not now\r\n"), tls=Tls.WANTED)
    assert client.usable
    assert client.extensions.pipelining


@pytest.mark.parametrize(
    "first",
    [
        ScriptedStream(GREETING, OFFER_TLS, b"220 go\r\n", tls_error=TlsFailed("No handshake.")),
        ScriptedStream(GREETING, OFFER_TLS, b"220 go\r\n250 injected\r\n"),
        ScriptedStream(GREETING, OFFER_TLS, b"421 bye\r\n"),
        ScriptedStream(GREETING, OFFER_TLS),
        ScriptedStream(GREETING, OFFER_TLS, InactivityTimeout("Silence.")),
        ScriptedStream(GREETING, OFFER_TLS, b"220 go\r\n"),
    ],
)
async def test_where_tls_is_wanted_and_breaks_a_fresh_connection_goes_on_in_clear(
    first: ScriptedStream,
) -> None:
    second = ScriptedStream(GREETING, OFFER_TLS)
    client = await opened(first, second, tls=Tls.WANTED)
    assert client.usable
    assert first.closed
    assert second.writes == [b"EHLO me.example\r\n"]


async def test_bytes_slipped_in_before_tls_are_never_used() -> None:
    stream = ScriptedStream(GREETING, OFFER_TLS, b"220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n")
    with pytest.raises(TlsUnavailable, match="more than it was asked"):
        await opened(stream, tls=Tls.REQUIRED)
    assert not stream.is_tls


async def test_login_by_plain_is_one_line() -> None:
    stream = ScriptedStream(GREETING, OFFER_LOGIN, b"235 2.7.0 welcome\r\n")
    await opened(stream, credentials=CREDENTIALS)
    assert stream.writes[1:] == [b"AUTH PLAIN " + PLAIN_MESSAGE + b"\r\n"]


async def test_login_by_plain_answers_a_server_that_overlooked_the_initial_response() -> None:
    stream = ScriptedStream(GREETING, OFFER_LOGIN, b"334 \r\n", b"235 welcome\r\n")
    await opened(stream, credentials=CREDENTIALS)
    assert stream.writes[2:] == [PLAIN_MESSAGE + b"\r\n"]


async def test_login_by_login_answers_two_questions() -> None:
    stream = ScriptedStream(
        GREETING,
        b"250-mx\r\n250 AUTH LOGIN\r\n",
        b"334 VXNlcm5hbWU6\r\n",
        b"334 UGFzc3dvcmQ6\r\n",
        b"235 ok\r\n",
    )
    await opened(stream, credentials=CREDENTIALS)
    password = base64.b64encode(CANARY.encode())
    assert stream.writes[1:] == [b"AUTH LOGIN\r\n", b"cmVsYXk=\r\n", password + b"\r\n"]


async def test_login_happens_under_tls_where_tls_came_about() -> None:
    stream = ScriptedStream(GREETING, OFFER_TLS, b"220 go\r\n", OFFER_LOGIN, b"235 ok\r\n")
    client = await opened(stream, tls=Tls.REQUIRED, credentials=CREDENTIALS)
    assert client.is_tls
    assert stream.writes[-1].startswith(b"AUTH PLAIN")


async def test_a_password_is_not_sent_in_clear_because_wanted_tls_failed() -> None:
    stream = ScriptedStream(GREETING, OFFER_LOGIN)
    with pytest.raises(LoginImpossible) as caught:
        await opened(stream, tls=Tls.WANTED, credentials=CREDENTIALS)
    assert caught.value.temporary
    assert b"AUTH" not in stream.written


async def test_a_password_is_not_sent_in_clear_because_the_server_hung_up_at_starttls() -> None:
    first, second = ScriptedStream(GREETING, OFFER_TLS), ScriptedStream(GREETING, OFFER_LOGIN)
    with pytest.raises(LoginImpossible) as caught:
        await opened(first, second, tls=Tls.WANTED, credentials=CREDENTIALS)
    assert caught.value.temporary
    assert b"AUTH" not in first.written + second.written


@pytest.mark.parametrize("offer", [PLAIN_OFFER, b"250-mx\r\n250 AUTH GSSAPI NTLM\r\n"])
async def test_a_login_the_server_does_not_offer_is_for_the_operator(offer: bytes) -> None:
    with pytest.raises(LoginImpossible) as caught:
        await opened(ScriptedStream(GREETING, offer), credentials=CREDENTIALS)
    assert not caught.value.temporary


@pytest.mark.parametrize(
    ("reply", "temporary"), [(b"535 5.7.8 wrong\r\n", False), (b"454 4.7.0 later\r\n", True)]
)
async def test_a_refused_login_is_as_final_as_its_reply(reply: bytes, temporary: bool) -> None:
    stream = ScriptedStream(GREETING, OFFER_LOGIN, reply)
    with pytest.raises(LoginRefused) as caught:
        await opened(stream, credentials=CREDENTIALS)
    assert caught.value.temporary is temporary
    assert stream.closed
    assert stream.written.count(b"AUTH") == 1


async def test_a_server_that_repeats_our_secret_does_not_get_it_into_the_error() -> None:
    echo = b"535 wrong: " + PLAIN_MESSAGE + b" is " + CANARY.encode() + b"\r\n"
    with pytest.raises(LoginRefused) as caught:
        await opened(ScriptedStream(GREETING, OFFER_LOGIN, echo), credentials=CREDENTIALS)
    shown = str(caught.value) + repr(caught.value.reply) + repr(CREDENTIALS)
    assert CANARY not in shown
    assert PLAIN_MESSAGE.decode() not in shown


@pytest.mark.parametrize(
    "echo",
    [
        b"500: AUTH PLAIN %b\r\n",
        b"AUTH PLAIN %b\r\n535 no\r\n",
        b"150 AUTH PLAIN %b\r\n",
        b"250-yes\r\n550 AUTH PLAIN %b\r\n",
        b"354 AUTH PLAIN %b\r\n",
    ],
)
async def test_an_invalid_reply_to_a_login_is_not_shown_as_it_may_repeat_our_secret(echo: bytes) -> None:
    stream = ScriptedStream(GREETING, OFFER_LOGIN, echo % PLAIN_MESSAGE)
    with pytest.raises((ConnectionLost, SaslError)) as caught:
        await opened(stream, credentials=CREDENTIALS)
    assert PLAIN_MESSAGE.decode()[:8] not in "".join(format_exception(caught.value))
    assert stream.closed


async def test_a_server_that_hangs_up_at_the_login_is_said_to() -> None:
    with pytest.raises(ConnectionLost, match=r"login by PLAIN.*hung up"):
        await opened(ScriptedStream(GREETING, OFFER_LOGIN), credentials=CREDENTIALS)


@pytest.mark.parametrize(
    "echo",
    [
        b"535-%b\r\n535 %b\r\n" % (PLAIN_MESSAGE[:10], PLAIN_MESSAGE[10:]),
        b"535-5.7.8 AUTH PLAIN %b\r\n535 5.7.8 %b\r\n" % (PLAIN_MESSAGE[:20], PLAIN_MESSAGE[20:]),
        b"535 5.7.8 near %b...\r\n" % PLAIN_MESSAGE[:20],
        b"535-%b\r\n535 %b\r\n" % (CANARY[:8].encode(), CANARY[8:].encode()),
    ],
)
async def test_a_server_that_repeats_our_secret_in_pieces_does_not_get_them_into_the_error(
    echo: bytes,
) -> None:
    with pytest.raises(LoginRefused) as caught:
        await opened(ScriptedStream(GREETING, OFFER_LOGIN, echo), credentials=CREDENTIALS)
    shown = str(caught.value) + repr(caught.value.reply)
    pieces = [PLAIN_MESSAGE[:8], PLAIN_MESSAGE[-10:], CANARY[8:].encode()]
    assert [piece for piece in pieces if piece.decode() in shown] == []
    assert "535" in shown


async def test_a_password_with_a_space_is_not_shown_by_two_lines_that_repeat_it() -> None:
    stream = ScriptedStream(GREETING, OFFER_LOGIN, b"535-open\r\n535 sesame\r\n")
    with pytest.raises(LoginRefused) as caught:
        await opened(stream, credentials=Credentials("relay", "open sesame"))
    assert "sesame" not in str(caught.value) + repr(caught.value.reply)


async def test_a_complaint_within_the_exchange_does_not_get_our_token_into_the_error() -> None:
    token = "canary-token-0123456789"
    message = base64.b64encode(b"user=relay\x01auth=Bearer " + token.encode() + b"\x01\x01")
    complaint = base64.b64encode(b'{"status": "400", "error": "bad %b, %b"}' % (message, token.encode()))
    stream = ScriptedStream(
        GREETING, b"250-mx\r\n250 AUTH XOAUTH2\r\n", b"334 \r\n", b"334 %b\r\n" % complaint, b"535 no\r\n"
    )
    with pytest.raises(LoginRefused, match="400") as caught:
        await opened(stream, credentials=Credentials("relay", token, ("XOAUTH2",)))
    assert token not in str(caught.value)
    assert message.decode() not in str(caught.value)


async def test_a_reply_about_a_user_is_shown() -> None:
    stream = ScriptedStream(
        GREETING,
        OFFER_LOGIN,
        b"535-5.7.8 No user relay,\r\n535 5.7.8 see https://example.com/authentication\r\n",
    )
    with pytest.raises(
        LoginRefused, match=r"5\.7\.8 No user relay, 5\.7\.8 see https://example\.com/authentication"
    ):
        await opened(stream, credentials=CREDENTIALS)


@pytest.mark.parametrize("challenges", [[b"334 \r\n"] * 50, [b"334 ***\r\n"], [b"334 Zm9v\r\n"]])
async def test_a_server_with_strange_challenges_is_left(challenges: list[bytes]) -> None:
    stream = ScriptedStream(GREETING, OFFER_LOGIN, *challenges)
    with pytest.raises(SaslError):
        await opened(stream, credentials=CREDENTIALS)
    assert stream.closed


async def test_in_clear_a_proof_of_the_password_goes_before_the_password() -> None:
    challenge = base64.b64encode(b"<1896.697170952@postoffice.reston.mci.net>")
    stream = ScriptedStream(
        GREETING, b"250-mx\r\n250 AUTH PLAIN CRAM-MD5\r\n", b"334 " + challenge + b"\r\n", b"235 ok\r\n"
    )
    await opened(stream, credentials=Credentials("tim", "tanstaaftanstaaf"))
    assert stream.writes[1:] == [
        b"AUTH CRAM-MD5\r\n",
        base64.b64encode(b"tim b913a602c7eda7a495b4e6e7334d3890") + b"\r\n",
    ]


async def test_within_tls_the_first_mechanism_is_one_that_every_server_can_check() -> None:
    offer = b"250-mx\r\n250 AUTH SCRAM-SHA-256 CRAM-MD5 PLAIN\r\n"
    stream = ScriptedStream(GREETING, OFFER_TLS, b"220 go\r\n", offer, b"235 ok\r\n")
    await opened(stream, tls=Tls.REQUIRED, credentials=CREDENTIALS)
    assert stream.writes[-1].startswith(b"AUTH PLAIN")


async def test_a_server_that_accepts_scram_without_its_own_proof_is_left() -> None:
    stream = ScriptedStream(GREETING, b"250-mx\r\n250 AUTH SCRAM-SHA-256\r\n", b"235 ok\r\n")
    with pytest.raises(SaslError, match="without proving"):
        await opened(stream, credentials=CREDENTIALS)
    assert stream.closed


async def test_a_refused_token_is_reported_with_the_explanation_of_the_server() -> None:
    complaint = base64.b64encode(b'{"status":"401","scope":"smtp ' + CANARY.encode() + b'"}')
    stream = ScriptedStream(
        GREETING,
        b"250-mx\r\n250 AUTH XOAUTH2\r\n",
        b"334 \r\n",
        b"334 " + complaint + b"\r\n",
        b"535 5.7.3 no\r\n",
    )
    with pytest.raises(LoginRefused) as caught:
        await opened(stream, credentials=Credentials("relay", CANARY, ("XOAUTH2",)))
    assert "(status 401, scope smtp ***): 535 5.7.3 no" in str(caught.value)
    assert stream.writes[-1] == b"\r\n"
