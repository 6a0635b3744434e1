"""The fetcher against a web server over TLS, found by names that only the tests know."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.autoconfig.fetching import (
    LARGEST_ANSWER,
    NotFetched,
    Redirect,
    Web,
    fetch,
    parse_answer,
    redirected,
)
from shared.model.address_policy import AddressPolicy
from shared.net import resolver
from shared.net.errors import (
    AddressRefused,
    CertificateUntrusted,
    DeadlineExceeded,
    InactivityTimeout,
    NameLookupFailed,
    NetworkError,
)
from shared.net.resolver import AddressBook, HostsFile
from tests.fakes.certificates import Certificate, make_certificate
from tests.servers.https_server import DRIP, SILENCE, http_answer, https_server
from tests.servers.ports import LOOPBACK

HOST = "autoconfig.isp.example"
URL = f"https://{HOST}/mail/config-v1.1.xml?emailaddress=bob@isp.example"
PLACE = f"{HOST}/mail/config-v1.1.xml"
OTHER = "config.hoster.example"
BODY = b"<clientConfig/>"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"), f"DNS:{HOST},DNS:{OTHER}")


@pytest.fixture(autouse=True)
def known_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{LOOPBACK} {HOST} {OTHER} wrong.isp.example\n")
    monkeypatch.setattr(resolver, "ADDRESS_BOOK", AddressBook(HostsFile(hosts)))


def web(certificate: Certificate, port: int, seconds: float = 40.0) -> Web:
    return Web(ca_file=certificate.ca_file, https_port=port, seconds=seconds)


async def test_a_document_is_fetched_and_the_server_is_told_the_address(certificate: Certificate) -> None:
    answers = {PLACE: http_answer("200 OK", BODY)}
    async with https_server(answers, certificate.server_context()) as server:
        assert await fetch(URL, web(certificate, server.port)) == BODY
    (request,) = server.requests
    assert request[0] == "GET /mail/config-v1.1.xml?emailaddress=bob@isp.example HTTP/1.0"
    assert f"Host: {HOST}" in request


async def test_a_redirect_to_another_https_server_is_followed(certificate: Certificate) -> None:
    answers = {
        PLACE: http_answer("302 Found", b"", f"Location: https://{OTHER}/mail.xml"),
        f"{OTHER}/mail.xml": http_answer("200 OK", BODY),
    }
    async with https_server(answers, certificate.server_context()) as server:
        assert await fetch(URL, web(certificate, server.port)) == BODY


async def test_a_redirect_to_http_is_not_followed(certificate: Certificate) -> None:
    answers = {PLACE: http_answer("301 Moved", b"", f"Location: http://{OTHER}/mail.xml")}
    async with https_server(answers, certificate.server_context()) as server:
        with pytest.raises(NotFetched, match=f"{HOST} redirects to http, which is not followed"):
            await fetch(URL, web(certificate, server.port))
    assert len(server.requests) == 1


async def test_redirects_in_a_circle_end(certificate: Certificate) -> None:
    answers = {PLACE: http_answer("302 Found", b"", f"Location: https://{PLACE}")}
    async with https_server(answers, certificate.server_context()) as server:
        with pytest.raises(NotFetched, match="redirects more than 3 times"):
            await fetch(URL, web(certificate, server.port))
    assert len(server.requests) == 4


async def test_a_missing_document_is_said_to_be_missing(certificate: Certificate) -> None:
    async with https_server({}, certificate.server_context()) as server:
        with pytest.raises(NotFetched, match=f"{HOST} answers 404 Not Found"):
            await fetch(URL, web(certificate, server.port))


async def test_an_answer_of_ten_megabytes_is_not_read_to_its_end(certificate: Certificate) -> None:
    answers = {PLACE: http_answer("200 OK", b"x" * 10_000_000)}
    async with https_server(answers, certificate.server_context()) as server:
        with pytest.raises(NotFetched, match="sends more than"):
            await fetch(URL, web(certificate, server.port))


@pytest.mark.parametrize("answer", [SILENCE, DRIP], ids=["silent", "octet by octet"])
async def test_a_server_that_is_too_slow_is_given_up(certificate: Certificate, answer: bytes | None) -> None:
    async with https_server({PLACE: answer}, certificate.server_context()) as server:
        with pytest.raises((InactivityTimeout, DeadlineExceeded)):
            await fetch(URL, web(certificate, server.port, seconds=1.0))


async def test_the_certificate_of_another_name_is_refused(certificate: Certificate) -> None:
    async with https_server({}, certificate.server_context()) as server:
        with pytest.raises(CertificateUntrusted):
            await fetch("https://wrong.isp.example/", web(certificate, server.port))
    assert server.requests == []


async def test_the_certificate_of_an_unknown_authority_is_refused(certificate: Certificate) -> None:
    async with https_server({}, certificate.server_context()) as server:
        with pytest.raises(CertificateUntrusted):
            await fetch(URL, Web(https_port=server.port, seconds=40.0))
    assert server.requests == []


async def test_a_name_that_leads_to_this_machine_is_refused_where_only_public_addresses_are_allowed(
    certificate: Certificate,
) -> None:
    async with https_server({}, certificate.server_context()) as server:
        limited = Web(AddressPolicy(public_only=True), ca_file=certificate.ca_file, https_port=server.port)
        with pytest.raises(AddressRefused):
            await fetch(URL, limited)
    assert server.requests == []


async def test_the_address_policy_holds_for_where_a_redirect_leads(
    certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{LOOPBACK} {HOST}\n127.0.0.9 {OTHER}\n")
    monkeypatch.setattr(resolver, "ADDRESS_BOOK", AddressBook(HostsFile(hosts)))
    answers = {PLACE: http_answer("302 Found", b"", f"Location: https://{OTHER}/mail.xml")}
    async with https_server(answers, certificate.server_context()) as server:
        limited = Web(
            AddressPolicy(denied=(ip_network("127.0.0.9"),)),
            ca_file=certificate.ca_file,
            https_port=server.port,
            seconds=40.0,
        )
        with pytest.raises(AddressRefused):
            await fetch(URL, limited)


async def test_a_server_in_clear_is_asked_only_by_an_http_url(certificate: Certificate) -> None:
    async with https_server({PLACE: http_answer("200 OK", BODY)}, None) as server:
        clear = Web(https_port=server.port, http_port=server.port, seconds=40.0)
        assert await fetch(f"http://{PLACE}", clear) == BODY
        with pytest.raises(NetworkError):
            await fetch(URL, replace(clear, seconds=1.0))
    assert len(server.requests) == 1


async def test_a_name_that_there_is_not_is_an_error_that_says_so() -> None:
    with pytest.raises(NameLookupFailed):
        await fetch("https://..", Web())


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/x.xml", f"https://{HOST}/x.xml"),
        ("https://hoster.example/x?y=z", "https://hoster.example/x?y=z"),
        ("//hoster.example/", "https://hoster.example/"),
    ],
)
def test_redirects_are_resolved_as_urls(location: str, leads_to: str) -> None:
    assert redirected(URL, Redirect(location)) == leads_to


@pytest.mark.parametrize(
    "location",
    [
        "http://hoster.example/",
        "ftp://hoster.example/",
        "file:///etc/passwd",
        "https://hoster.example:22/",
        "https://user@hoster.example/",
        "https://[::1/",
        "https://hoster.example:x/",
    ],
)
def test_a_redirect_to_anything_but_a_plain_https_server_is_refused(location: str) -> None:
    with pytest.raises(NotFetched):
        redirected(URL, Redirect(location))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"* OK IMAP ready\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_answer_of_a_web_server_is_refused(answer: bytes) -> None:
    with pytest.raises(NotFetched, match="does not answer as a web server should"):
        parse_answer(answer, HOST)


def test_an_answer_in_chunks_is_put_together() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    assert parse_answer(chunked, HOST) == b"abcde"


@given(st.binary(max_size=200), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 302 Found\r\n"]))
def test_any_octets_are_an_answer_or_refused(rest: bytes, begin: bytes) -> None:
    with suppress(NotFetched):
        parse_answer(begin + rest, HOST)


def test_the_largest_answer_has_room_for_the_largest_document() -> None:
    assert LARGEST_ANSWER > 256 * 1024
