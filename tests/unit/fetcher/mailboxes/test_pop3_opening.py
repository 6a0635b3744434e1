from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence

import pytest
from typing_extensions import override

from services.fetcher.mailboxes.pop3 import Pop3Mailbox
from services.fetcher.mailboxes.pop3_opening import open_pop3
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import MailferryError
from shared.model.mailbox import Listed
from shared.model.source_errors import (
    CredentialsRefused,
    EncryptionMissing,
    LoginMethodsExhausted,
    MailboxLocked,
    SourceRefused,
    SourceViolation,
)
from shared.net.errors import ConnectionLost, InactivityTimeout, TlsFailed, TlsInjection
from shared.pop3.limits import Options, Timeouts
from tests.fakes.scripted import ScriptedWire

HOST = "pop.example"
PLAIN = base64.b64encode(b"\0bob\0hunter2")
HELLO = b"+OK hello\r\n"
CAPA = b"+OK\r\nUSER\r\nUIDL\r\nSASL PLAIN\r\nSTLS\r\n.\r\n"
ERR = b"-ERR no\r\n"
NO_NEWS = ERR  # the answer to CAPA after the login
OK = b"+OK\r\n"
DEFAULT = Options()


class Script:
    """Wires for the connections that are made, in order; remembers what was shown."""

    def __init__(self, *wires: ScriptedWire) -> None:
        self.wires = wires
        self.dialled = 0
        self.shown: list[str] = []

    async def dial(self, endpoint: Endpoint, timeouts: Timeouts) -> ScriptedWire:
        self.dialled += 1
        return self.wires[self.dialled - 1]

    async def open(
        self, tls: Tls = Tls.OFF, auth: Sequence[str] = ("plain", "user"), options: Options = DEFAULT
    ) -> Pop3Mailbox:
        return await open_pop3(
            Endpoint(HOST, 110, tls),
            "bob",
            "hunter2",
            auth=auth,
            options=options,
            dialogue=lambda who, line: self.shown.append(f"{who}: {line}"),
            dialled=self.dial,
        )


async def fails(script: Script, kind: type[MailferryError], tls: Tls = Tls.OFF) -> str:
    with pytest.raises(kind) as caught:
        await script.open(tls)
    assert "hunter2" not in str(caught.value) + repr(script.shown)
    assert all(wire.ended == "aborted" for wire in script.wires)
    return str(caught.value)


async def test_plain_goes_out_with_auth_where_the_server_offers_it() -> None:
    wire = ScriptedWire([HELLO, CAPA, OK, NO_NEWS])
    mailbox = await Script(wire).open()
    assert wire.sent == b"CAPA\r\nAUTH PLAIN " + PLAIN + b"\r\nCAPA\r\n"
    assert "UIDL" in mailbox.capabilities
    assert mailbox.method == "plain"


async def test_plain_waits_for_the_challenge_where_the_initial_response_is_switched_off() -> None:
    wire = ScriptedWire([HELLO, CAPA, b"+ \r\n", OK, NO_NEWS])
    await Script(wire).open(options=Options(initial_response=False))
    assert wire.sent == b"CAPA\r\nAUTH PLAIN\r\n" + PLAIN + b"\r\nCAPA\r\n"


async def test_a_long_initial_response_gets_a_line_of_its_own() -> None:
    wire = ScriptedWire([HELLO, CAPA, b"+ \r\n", OK, NO_NEWS])
    password = "x" * 300
    await open_pop3(Endpoint(HOST, 110), "bob", password, auth=["plain"], dialled=Script(wire).dial)
    message = base64.b64encode(b"\0bob\0" + password.encode())
    assert wire.sent == b"CAPA\r\nAUTH PLAIN\r\n" + message + b"\r\nCAPA\r\n"


async def test_login_answers_two_challenges() -> None:
    wire = ScriptedWire([HELLO, b"+OK\r\nSASL LOGIN\r\n.\r\n", b"+ VXNlcjo=\r\n", b"+ UGFzczo=\r\n", OK, ERR])
    await Script(wire).open(auth=["login"])
    assert wire.sent == b"CAPA\r\nAUTH LOGIN\r\nYm9i\r\naHVudGVyMg==\r\nCAPA\r\n"


