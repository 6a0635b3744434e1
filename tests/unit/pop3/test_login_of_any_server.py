"""Whatever a server says, a login ends, in an error that can be shown, and keeps its secrets."""

from __future__ import annotations

import asyncio
import base64

from hypothesis import given, settings
from hypothesis import strategies as st

from services.fetcher.mailboxes.pop3_opening import open_pop3
from shared.model.authentication import BY_NAME, METHODS, Exposure
from shared.model.endpoint import Endpoint, Tls
from shared.model.errors import MailferryError
from tests.fakes.scripted import ScriptedWire

CANARY = "canary-hunter2"
NAMES = " ".join(method.name.upper() for method in METHODS)
GREETING = b"+OK ready <1.2@host>\r\n"
OFFER = f"+OK\r\nSASL {NAMES}\r\nUSER\r\nSTLS\r\nUTF8\r\n.\r\n".encode()
LINES = st.sampled_from(
    [
        GREETING,
        b"+OK\r\n",
        b"-ERR no\r\n",
        b"-ERR Authentication failed.\r\n",
        b"-ERR [AUTH] what is " + CANARY.encode() + b"\r\n",
        b"-ERR mailbox is locked\r\n",
        b"+ \r\n",
        b"+ " + base64.b64encode(b"<1.2@host>") + b"\r\n",
        b"+ " + base64.b64encode(CANARY.encode()) + b"\r\n",
        b"+ " + base64.b64encode(b"e=other-error") + b"\r\n",
        OFFER,
        b"+OK\r\nSASL LOGIN PLAIN\r\nUSER\r\n.\r\n",
        b"+OK\r\nTOP\r\n.\r\n",
        b"what?\r\n",
    ]
)
SCRIPTS = st.lists(
    st.lists(LINES, max_size=8).map(lambda lines: [GREETING, OFFER, *lines])
    | st.lists(LINES, max_size=8).map(lambda lines: [GREETING, *lines])
    | st.lists(LINES, max_size=8),
    max_size=6,
)
AUTH = st.lists(st.sampled_from([method.name for method in METHODS]), unique=True, max_size=4)
MOST_CONNECTIONS = len(METHODS) + len(("CAPA", "AUTH", "STLS", "CAPA again"))


class AnyServer:
    """Plays one script for each connection, and hangs up at once when there are no more."""

    def __init__(self, scripts: list[list[bytes]]) -> None:
        self._left = [ScriptedWire(script) for script in scripts]
        self.wires: list[ScriptedWire] = []
        self.shown: list[str] = []

    async def dial(self, *_: object) -> ScriptedWire:
        self.wires.append(self._left.pop(0) if self._left else ScriptedWire([b"+OK ready\r\n"]))
        return self.wires[-1]

    def outcome(self, tls: Tls, auth: list[str], *, token: bool) -> str:
        return asyncio.run(self._outcome(tls, auth, token))

    async def _outcome(self, tls: Tls, auth: list[str], token: bool) -> str:
        try:
            mailbox = await open_pop3(
                Endpoint("pop.example", 110, tls),
                "bob",
                "" if token else CANARY,
                token=CANARY if token else "",
                auth=auth,
                dialogue=lambda who, line: self.shown.append(line),
                dialled=self.dial,
            )
        except MailferryError as error:
            return str(error)
        return mailbox.method

    @property
    def in_clear(self) -> list[bytes]:
        """The words that were sent without TLS, base64 decoded where it is base64."""
        lines = [line for wire in self.wires for line in wire.sent_in_clear.split(b"\r\n")]
        return [part for line in lines for word in line.split(b" ") for part in (word, _decoded(word))]


def _decoded(word: bytes) -> bytes:
    try:
        return base64.b64decode(word, validate=True)
    except ValueError:
        return b""


@given(SCRIPTS, AUTH, st.sampled_from(list(Tls)), st.booleans())
@settings(deadline=None)
def test_a_login_ends_and_shows_no_secret(
    scripts: list[list[bytes]], auth: list[str], tls: Tls, token: bool
) -> None:
    server = AnyServer(scripts)
    outcome = server.outcome(tls, auth, token=token)
    assert CANARY not in outcome + repr(server.shown)
    assert len(server.wires) <= MOST_CONNECTIONS


@given(SCRIPTS, AUTH, st.sampled_from([Tls.WANTED, Tls.REQUIRED, Tls.IMPLICIT]), st.booleans())
@settings(deadline=None)
def test_a_secret_goes_out_in_clear_only_where_the_account_says_so(
    scripts: list[list[bytes]], auth: list[str], tls: Tls, token: bool
) -> None:
    server = AnyServer(scripts)
    server.outcome(tls, auth, token=token)
    said_so = tls is Tls.WANTED and any(BY_NAME[name].exposure is Exposure.SECRET for name in auth)
    assert said_so or not any(CANARY.encode() in part for part in server.in_clear)
