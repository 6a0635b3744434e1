from __future__ import annotations

from collections.abc import Sequence

import pytest

from shared.imap.commands import examine
from shared.imap.conversation import Conversation
from shared.imap.events import Selected
from shared.imap.limits import Limits, Options
from shared.imap.login import LoggedIn, log_in_after_greeting, login_plan
from shared.model.endpoint import Endpoint, Tls
from shared.model.source_errors import (
    CredentialsRefused,
    EncryptionMissing,
    LoginMethodsExhausted,
    LoginTooSoon,
    SourceViolation,
)
from shared.net.errors import ConnectionLost, NetworkError
from shared.net.login.credentials import Credentials, masker
from shared.net.login.plan import TryWithout
from tests.unit.imap.sessions import SERVER, Dialogue, ImapScript

BOB = Credentials("bob", "geheim-canary")
TOKEN = Credentials("bob", "", "token-canary")
PLAIN = "AUTHENTICATE PLAIN AGJvYgBnZWhlaW0tY2FuYXJ5"


def endpoint(tls: Tls) -> Endpoint:
    return Endpoint("imap.example", 143, tls)


class Attempt:
    """One login by script; `tls` is what the account wants."""

    def __init__(self, *reads: bytes | NetworkError, tls: Tls = Tls.IMPLICIT) -> None:
        self.stream = ImapScript(*reads)
        self.stream.is_tls = tls is Tls.IMPLICIT
        self.dialogue = Dialogue()
        self.endpoint = endpoint(tls)
        self.conversation: Conversation | None = None

    async def log_in(
        self,
        auth: Sequence[str] = (),
        credentials: Credentials = BOB,
        options: Options | None = None,
    ) -> LoggedIn:
        self.conversation = conversation = Conversation(
            self.stream,
            SERVER,
            Limits(),
            tls_required=self.endpoint.tls is Tls.REQUIRED,
            masker=masker(credentials),
            dialogue=self.dialogue,
        )
        greeting = await conversation.read_greeting()
        plan = login_plan(auth, options or Options())
        return await log_in_after_greeting(
            conversation, self.endpoint, credentials, greeting, plan, examine(b"INBOX")
        )


def announcing(*names: str) -> bytes:
    return b"* OK [CAPABILITY %s] hello\r\n" % " ".join(("IMAP4rev1", *names)).encode()


async def test_the_greetings_capabilities_save_a_question() -> None:
    attempt = Attempt(announcing("AUTH=PLAIN", "SASL-IR"), b"$1 OK [CAPABILITY IMAP4rev1 UIDPLUS] in\r\n")
    logged_in = await attempt.log_in()
    assert attempt.stream.said == [PLAIN]
    assert (logged_in.method, "UIDPLUS" in logged_in.capabilities) == ("plain", True)


async def test_what_the_server_does_not_say_it_is_asked_for_before_and_after_the_login() -> None:
    attempt = Attempt(
        b"* OK hello\r\n",
        b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n$1 OK\r\n",
        b"+ \r\n",
        b"$2 OK in\r\n",
        b"* CAPABILITY IMAP4rev1 MOVE\r\n$3 OK\r\n",
    )
    logged_in = await attempt.log_in()
    assert attempt.stream.said == [
        "CAPABILITY",
        "AUTHENTICATE PLAIN",
        "AGJvYgBnZWhlaW0tY2FuYXJ5",
        "CAPABILITY",
    ]
    assert "MOVE" in logged_in.capabilities


async def test_a_first_message_that_is_too_long_for_the_line_goes_on_one_of_its_own() -> None:
    long = Credentials("bob", "p" * 8000)
    attempt = Attempt(announcing("AUTH=PLAIN", "SASL-IR"), b"+\r\n", b"$1 OK [CAPABILITY X] in\r\n")
    await attempt.log_in(credentials=long)
    assert attempt.stream.said[0] == "AUTHENTICATE PLAIN"


async def test_user_in_the_configuration_is_the_command_login() -> None:
    attempt = Attempt(announcing("AUTH=PLAIN"), b"$1 OK [CAPABILITY X] in\r\n")
    assert (await attempt.log_in(auth=["user"])).method == "user"
    assert attempt.stream.said == ['LOGIN "bob" "geheim-canary"']


