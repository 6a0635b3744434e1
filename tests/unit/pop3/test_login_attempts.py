"""Methods of authentication against scripted bytes: which are tried, what is sent, when it is enough."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest

from services.fetcher.mailboxes.pop3 import Pop3Mailbox
from services.fetcher.mailboxes.pop3_opening import open_pop3
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import MailferryError
from shared.model.source_errors import (
    CredentialsRefused,
    LoginMethodsExhausted,
    MailboxLocked,
    SourceViolation,
)
from shared.net.errors import CertificateNotPinned, ConnectionLost, InactivityTimeout, TlsFailed, Unsendable
from shared.net.sasl import SaslError
from shared.pop3.limits import Options, Timeouts
from tests.fakes.scripted import ScriptedWire

HELLO = b"+OK hello <1896.697170952@dbc.mtview.ca.us>\r\n"
OK = b"+OK\r\n"
ERR = b"-ERR no\r\n"
AGAIN = ERR  # the answer to CAPA after the login
TLS_PLEASE = b"+OK\r\nSTLS\r\n.\r\n"
CRAM_CHALLENGE = b"+ " + base64.b64encode(b"<1896.697170952@postoffice.reston.mci.net>") + b"\r\n"
CRAM_ANSWER = base64.b64encode(b"tim b913a602c7eda7a495b4e6e7334d3890")
WRONG = b"-ERR Authentication failed.\r\n"
CANARY = "canary-hunter2"
TOKEN = "ya29." + "canary" * 50
DEFAULT = Options()


def capa(*methods: str) -> bytes:
    sasl = [method for method in methods if method != "USER"]
    user = "USER\r\n" if "USER" in methods else ""
    return f"+OK\r\nRESP-CODES\r\nSASL {' '.join(sasl)}\r\n{user}.\r\n".encode()


class Login:
    """One opening over scripted wires; remembers the dialogue."""

    def __init__(self, *scripts: Sequence[bytes]) -> None:
        self.wires = [ScriptedWire(script) for script in scripts]
        self._left = list(self.wires)
        self.shown: list[str] = []

    async def dial(self, endpoint: Endpoint, timeouts: Timeouts) -> ScriptedWire:
        return self._left.pop(0)

    async def open(
        self,
        *auth: str,
        username: str = "tim",
        password: str = CANARY,
        token: str = "",
        tls: Tls = Tls.OFF,
        options: Options = DEFAULT,
    ) -> Pop3Mailbox:
        return await open_pop3(
            Endpoint("pop.example", 110, tls),
            username,
            password,
            token=token,
            auth=auth,
            options=options,
            dialogue=lambda who, line: self.shown.append(f"{who}: {line}"),
            dialled=self.dial,
        )

    async def fails(self, kind: type[MailferryError], *auth: str, **how: object) -> str:
        with pytest.raises(kind) as caught:
            await self.open(*auth, **how)  # type: ignore[arg-type] # passed on as they are
        assert "canary" not in str(caught.value) + repr(self.shown)
        assert all(wire.ended == "aborted" for wire in self.wires)
        return str(caught.value)

    @property
    def sent(self) -> list[list[bytes]]:
        """The lines of each connection."""
        return [wire.sent.split(b"\r\n")[:-1] for wire in self.wires]


async def test_a_proof_of_the_password_goes_before_the_password() -> None:
    login = Login([HELLO, capa("PLAIN", "CRAM-MD5", "USER"), CRAM_CHALLENGE, OK, AGAIN])
    mailbox = await login.open(password="tanstaaftanstaaf")
    assert login.sent == [[b"CAPA", b"AUTH CRAM-MD5", CRAM_ANSWER, b"CAPA"]]
    assert mailbox.method == "cram-md5"


async def test_the_method_that_worked_last_time_goes_first() -> None:
    plain = base64.b64encode(b"\0tim\0" + CANARY.encode())
    login = Login([HELLO, capa("PLAIN", "CRAM-MD5"), OK, AGAIN])
    await login.open(options=Options(preferred="plain"))
    assert login.sent == [[b"CAPA", b"AUTH PLAIN " + plain, b"CAPA"]]


async def test_apop_answers_the_timestamp_of_the_greeting() -> None:
    login = Login([HELLO, capa("USER"), OK, AGAIN])
    mailbox = await login.open("apop", username="mrose", password="tanstaaf")
    assert login.sent == [[b"CAPA", b"APOP mrose c4c9334bac560ecc979e58001b3e22fb", b"CAPA"]]
    assert "C: APOP mrose ****" in login.shown
    assert mailbox.method == "apop"


async def test_apop_is_not_tried_where_the_greeting_is_not_to_be_looked_at() -> None:
    login = Login([HELLO, capa("USER")])
    await login.fails(LoginMethodsExhausted, "apop", options=Options(detect=("capa", "auth")))
    assert login.sent == [[b"CAPA"]]


async def test_apop_cannot_carry_a_name_with_a_blank_and_the_next_method_can() -> None:
    login = Login([HELLO, capa("USER"), OK, OK, AGAIN])
    await login.open("apop", "user", username="tim two")
    assert login.sent == [[b"CAPA", b"USER tim two", b"PASS " + CANARY.encode(), b"CAPA"]]
    await Login([HELLO, capa("USER")]).fails(Unsendable, "apop", username="tim two")


async def test_a_bare_auth_tells_the_methods_where_capa_does_not() -> None:
    login = Login([HELLO, ERR, b"+OK methods follow\r\nCRAM-MD5\r\nGSSAPI\r\n.\r\n", CRAM_CHALLENGE, OK])
    await login.open(password="tanstaaftanstaaf")
    assert login.sent == [[b"CAPA", b"AUTH", b"AUTH CRAM-MD5", CRAM_ANSWER]]
    assert "S: CRAM-MD5" in login.shown


@pytest.mark.parametrize("answer", [[], [b"+ \r\n"], [b"what?\r\n"]])
async def test_a_server_that_cannot_bear_a_bare_auth_is_dialled_again_without(answer: list[bytes]) -> None:
    login = Login([HELLO, ERR, *answer], [HELLO, ERR, OK, OK])
    await login.open("user")
    assert login.sent[1] == [b"CAPA", b"USER tim", b"PASS " + CANARY.encode()]
    assert any("Trying again without" in line for line in login.shown)


class Silent(ScriptedWire):
    """Says nothing when its script is at its end."""

    async def read(self) -> bytes:
        data = await super().read()
        if not data:
            raise InactivityTimeout("pop.example:110 sent nothing for 60 seconds.")
        return data


async def test_a_server_that_leaves_capa_unanswered_is_dialled_again_without() -> None:
    login = Login([], [HELLO, ERR, OK, OK])
    login.wires[0] = login._left[0] = Silent([HELLO])
    await login.open("user")
    assert login.sent == [[b"CAPA"], [b"AUTH", b"USER tim", b"PASS " + CANARY.encode()]]


async def test_a_server_that_falls_silent_in_a_login_is_not_tried_with_other_methods() -> None:
    login = Login([])
    login.wires[0] = login._left[0] = Silent([HELLO, capa("PLAIN", "USER")])
    await login.fails(InactivityTimeout)


async def test_a_server_is_asked_nothing_where_all_detection_is_switched_off() -> None:
    login = Login([HELLO, OK, OK])
    await login.open("user", options=Options(detect=()))
    assert login.sent == [[b"USER tim", b"PASS " + CANARY.encode()]]


async def test_a_password_that_was_found_wrong_is_not_offered_again_in_the_same_way() -> None:
    login = Login([HELLO, capa("PLAIN", "LOGIN", "USER"), WRONG])
    sentence = await login.fails(CredentialsRefused)
    assert sentence.endswith("with PLAIN was refused: Authentication failed.")
    assert len(login.sent[0]) == 2


async def test_a_proof_that_was_found_wrong_is_followed_by_the_password_once() -> None:
    login = Login([HELLO, capa("CRAM-MD5", "PLAIN", "LOGIN"), CRAM_CHALLENGE, WRONG, WRONG])
    await login.fails(CredentialsRefused)
    assert [line.partition(b" ")[0] for line in login.sent[0]] == [
        b"CAPA",
        b"AUTH",
        login.sent[0][2],
        b"AUTH",
    ]
    assert login.sent[0][3].startswith(b"AUTH PLAIN")


async def test_where_the_code_says_that_the_credentials_are_wrong_nothing_else_is_tried() -> None:
    login = Login([HELLO, capa("CRAM-MD5", "PLAIN"), CRAM_CHALLENGE, b"-ERR [AUTH] no\r\n"])
    sentence = await login.fails(CredentialsRefused)
    assert sentence.endswith(
        "with CRAM-MD5 was refused: [AUTH] no. If user name and password are right, the server "
        "cannot check the password in this way: leave cram-md5 out of the account's methods; left are plain."
    )


async def test_a_refusal_that_says_nothing_about_the_password_is_followed_by_the_next_method() -> None:
    login = Login([HELLO, capa("PLAIN", "USER"), b"-ERR unsupported mechanism\r\n", OK, OK, AGAIN])
    assert (await login.open()).method == "user"


async def test_a_locked_mailbox_ends_the_attempts() -> None:
    login = Login([HELLO, capa("PLAIN", "USER"), b"-ERR mailbox is locked\r\n"])
    await login.fails(MailboxLocked)


async def test_a_server_that_hangs_up_after_a_refusal_is_dialled_again_for_the_next_method() -> None:
    offer = capa("CRAM-MD5", "PLAIN")
    login = Login([HELLO, offer, CRAM_CHALLENGE, WRONG], [HELLO, offer, OK, AGAIN])
    assert (await login.open()).method == "plain"
    assert login.sent[1][1].startswith(b"AUTH PLAIN")


async def test_a_wrong_password_is_told_as_such_though_the_server_hangs_up_after_it() -> None:
    offer = capa("CRAM-MD5", "PLAIN")
    login = Login([HELLO, offer, CRAM_CHALLENGE, WRONG], [HELLO, offer])
    assert "with CRAM-MD5 was refused" in await login.fails(CredentialsRefused)


async def test_a_server_that_hangs_up_on_every_method_is_dialled_once_for_each() -> None:
    offer = capa("PLAIN", "LOGIN", "USER")
    login = Login([HELLO, offer], [HELLO, offer], [HELLO, offer])
    assert "with USER failed" in await login.fails(ConnectionLost)


async def test_xoauth2_is_two_lines_whatever_the_length_of_the_token() -> None:
    login = Login([HELLO, capa("XOAUTH2", "PLAIN"), b"+ \r\n", OK, AGAIN])
    mailbox = await login.open(token="t0ken")
    message = base64.b64encode(b"user=tim\x01auth=Bearer t0ken\x01\x01")
    assert login.sent == [[b"CAPA", b"AUTH XOAUTH2", message, b"CAPA"]]
    assert mailbox.method == "xoauth2"


async def test_oauthbearer_names_the_server_and_goes_before_xoauth2() -> None:
    login = Login([HELLO, capa("XOAUTH2", "OAUTHBEARER"), OK, AGAIN])
    await login.open(token="t0ken")
    message = base64.b64encode(b"n,a=tim,\x01host=pop.example\x01port=110\x01auth=Bearer t0ken\x01\x01")
    assert login.sent[0][1] == b"AUTH OAUTHBEARER " + message


@pytest.mark.parametrize(("method", "acknowledgement"), [("xoauth2", b""), ("oauthbearer", b"AQ==")])
async def test_what_the_server_says_about_a_token_is_told_in_words(
    method: str, acknowledgement: bytes
) -> None:
    complaint = base64.b64encode(b'{"status":"400","schemes":"Bearer","scope":"' + TOKEN.encode() + b'"}')
    login = Login([HELLO, capa(method.upper()), b"+ \r\n", b"+ " + complaint + b"\r\n", b"-ERR nope\r\n"])
    sentence = await login.fails(CredentialsRefused, token=TOKEN)
    assert sentence.endswith("was refused: nope (status 400, scope ****, schemes Bearer).")
    assert login.sent[0][-1] == acknowledgement


@pytest.mark.parametrize(("method", "answers"), [("user", [OK, OK, OK]), ("apop", [OK, OK])])
async def test_utf8_is_agreed_upon_where_the_name_needs_it_and_the_server_has_it(
    method: str, answers: list[bytes]
) -> None:
    login = Login([HELLO, b"+OK\r\nUSER\r\nUTF8 USER\r\n.\r\n", *answers, AGAIN])
    await login.open(method, username="jürgen")
    assert login.sent[0][1] == b"UTF8"
    assert "jürgen".encode() in login.sent[0][2]


async def test_utf8_is_not_asked_for_where_ascii_will_do_or_the_server_lacks_it() -> None:
    for username, offer in (("tim", b"+OK\r\nUTF8\r\n.\r\n"), ("jürgen", capa("USER"))):
        login = Login([HELLO, offer, OK, OK, AGAIN])
        await login.open("user", username=username)
        assert login.sent[0][1] == f"USER {username}".encode()


async def test_a_password_that_a_method_cannot_carry_is_left_to_the_next() -> None:
    login = Login([HELLO, capa("SCRAM-SHA-256", "PLAIN"), OK, AGAIN])
    assert (await login.open(password=CANARY + "\x07")).method == "plain"
    assert len(login.sent[0]) == 3


async def test_a_password_that_no_method_can_carry_is_told() -> None:
    login = Login([HELLO, capa("SCRAM-SHA-256")])
    assert "cannot be used with SCRAM-SHA-256" in await login.fails(SaslError, password=CANARY + "\x07")
    assert login.sent == [[b"CAPA"]]


async def test_a_server_that_agrees_to_scram_without_a_proof_gets_nothing_further() -> None:
    login = Login([HELLO, capa("SCRAM-SHA-1", "PLAIN"), OK])
    assert "without proving" in await login.fails(SaslError)
    assert len(login.sent[0]) == 2


@pytest.mark.parametrize("answers", [[ERR], [b"+ AA==\r\n"], []])
async def test_a_server_that_garbles_scram_gets_no_password_however_it_takes_the_end(
    answers: list[bytes],
) -> None:
    login = Login(
        [HELLO, capa("SCRAM-SHA-1", "PLAIN"), b"+ " + base64.b64encode(b"r=x,s=y,i=1") + b"\r\n", *answers]
    )
    await login.fails(SaslError)
    assert login.sent[0][2:] == [b"*"]


async def test_an_exchange_without_end_is_ended() -> None:
    login = Login([HELLO, capa("OAUTHBEARER"), *[b"+ \r\n"] * 20])
    await login.fails(SourceViolation, token=TOKEN)


async def test_ntlm_is_framed_as_exchange_does_it() -> None:
    challenge = base64.b64encode(
        bytes.fromhex(
            "4e544c4d53535000020000000c000c003800000033828ae20123456789abcdef000000000000000024002400"
            "4400000006007017000000" + "0f53006500720076006500720002000c0044006f006d00610069006e00"
            "01000c0053006500720076006500720000000000"
        )
    )
    login = Login([HELLO, capa("NTLM"), b"+ \r\n", b"+ " + challenge + b"\r\n", OK, AGAIN])
    mailbox = await login.open("ntlm", username="Domain\\User", password="Password")
    _, auth, negotiate, authenticate, _ = login.sent[0]
    assert auth == b"AUTH NTLM"
    assert base64.b64decode(negotiate).startswith(b"NTLMSSP\0\x01")
    assert base64.b64decode(authenticate).startswith(b"NTLMSSP\0\x03")
    assert mailbox.method == "ntlm"


async def test_what_was_sent_in_a_login_is_masked_where_the_server_repeats_it() -> None:
    echo = b"-ERR [AUTH] what is " + CRAM_ANSWER + b"?\r\n"
    login = Login([HELLO, capa("CRAM-MD5"), CRAM_CHALLENGE, echo])
    sentence = await login.fails(CredentialsRefused, password="tanstaaftanstaaf")
    assert "what is ****?" in sentence
    assert CRAM_ANSWER.decode() not in repr(login.shown)


async def test_a_challenge_that_repeats_the_password_is_masked_in_the_dialogue() -> None:
    echo = b"+ " + base64.b64encode(CANARY.encode()) + b"\r\n"
    await Login([HELLO, capa("PLAIN"), echo, ERR]).fails(SaslError)


async def test_the_default_methods_do_not_show_a_password_because_wanted_tls_is_missing() -> None:
    login = Login([HELLO, capa("PLAIN", "CRAM-MD5", "USER")])
    sentence = await login.fails(LoginMethodsExhausted, tls=Tls.WANTED)
    assert sentence.endswith(
        "switched on are the default ones, the server offers PLAIN, CRAM-MD5, USER; without TLS, methods "
        "that show the password or help to guess it must be switched on by name."
    )
    assert login.sent == [[b"CAPA"]]


async def test_a_server_that_says_nothing_is_not_said_to_offer_nothing() -> None:
    login = Login([HELLO, ERR, ERR, ERR])
    assert "what it does not say" in await login.fails(LoginMethodsExhausted, tls=Tls.WANTED)


@pytest.mark.parametrize("tls", [Tls.WANTED, Tls.REQUIRED])
async def test_another_certificate_than_the_pinned_one_is_never_followed_by_clear(tls: Tls) -> None:
    login = Login([HELLO, TLS_PLEASE, OK])
    login.wires[0]._tls_error = CertificateNotPinned("other")
    await login.fails(TlsFailed, "plain", tls=tls)
    assert login.sent == [[b"CAPA", b"STLS"]]


async def test_capabilities_are_those_after_the_login() -> None:
    after = b"+OK\r\nUIDL\r\nPIPELINING\r\n.\r\n"
    mailbox = await Login([HELLO, capa("PLAIN"), OK, after]).open()
    assert set(mailbox.capabilities.arguments) == {"UIDL", "PIPELINING"}


async def test_a_server_that_hangs_up_on_capa_after_the_login_is_not_asked_again() -> None:
    login = Login([HELLO, capa("LOGIN", "PLAIN"), OK], [HELLO, capa("LOGIN", "PLAIN"), OK])
    mailbox = await login.open()
    assert len(login.sent[1]) == 2
    assert "SASL" in mailbox.capabilities