async def test_a_server_without_capa_is_logged_in_to_with_user_and_pass() -> None:
    wire = ScriptedWire([HELLO, ERR, ERR, OK, OK])
    await Script(wire).open(auth=["user"])
    assert wire.sent == b"CAPA\r\nAUTH\r\nUSER bob\r\nPASS hunter2\r\n"


async def test_capa_is_not_sent_where_it_is_switched_off() -> None:
    wire = ScriptedWire([HELLO, OK, OK])
    await Script(wire).open(auth=["user"], options=Options(detect=()))
    assert wire.sent == b"USER bob\r\nPASS hunter2\r\n"


async def test_a_server_that_hangs_up_on_capa_is_dialled_again_without() -> None:
    script = Script(ScriptedWire([HELLO]), ScriptedWire([HELLO, ERR, OK, OK]))
    await script.open(auth=["user"])
    assert [wire.sent for wire in script.wires] == [b"CAPA\r\n", b"AUTH\r\nUSER bob\r\nPASS hunter2\r\n"]


async def test_a_server_that_hangs_up_on_a_method_is_dialled_again_for_the_next() -> None:
    script = Script(ScriptedWire([HELLO, CAPA]), ScriptedWire([HELLO, CAPA, OK, OK, NO_NEWS]))
    mailbox = await script.open()
    assert script.wires[1].sent == b"CAPA\r\nUSER bob\r\nPASS hunter2\r\nCAPA\r\n"
    assert mailbox.method == "user"


async def test_a_server_that_always_hangs_up_is_given_up() -> None:
    script = Script(ScriptedWire([HELLO, CAPA]), ScriptedWire([HELLO, CAPA]))
    sentence = await fails(script, ConnectionLost)
    assert sentence.startswith("Logging in to pop.example:110 as bob with USER failed: ")


async def test_a_method_that_is_refused_without_a_reason_is_followed_by_the_next() -> None:
    wire = ScriptedWire([HELLO, CAPA, ERR, OK, OK, NO_NEWS])
    await Script(wire).open()
    assert wire.sent.endswith(b"USER bob\r\nPASS hunter2\r\nCAPA\r\n")


async def test_a_definitely_wrong_password_is_sent_only_once() -> None:
    wire = ScriptedWire([HELLO, CAPA, b"-ERR [AUTH] wrong\r\n"])
    sentence = await fails(Script(wire), CredentialsRefused)
    assert wire.sent.count(b"\r\n") == 2
    assert sentence == "Logging in to pop.example:110 as bob with PLAIN was refused: [AUTH] wrong."


async def test_a_locked_mailbox_is_no_wrong_password() -> None:
    await fails(Script(ScriptedWire([HELLO, CAPA, b"-ERR [IN-USE] busy\r\n"])), MailboxLocked)


async def test_a_greeting_that_turns_us_away_is_temporary() -> None:
    sentence = await fails(Script(ScriptedWire([b"-ERR [SYS/TEMP] closed for today\r\n"])), SourceRefused)
    assert sentence == "Opening a session with pop.example:110 was refused: [SYS/TEMP] closed for today."


async def test_an_http_server_is_no_pop3_server() -> None:
    assert "HTTP/1.1" in await fails(Script(ScriptedWire([b"HTTP/1.1 400 Bad\r\n\r\n"])), SourceViolation)


async def test_methods_that_the_server_does_not_offer_are_not_used() -> None:
    wire = ScriptedWire([HELLO, b"+OK\r\nSASL CRAM-MD5\r\n.\r\n"])
    sentence = await fails(Script(wire), LoginMethodsExhausted)
    assert "plain, user" in sentence
    assert "CRAM-MD5" in sentence
    assert wire.sent == b"CAPA\r\n"


@pytest.mark.parametrize("tls", [Tls.WANTED, Tls.REQUIRED])
async def test_what_was_learnt_before_tls_is_forgotten(tls: Tls) -> None:
    pipelined = b"+OK\r\nUSER\r\nPIPELINING\r\n.\r\n"
    wire = ScriptedWire([HELLO, CAPA, OK, pipelined, OK, OK, NO_NEWS + LISTED])
    mailbox = await Script(wire).open(tls)
    assert wire.is_tls
    assert wire.sent.startswith(b"CAPA\r\nSTLS\r\nCAPA\r\nUSER bob\r\nPASS hunter2\r\nCAPA\r\n")
    assert set(mailbox.capabilities.arguments) == {"USER", "PIPELINING"}


