"""Every method of authentication that Debian's Dovecot has, with and without TLS."""

from __future__ import annotations

import hashlib
import ssl
import time
from collections.abc import Iterator

import pytest

from services.fetcher.mailboxes.pop3 import Pop3Mailbox
from services.fetcher.mailboxes.pop3_opening import open_pop3
from shared.model.endpoint import Endpoint, Tls
from shared.model.source_errors import CredentialsRefused
from shared.net.errors import CertificateNotPinned, TlsFailed
from shared.pop3.limits import Options
from tests.servers.available import require
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot, Login
from tests.servers.dovecot_tokens import token, token_config

BY_PASSWORD = ["scram-sha-256", "scram-sha-1", "cram-md5", "apop", "plain", "login", "user"]
BY_TOKEN = ["oauthbearer", "xoauth2"]
ANYTHING = "größe €=,%\"' canary"


@pytest.fixture(scope="module")
def dovecot_with_tokens() -> Iterator[Dovecot]:
    require("dovecot")
    with server_directory("dovecot") as directory:
        extra = token_config(directory, "plain login cram-md5 apop scram-sha-1 scram-sha-256")
        with Dovecot(directory, extra=extra) as server:
            yield server


def endpoint_of(dovecot: Dovecot, tls: Tls) -> Endpoint:
    port = dovecot.pop3s_port if tls is Tls.IMPLICIT else dovecot.pop3_port
    return Endpoint("localhost", port, tls, ca_file=str(dovecot.certificate.chain))


def pin_of(dovecot: Dovecot) -> str:
    der = ssl.PEM_cert_to_DER_cert(dovecot.certificate.chain.read_text())
    return "sha256:" + hashlib.sha256(der).hexdigest()