async def test_login_is_used_where_no_mechanism_is_announced() -> None:
    attempt = Attempt(announcing(), b"$1 OK [CAPABILITY X] in\r\n")
    assert (await attempt.log_in()).method == "user"


async def test_login_is_not_used_where_the_server_has_switched_it_off() -> None:
    attempt = Attempt(announcing("LOGINDISABLED"))
    with pytest.raises(LoginMethodsExhausted):
        await attempt.log_in(auth=["user"])
    assert attempt.stream.said == []


async def test_login_is_not_used_where_the_account_names_other_methods() -> None:
    attempt = Attempt(announcing())
    with pytest.raises(LoginMethodsExhausted):
        await attempt.log_in(auth=["plain"])
    assert attempt.stream.said == []


@pytest.mark.parametrize(
    ("method", "answer"),
    [("xoauth2", ""), ("oauthbearer", "AQ==")],
)
async def test_the_complaint_about_a_token_is_acknowledged_so_that_the_refusal_follows(
    method: str, answer: str
) -> None:
    complaint = b"+ eyJzdGF0dXMiOiI0MDAiLCJzY2hlbWVzIjoiQmVhcmVyIn0=\r\n"
    attempt = Attempt(
        announcing(f"AUTH={method.upper()}", "SASL-IR"),
        complaint,
        b"$1 NO [AUTHENTICATIONFAILED] bad token\r\n",
    )
    with pytest.raises(CredentialsRefused, match="status 400"):
        await attempt.log_in(auth=[method], credentials=TOKEN)
    assert attempt.stream.said[1:] == [answer]
    assert "canary" not in "".join(attempt.dialogue.lines)


async def test_an_exchange_that_we_break_off_is_refused_in_good_order() -> None:
    attempt = Attempt(
        announcing("AUTH=SCRAM-SHA-256", "SASL-IR"), b"+ bm9uc2Vuc2U=\r\n", b"$1 BAD cancelled\r\n"
    )
    with pytest.raises(Exception, match="SCRAM"):
        await attempt.log_in(auth=["scram-sha-256"])
    assert attempt.stream.said[1:] == ["*"]


async def test_a_client_introduces_itself_and_takes_utf8_in_one_flight() -> None:
    attempt = Attempt(
        announcing("AUTH=PLAIN", "SASL-IR"),
        b"$1 OK [CAPABILITY IMAP4rev1 ID ENABLE UTF8=ACCEPT] in\r\n",
        b'* ID ("name" "Server")\r\n$2 OK\r\n* ENABLED UTF8=ACCEPT\r\n$3 OK\r\n',
    )
    await attempt.log_in()
    assert attempt.stream.said[1:] == ['ID ("name" "Mailferry")', "ENABLE UTF8=ACCEPT"]
    assert len(attempt.stream.writes) == 2


@pytest.mark.parametrize(
    ("announced", "enabled"),
    [
        (b"UIDONLY MESSAGELIMIT=1000", "ENABLE UIDONLY"),
        (b"UIDONLY MESSAGELIMIT=1000 UTF8=ACCEPT", "ENABLE UTF8=ACCEPT UIDONLY"),
        (b"UIDONLY UTF8=ACCEPT", "ENABLE UTF8=ACCEPT"),
    ],
)
async def test_where_a_server_limits_its_answers_mails_are_named_by_uid_alone(
    announced: bytes, enabled: str
) -> None:
    attempt = Attempt(
        announcing("AUTH=PLAIN", "SASL-IR"),
        b"$1 OK [CAPABILITY IMAP4rev1 ENABLE %s] in\r\n" % announced,
        b"* ENABLED UIDONLY UTF8=ACCEPT\r\n$2 OK\r\n",
    )
    await attempt.log_in()
    assert attempt.stream.said[1:] == [enabled]