@pytest.mark.parametrize(
    ("script", "sent"),
    [
        ([HELLO, b"+OK\r\nUSER\r\n.\r\n"], b"CAPA\r\n"),
        ([HELLO, CAPA, ERR], b"CAPA\r\nSTLS\r\n"),
        ([HELLO, ERR, ERR], b"CAPA\r\nSTLS\r\n"),
    ],
)
async def test_where_tls_is_required_and_missing_nothing_more_is_said(
    script: list[bytes], sent: bytes
) -> None:
    wire = ScriptedWire(script)
    assert "pop.example:110 does not offer STLS" in await fails(Script(wire), EncryptionMissing, Tls.REQUIRED)
    assert wire.sent == sent


async def test_where_tls_is_wanted_and_missing_the_login_goes_on_in_clear() -> None:
    wire = ScriptedWire([HELLO, b"+OK\r\nUSER\r\n.\r\n", OK, OK, NO_NEWS])
    await Script(wire).open(Tls.WANTED)
    assert wire.sent == b"CAPA\r\nUSER bob\r\nPASS hunter2\r\nCAPA\r\n"


async def test_where_tls_is_wanted_and_fails_a_new_connection_goes_on_in_clear() -> None:
    broken = ScriptedWire([HELLO, CAPA, OK], tls_error=TlsFailed("no handshake"))
    script = Script(broken, ScriptedWire([HELLO, CAPA, OK, NO_NEWS]))
    await script.open(Tls.WANTED)
    assert broken.sent == b"CAPA\r\nSTLS\r\n"
    assert script.wires[1].sent == b"CAPA\r\nAUTH PLAIN " + PLAIN + b"\r\nCAPA\r\n"


async def test_where_tls_is_required_and_fails_nothing_is_tried_in_clear() -> None:
    wire = ScriptedWire([HELLO, CAPA, OK], tls_error=TlsFailed("no handshake"))
    await fails(Script(wire), TlsFailed, Tls.REQUIRED)


@pytest.mark.parametrize("tls", [Tls.WANTED, Tls.REQUIRED])
async def test_an_injection_at_the_switch_to_tls_is_never_followed_by_clear(tls: Tls) -> None:
    await fails(Script(ScriptedWire([HELLO, CAPA, b"+OK\r\n+OK injected\r\n"])), SourceViolation, tls)
    attacked = ScriptedWire([HELLO, CAPA, OK], tls_error=TlsInjection("bytes"))
    await fails(Script(attacked), TlsInjection, tls)


async def test_an_endpoint_with_implicit_tls_never_gets_credentials_in_clear() -> None:
    wire = ScriptedWire([HELLO, CAPA])
    await fails(Script(wire), EncryptionMissing, Tls.IMPLICIT)
    assert wire.sent == b"CAPA\r\n"


async def test_the_dialogue_shows_everything_but_secrets() -> None:
    wire = ScriptedWire(
        [HELLO, CAPA, b"-ERR what is AUTH PLAIN " + PLAIN + b"\r\n", OK, b"-ERR hunter2 is bad\r\n"]
    )
    script = Script(wire)
    sentence = await fails(script, CredentialsRefused)
    assert sentence == "Logging in to pop.example:110 as bob with USER was refused: **** is bad."
    assert script.shown == [
        "S: +OK hello",
        "C: CAPA",
        *(f"S: {line}" for line in ("+OK", "USER", "UIDL", "SASL PLAIN", "STLS", ".")),
        "C: AUTH PLAIN ****",
        "S: -ERR what is AUTH PLAIN ****",
        "C: USER bob",
        "S: +OK",
        "C: PASS ****",
        "S: -ERR **** is bad",
    ]


async def test_the_login_has_a_deadline_of_its_own() -> None:
    wire = ScriptedWire([HELLO, CAPA, OK, NO_NEWS])
    await Script(wire).open(options=Options(timeouts=Timeouts(login=7, session=None)))
    assert wire.deadlines == [7, None]


PIPELINED = b"+OK\r\nUSER\r\nUIDL\r\nPIPELINING\r\n.\r\n"
LISTED = b"+OK 1 5\r\n+OK\r\n1 5\r\n.\r\n+OK\r\n1 a\r\n.\r\n"
LISTED_ONE_BY_ONE = (b"+OK\r\n1 5\r\n.\r\n", b"+OK\r\n1 a\r\n.\r\n")
LISTING = b"STAT\r\nLIST\r\nUIDL\r\n"