class Dialogue:
    """What was said, as an operator would see it."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, who: str, line: str) -> None:
        self.lines.append(f"{who}: {line}")

    def asked(self, *verbs: str) -> int:
        return sum(line.removeprefix("C: ").startswith(verbs) for line in self.lines if line[0] == "C")


async def logs_in(mailbox: Pop3Mailbox) -> str:
    assert (await mailbox.listing()).problems == ()
    await mailbox.finish()
    return mailbox.method


@pytest.mark.parametrize("tls", [Tls.OFF, Tls.REQUIRED, Tls.IMPLICIT])
@pytest.mark.parametrize("method", BY_PASSWORD)
async def test_every_method_by_password_logs_in(dovecot: Dovecot, method: str, tls: Tls) -> None:
    login, dialogue = dovecot.new_user(), Dialogue()
    endpoint = endpoint_of(dovecot, tls)
    mailbox = await open_pop3(endpoint, login.name, login.password, auth=[method], dialogue=dialogue)
    assert await logs_in(mailbox) == method
    assert login.password not in repr(dialogue.lines)


@pytest.mark.parametrize("method", BY_PASSWORD)
async def test_a_password_may_have_any_signs(dovecot: Dovecot, method: str) -> None:
    login = Login(f"any-{method}", ANYTHING)
    dovecot.add_user(login.name, login.password)
    dialogue = Dialogue()
    endpoint = endpoint_of(dovecot, Tls.REQUIRED)
    mailbox = await open_pop3(endpoint, login.name, login.password, auth=[method], dialogue=dialogue)
    assert await logs_in(mailbox) == method
    assert "canary" not in repr(dialogue.lines)


@pytest.mark.parametrize("method", BY_PASSWORD)
async def test_a_wrong_password_is_tried_once_and_told(dovecot: Dovecot, method: str) -> None:
    login, dialogue = dovecot.new_user(), Dialogue()
    with pytest.raises(CredentialsRefused, match=r"\[AUTH\]") as caught:
        await open_pop3(
            endpoint_of(dovecot, Tls.REQUIRED),
            login.name,
            "wrong-canary",
            auth=[method, "plain"] if method != "plain" else [method],
            dialogue=dialogue,
        )
    assert dialogue.asked("AUTH ", "APOP", "PASS") == 1
    assert "canary" not in str(caught.value) + repr(dialogue.lines)


async def test_by_default_the_most_secure_method_is_chosen(dovecot: Dovecot) -> None:
    login, dialogue = dovecot.new_user(), Dialogue()
    endpoint = endpoint_of(dovecot, Tls.REQUIRED)
    mailbox = await open_pop3(endpoint, login.name, login.password, dialogue=dialogue)
    assert await logs_in(mailbox) == "scram-sha-256"
    assert dialogue.asked("AUTH") == 1


async def test_the_method_that_worked_is_tried_first_next_time(dovecot: Dovecot) -> None:
    login, dialogue = dovecot.new_user(), Dialogue()
    mailbox = await open_pop3(
        endpoint_of(dovecot, Tls.REQUIRED),
        login.name,
        login.password,
        options=Options(preferred="login"),
        dialogue=dialogue,
    )
    assert await logs_in(mailbox) == "login"
    assert dialogue.asked("AUTH") == 1


async def test_without_capa_a_bare_auth_finds_the_methods(dovecot: Dovecot) -> None:
    login, dialogue = dovecot.new_user(), Dialogue()
    mailbox = await open_pop3(
        endpoint_of(dovecot, Tls.IMPLICIT),
        login.name,
        login.password,
        options=Options(detect=("auth",), pipelining=True),
        dialogue=dialogue,
    )
    assert await logs_in(mailbox) == "scram-sha-256"
    assert dialogue.asked("CAPA") == 0
    assert "S: SCRAM-SHA-256" in dialogue.lines


@pytest.mark.parametrize("method", BY_TOKEN)
async def test_every_method_by_token_logs_in(dovecot_with_tokens: Dovecot, method: str) -> None:
    login, dialogue = dovecot_with_tokens.new_user(), Dialogue()
    mailbox = await open_pop3(
        endpoint_of(dovecot_with_tokens, Tls.REQUIRED),
        login.name,
        "",
        token=token(login.name, time.time()),
        auth=[method],
        dialogue=dialogue,
    )
    assert await logs_in(mailbox) == method
    assert "eyJ" not in repr(dialogue.lines)


@pytest.mark.parametrize(
    ("method", "reason"), [("oauthbearer", "status invalid_token"), ("xoauth2", "status 401")]
)
async def test_a_forged_token_is_told_with_the_servers_reason(
    dovecot_with_tokens: Dovecot, method: str, reason: str
) -> None:
    login = dovecot_with_tokens.new_user()
    forged = token(login.name, time.time(), key=b"another key, which the server does not")
    with pytest.raises(CredentialsRefused, match=reason) as caught:
        await open_pop3(
            endpoint_of(dovecot_with_tokens, Tls.REQUIRED), login.name, "", token=forged, auth=[method]
        )
    assert "eyJ" not in str(caught.value)


@pytest.mark.parametrize("tls", [Tls.REQUIRED, Tls.IMPLICIT])
async def test_a_pinned_certificate_is_trusted_and_no_other(dovecot: Dovecot, tls: Tls) -> None:
    login = dovecot.new_user()
    port = endpoint_of(dovecot, tls).port
    right = Endpoint("127.0.0.1", port, tls, pin=pin_of(dovecot))
    mailbox = await open_pop3(right, login.name, login.password)
    assert await logs_in(mailbox) == "scram-sha-256"
    wrong = Endpoint("127.0.0.1", port, tls, pin="sha256:" + "00" * 32)
    with pytest.raises(CertificateNotPinned):
        await open_pop3(wrong, login.name, login.password)


async def test_a_certificate_without_an_authority_needs_the_opt_out_by_name(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    unknown = Endpoint("localhost", dovecot.pop3s_port, Tls.IMPLICIT)
    with pytest.raises(TlsFailed, match="not trusted"):
        await open_pop3(unknown, login.name, login.password)
    careless = Endpoint("localhost", dovecot.pop3s_port, Tls.IMPLICIT, verify=False)
    assert await logs_in(await open_pop3(careless, login.name, login.password)) == "scram-sha-256"


async def test_where_tls_is_wanted_an_untrusted_certificate_means_encrypted_and_unverified(
    dovecot: Dovecot,
) -> None:
    login, dialogue = dovecot.new_user(), Dialogue()
    endpoint = Endpoint("localhost", dovecot.pop3_port, Tls.WANTED)
    mailbox = await open_pop3(endpoint, login.name, login.password, dialogue=dialogue)
    (problem,) = (await mailbox.listing()).problems
    await mailbox.finish()
    assert "is not trusted" in problem
    assert "encrypted, but the server is not verified" in problem
    assert dialogue.asked("STLS") == 2
    assert "S: (TLS begins)" in dialogue.lines