async def test_a_refused_introduction_costs_nothing() -> None:
    attempt = Attempt(
        announcing("AUTH=PLAIN", "SASL-IR"),
        b"$1 OK [CAPABILITY ID] in\r\n",
        b"$2 BAD what\r\n* 3 EXISTS\r\n$3 OK\r\n",
    )
    logged_in = await attempt.log_in()
    assert logged_in.method == "plain"
    assert any(isinstance(event, Selected) and event.exists == 3 for event in logged_in.ahead)


async def test_the_first_folder_is_opened_together_with_the_introduction() -> None:
    attempt = Attempt(
        announcing("AUTH=PLAIN", "SASL-IR"),
        b"$1 OK [CAPABILITY ID] in\r\n",
        b"* ID NIL\r\n$2 OK\r\n* 3 EXISTS\r\n$3 OK\r\n",
    )
    logged_in = await attempt.log_in()
    assert attempt.stream.said[1:] == ['ID ("name" "Mailferry")', 'EXAMINE "INBOX"']
    assert len(attempt.stream.writes) == 2
    assert logged_in.ahead


async def test_without_an_introduction_nothing_is_sent_ahead() -> None:
    attempt = Attempt(announcing("AUTH=PLAIN", "SASL-IR"), b"$1 OK [CAPABILITY X] in\r\n")
    assert (await attempt.log_in()).ahead == ()
    assert attempt.stream.said == [PLAIN]


async def test_a_server_that_hangs_up_on_an_introduction_gets_none_on_the_next_connection() -> None:
    attempt = Attempt(
        announcing("AUTH=PLAIN", "SASL-IR"),
        b"$1 OK [CAPABILITY ID UTF8=ACCEPT] in\r\n",
        ConnectionLost("gone"),
    )
    with pytest.raises(TryWithout) as caught:
        await attempt.log_in()
    assert caught.value.plan.steps == frozenset()
    assert caught.value.plan.preferred == "plain"


async def test_tls_is_started_and_what_was_said_before_is_forgotten() -> None:
    attempt = Attempt(
        announcing("STARTTLS", "LOGINDISABLED"),
        b"$1 OK begin\r\n",
        b"* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n$2 OK\r\n",
        b"$3 OK [CAPABILITY X] in\r\n",
        tls=Tls.REQUIRED,
    )
    await attempt.log_in()
    assert attempt.stream.is_tls
    assert attempt.stream.said == ["STARTTLS", "CAPABILITY", PLAIN]


@pytest.mark.parametrize("answer", [None, b"$1 NO not now\r\n", b"$1 BAD what\r\n"])
async def test_where_tls_is_required_and_missing_nothing_more_is_said(answer: bytes | None) -> None:
    attempt = Attempt(
        announcing("AUTH=PLAIN", *(["STARTTLS"] if answer else [])),
        *([answer] if answer else []),
        tls=Tls.REQUIRED,
    )
    with pytest.raises(EncryptionMissing):
        await attempt.log_in()
    assert attempt.stream.said == (["STARTTLS"] if answer else [])


async def test_where_tls_is_only_wanted_and_missing_only_a_named_method_is_used() -> None:
    attempt = Attempt(announcing("AUTH=PLAIN", "SASL-IR"), b"$1 OK [CAPABILITY X] in\r\n", tls=Tls.WANTED)
    await attempt.log_in(auth=["plain"])
    assert attempt.stream.said == [PLAIN]
    silent = Attempt(announcing("AUTH=PLAIN"), tls=Tls.WANTED)
    with pytest.raises(LoginMethodsExhausted):
        await silent.log_in()
    assert silent.stream.said == []


async def test_bytes_behind_the_consent_to_starttls_are_an_attack() -> None:
    attempt = Attempt(announcing("STARTTLS"), b"$1 OK begin\r\n* OK injected\r\n", tls=Tls.REQUIRED)
    with pytest.raises(SourceViolation, match="in clear behind its consent"):
        await attempt.log_in()
    assert attempt.stream.said == ["STARTTLS"]
    assert not attempt.stream.is_tls