async def test_where_the_server_pipelines_the_listing_is_asked_for_with_the_login() -> None:
    wire = ScriptedWire([HELLO, PIPELINED, OK, OK, PIPELINED + LISTED])
    mailbox = await Script(wire).open(auth=("user",))
    sent = wire.sent

    listing = await mailbox.listing()

    assert sent.endswith(b"PASS hunter2\r\nCAPA\r\n" + LISTING)
    assert [each.uid for each in listing.entries] == ["a"]
    assert wire.sent == sent


async def test_a_second_listing_is_asked_for_anew() -> None:
    wire = ScriptedWire([HELLO, PIPELINED, OK, OK, PIPELINED + LISTED, LISTED])
    mailbox = await Script(wire).open(auth=("user",))

    first, second = await mailbox.listing(), await mailbox.listing()

    assert first == second
    assert wire.sent.count(LISTING) == 2


async def test_what_is_asked_before_the_listing_does_not_lose_it() -> None:
    wire = ScriptedWire([HELLO, PIPELINED, OK, OK, PIPELINED + LISTED, OK])
    mailbox = await Script(wire).open(auth=("user",))

    await mailbox.delete([Listed("a", 1, 10)])

    assert [each.uid for each in (await mailbox.listing()).entries] == ["a"]


async def test_a_server_that_forgets_to_pipeline_once_somebody_is_logged_in_is_asked_one_by_one() -> None:
    capa_alone = [HELLO, PIPELINED, OK, OK, CAPA]
    wires = ScriptedWire(capa_alone), ScriptedWire([*capa_alone, b"+OK 1 5\r\n", *LISTED_ONE_BY_ONE])
    script = Script(*wires)
    mailbox = await script.open(auth=("user",))

    listing = await mailbox.listing()

    assert [each.uid for each in listing.entries] == ["a"]
    assert wires[0].sent.endswith(b"CAPA\r\n" + LISTING)
    assert wires[1].sent.endswith(b"CAPA\r\n" + LISTING)
    assert any("went on without" in problem for problem in listing.problems)


async def test_a_server_that_hangs_up_on_a_listing_with_capa_is_asked_for_each_by_itself() -> None:
    wires = (
        ScriptedWire([HELLO, PIPELINED, OK, OK]),
        ScriptedWire([HELLO, PIPELINED, OK, OK, PIPELINED, LISTED]),
    )
    mailbox = await Script(*wires).open(auth=("user",))

    assert [each.uid for each in (await mailbox.listing()).entries] == ["a"]
    assert wires[1].sent.count(b"CAPA\r\n") == 2


async def test_a_listing_asked_for_with_the_login_is_read_though_nothing_is_pipelined_any_more() -> None:
    wire = ScriptedWire([HELLO, PIPELINED, OK, OK, CAPA + LISTED])
    mailbox = await Script(wire).open(auth=("user",))

    assert [each.uid for each in (await mailbox.listing()).entries] == ["a"]


async def test_a_server_that_refuses_capa_after_the_login_is_listed_all_the_same() -> None:
    wire = ScriptedWire([HELLO, PIPELINED, OK, OK, ERR + LISTED])
    mailbox = await Script(wire).open(auth=("user",))

    assert [each.uid for each in (await mailbox.listing()).entries] == ["a"]


async def test_where_pipelining_is_switched_off_nothing_is_asked_for_ahead() -> None:
    wire = ScriptedWire([HELLO, PIPELINED, OK, OK, PIPELINED])
    await Script(wire).open(auth=("user",), options=Options(pipelining=False))

    assert wire.sent.endswith(b"PASS hunter2\r\nCAPA\r\n")


class SilentWire(ScriptedWire):
    """A server that says what is scripted, and then nothing for ever."""

    @override
    async def read(self) -> bytes:
        if not self._script:
            await asyncio.Event().wait()
        return await super().read()


@pytest.mark.parametrize("said", [[], [b"+O"]])
async def test_waiting_for_the_greeting_is_bounded_by_the_connect_timeout(said: list[bytes]) -> None:
    script = Script(SilentWire(said))
    with pytest.raises(InactivityTimeout, match=r"did not greet within 0\.02 seconds"):
        await script.open(options=Options(timeouts=Timeouts(connect=0.02, inactivity=3600.0)))
    assert script.wires[0].ended == "aborted"
