"""Every method of authentication that Debian's Dovecot has for IMAP, with and without TLS."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from services.fetcher.mailboxes.imap import ImapMailbox
from services.fetcher.mailboxes.imap_opening import open_imap
from shared.imap.limits import Options
from shared.model.endpoint import Endpoint, Tls
from shared.model.source_errors import CredentialsRefused
from shared.net.errors import CertificateNotPinned, TlsFailed
from tests.servers.available import require
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot, Login
from tests.servers.dovecot_tokens import token, token_config
from tests.unit.imap.sessions import Dialogue

BY_PASSWORD = ["scram-sha-256", "scram-sha-1", "cram-md5", "plain", "login", "user"]
BY_TOKEN = ["oauthbearer", "xoauth2"]
ANYTHING = "größe €=,%\"' canary"


@pytest.fixture(scope="module")
def dovecot_with_tokens() -> Iterator[Dovecot]:
    require("dovecot")
    with server_directory("dovecot") as directory:
        extra = token_config(directory, "plain login cram-md5 scram-sha-1 scram-sha-256")
        with Dovecot(directory, extra=extra) as server:
            yield server


def endpoint_of(dovecot: Dovecot, tls: Tls) -> Endpoint:
    port = dovecot.imaps_port if tls is Tls.IMPLICIT else dovecot.imap_port
    return Endpoint("localhost", port, tls, ca_file=str(dovecot.certificate.chain))


def asked(dialogue: Dialogue, *verbs: str) -> int:
    return sum(line.removeprefix("C: ").startswith(verbs) for line in dialogue.lines if line[0] == "C")


async def logs_in(mailbox: ImapMailbox) -> str | None:
    assert (await mailbox.listing()).problems == ()
    await mailbox.finish()
    return mailbox.method


@pytest.mark.parametrize("tls", [Tls.OFF, Tls.REQUIRED, Tls.IMPLICIT])
@pytest.mark.parametrize("method", BY_PASSWORD)
async def test_every_method_by_password_logs_in(dovecot: Dovecot, method: str, tls: Tls) -> None:
    login, dialogue = dovecot.new_user(), Dialogue()
    endpoint = endpoint_of(dovecot, tls)
    mailbox = await open_imap(endpoint, login.name, login.password, auth=[method], dialogue=dialogue)
    assert await logs_in(mailbox) == method
    assert login.password not in repr(dialogue.lines)


@pytest.mark.parametrize("method", BY_PASSWORD)
async def test_a_password_may_have_any_signs(dovecot: Dovecot, method: str) -> None:
    login = Login(f"any-imap-{method}", ANYTHING)
    dovecot.add_user(login.name, login.password)
    dialogue = Dialogue()
    endpoint = endpoint_of(dovecot, Tls.REQUIRED)
    mailbox = await open_imap(endpoint, login.name, login.password, auth=[method], dialogue=dialogue)
    assert await logs_in(mailbox) == method
    assert "canary" not in repr(dialogue.lines)


@pytest.mark.parametrize("method", BY_PASSWORD)
async def test_a_wrong_password_is_tried_once_and_told(dovecot: Dovecot, method: str) -> None:
    login, dialogue = dovecot.new_user(), Dialogue()
    with pytest.raises(CredentialsRefused, match=r"\[AUTHENTICATIONFAILED\]") as caught:
        await open_imap(
            endpoint_of(dovecot, Tls.REQUIRED),
            login.name,
            "wrong-canary",
            auth=[method, "plain"] if method != "plain" else [method],
            dialogue=dialogue,
        )
    assert asked(dialogue, "AUTHENTICATE ", "LOGIN ") == 1
    assert "canary" not in str(caught.value) + repr(dialogue.lines)


async def test_by_default_the_most_secure_method_is_chosen(dovecot: Dovecot) -> None:
    login, dialogue = dovecot.new_user(), Dialogue()
    endpoint = endpoint_of(dovecot, Tls.REQUIRED)
    mailbox = await open_imap(endpoint, login.name, login.password, dialogue=dialogue)
    assert await logs_in(mailbox) == "scram-sha-256"


async def test_the_method_that_worked_is_tried_first_next_time(dovecot: Dovecot) -> None:
    login, dialogue = dovecot.new_user(), Dialogue()
    mailbox = await open_imap(
        endpoint_of(dovecot, Tls.REQUIRED),
        login.name,
        login.password,
        options=Options(preferred="login"),
        dialogue=dialogue,
    )
    assert await logs_in(mailbox) == "login"
    assert asked(dialogue, "AUTHENTICATE") == 1


@pytest.mark.parametrize("method", BY_TOKEN)
async def test_every_method_by_token_logs_in(dovecot_with_tokens: Dovecot, method: str) -> None:
    login, dialogue = dovecot_with_tokens.new_user(), Dialogue()
    mailbox = await open_imap(
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
        await open_imap(
            endpoint_of(dovecot_with_tokens, Tls.REQUIRED), login.name, "", token=forged, auth=[method]
        )
    assert "eyJ" not in str(caught.value)


@pytest.mark.parametrize("tls", [Tls.REQUIRED, Tls.IMPLICIT])
async def test_no_other_certificate_than_the_pinned_one_is_trusted(dovecot: Dovecot, tls: Tls) -> None:
    login = dovecot.new_user()
    port = endpoint_of(dovecot, tls).port
    with pytest.raises(CertificateNotPinned):
        await open_imap(
            Endpoint("127.0.0.1", port, tls, pin="sha256:" + "00" * 32), login.name, login.password
        )


async def test_a_certificate_without_an_authority_is_not_trusted(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    unknown = Endpoint("localhost", dovecot.imaps_port, Tls.IMPLICIT)
    with pytest.raises(TlsFailed, match="not trusted"):
        await open_imap(unknown, login.name, login.password)


async def test_where_tls_is_wanted_an_untrusted_certificate_means_encrypted_and_unverified(
    dovecot: Dovecot,
) -> None:
    login, dialogue = dovecot.new_user(), Dialogue()
    endpoint = Endpoint("localhost", dovecot.imap_port, Tls.WANTED)
    mailbox = await open_imap(endpoint, login.name, login.password, dialogue=dialogue)
    (problem,) = (await mailbox.listing()).problems
    await mailbox.finish()
    assert "encrypted, but the server is not verified" in problem
    assert asked(dialogue, "STARTTLS") == 2
    assert "S: (TLS begins)" in dialogue.lines


async def test_a_pop3_port_is_told_to_be_one(dovecot: Dovecot) -> None:
    login = dovecot.new_user()
    with pytest.raises(Exception, match="speaks POP3, not IMAP"):
        await open_imap(Endpoint("localhost", dovecot.pop3_port, Tls.REQUIRED), login.name, login.password)