async def test_preauth_where_tls_is_required_is_an_attack() -> None:
    attempt = Attempt(b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n", tls=Tls.REQUIRED)
    with pytest.raises(SourceViolation, match="before TLS was started"):
        await attempt.log_in()
    assert attempt.stream.said == []


async def test_whom_the_server_takes_for_somebody_need_not_log_in() -> None:
    attempt = Attempt(b"* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n")
    assert (await attempt.log_in()).method is None
    assert attempt.stream.said == []


async def test_a_server_that_turns_us_away_says_why() -> None:
    attempt = Attempt(b"* BYE [LIMIT] Too many connections\r\n")
    with pytest.raises(LoginTooSoon, match="Opening a session with imap"):
        await attempt.log_in()


async def test_a_wrong_password_is_not_tried_in_another_way() -> None:
    attempt = Attempt(
        announcing("AUTH=PLAIN", "AUTH=LOGIN", "SASL-IR"), b"$1 NO [AUTHENTICATIONFAILED] no\r\n"
    )
    with pytest.raises(CredentialsRefused) as caught:
        await attempt.log_in()
    assert attempt.stream.said == [PLAIN]
    assert "canary" not in str(caught.value)


async def test_a_server_that_says_nothing_about_itself_is_asked_to_log_in_by_login() -> None:
    attempt = Attempt(b"* OK hi\r\n", b"$1 BAD what\r\n", b"$2 OK in\r\n", b"$3 BAD what\r\n")
    assert (await attempt.log_in()).method == "user"
    assert attempt.stream.said[1] == 'LOGIN "bob" "geheim-canary"'


COMPRESSES = Options(compress=True)
OFFERS = b"$1 OK [CAPABILITY COMPRESS=DEFLATE] in\r\n"


async def test_the_session_is_compressed_only_where_that_is_wanted_and_offered() -> None:
    for options, offers in ((Options(), OFFERS), (COMPRESSES, b"$1 OK [CAPABILITY X] in\r\n")):
        attempt = Attempt(announcing("AUTH=PLAIN", "SASL-IR"), offers)
        await attempt.log_in(options=options)
        assert attempt.stream.said == [PLAIN]
    attempt = Attempt(announcing("AUTH=PLAIN", "SASL-IR"), OFFERS, b"$2 OK begin\r\n")
    await attempt.log_in(options=COMPRESSES)
    assert attempt.stream.said == [PLAIN, "COMPRESS DEFLATE"]
    assert attempt.dialogue.lines[-1] == "S: (compression begins)"


async def test_refused_compression_is_told_and_costs_nothing() -> None:
    attempt = Attempt(announcing("AUTH=PLAIN", "SASL-IR"), OFFERS, b"$2 NO not today\r\n")
    assert (await attempt.log_in(options=COMPRESSES)).method == "plain"
    assert attempt.conversation is not None
    assert attempt.conversation.alerts == [
        f"{SERVER} announces COMPRESS and refuses it: not today. The session is not compressed."
    ]


async def test_a_server_that_hangs_up_on_compression_is_not_asked_for_it_again() -> None:
    attempt = Attempt(announcing("AUTH=PLAIN", "SASL-IR"), OFFERS, ConnectionLost("gone"))
    with pytest.raises(TryWithout) as caught:
        await attempt.log_in(options=COMPRESSES)
    assert "compress" not in caught.value.plan.steps


async def test_refused_compression_is_remembered() -> None:
    attempt = Attempt(announcing("AUTH=PLAIN", "SASL-IR"), OFFERS, b"$2 NO not today\r\n")
    await attempt.log_in(options=COMPRESSES)
    assert attempt.conversation is not None
    assert attempt.conversation.refused.has(SERVER, "compress")
    plan = login_plan((), COMPRESSES, ["compress"])
    assert plan.steps == login_plan((), Options()).steps


async def test_refused_utf8_is_remembered_and_costs_nothing() -> None:
    attempt = Attempt(
        announcing("AUTH=PLAIN", "SASL-IR"),
        b"$1 OK [CAPABILITY ENABLE UTF8=ACCEPT] in\r\n",
        b"$2 BAD what\r\n",
    )
    assert (await attempt.log_in()).method == "plain"
    assert attempt.conversation is not None
    assert attempt.conversation.refused.has(SERVER, "enable")
