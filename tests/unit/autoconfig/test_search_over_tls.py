"""The whole search, as the command makes it, with a name server and web server of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from shared.autoconfig.candidate import Confidence, Way
from shared.autoconfig.fetching import Web
from shared.autoconfig.network import Internet
from shared.autoconfig.search import Findings, find_servers
from shared.model.address import Address
from shared.net import mx, resolver, srv
from shared.net.resolver import AddressBook, HostsFile, NameServers
from tests.fakes.autoconfig_documents import document
from tests.fakes.certificates import Certificate, make_certificate
from tests.fakes.name_server import Zone, configured, name_server
from tests.servers.https_server import SILENCE, http_answer, https_server

OWN = "autoconfig.corp.example"
PLACE = f"{OWN}/mail/config-v1.1.xml"
BOMB = b"""<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><clientConfig>&b;</clientConfig>"""
BOB = Address("bob", "corp.example")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"), f"DNS:{OWN},DNS:corp.example")


class World:
    """A name server and a web server, which everything in this process asks."""

    def __init__(self, directory: Path, certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
        self._directory = directory
        self._certificate = certificate
        self._monkeypatch = monkeypatch

    async def search(
        self, answers: Mapping[str, bytes | None], zone: Zone | None = None, seconds: float = 40.0
    ) -> Findings:
        names: Zone = zone or {OWN: {"A": ["127.0.0.1"]}, "corp.example": {}}
        async with (
            self._names(names),
            https_server(answers, self._certificate.server_context()) as web,
            https_server(answers, None) as clear,
        ):
            limits = Web(
                seconds=seconds,
                ca_file=self._certificate.ca_file,
                https_port=web.port,
                http_port=clear.port,
            )
            return await find_servers(BOB, Internet(limits))

    @asynccontextmanager
    async def _names(self, zone: Zone) -> AsyncIterator[None]:
        async with name_server(zone) as server:
            path = configured(self._directory, server)
            path.write_text("nameserver 127.0.0.1\n")
            servers = NameServers(path)
            servers.resolver().port = server.port
            book = AddressBook(HostsFile(self._directory / "none"), servers)
            self._monkeypatch.setattr(resolver, "ADDRESS_BOOK", book)
            self._monkeypatch.setattr(mx, "SERVERS", servers)
            self._monkeypatch.setattr(srv, "SERVERS", servers)
            yield


@pytest.fixture
def world(tmp_path: Path, certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, certificate, monkeypatch)


async def test_a_domain_with_an_autoconfig_server_is_found(world: World) -> None:
    findings = await world.search({PLACE: http_answer("200 OK", document())})
    first = findings.candidates[0]
    assert (first.url, first.username) == ("imaps://imap.isp.example", "bob@corp.example")
    assert (first.way, first.confidence) == (Way.AUTOCONFIG, Confidence.HIGH)
    assert findings.problems == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (http_answer("404 Not Found"), "answers 404 Not Found"),
        (http_answer("301 Moved", b"", f"Location: http://{PLACE}"), "redirects to http"),
        (http_answer("200 OK", b"<!DOCTYPE html><html><p>Hello</html>"), "document type"),
        (http_answer("200 OK", b"<html><p>Hello<br></html>"), "it is not XML"),
        (http_answer("200 OK", b" " * 10_000_000), "sends more than 320 KiB"),
        (http_answer("200 OK", BOMB), "that could define entities"),
    ],
    ids=["missing", "to http", "page", "old page", "ten megabytes", "entities"],
)
async def test_an_answer_that_cannot_be_used_is_said_to_be_so_and_the_search_goes_on(
    world: World, answer: bytes, reason: str
) -> None:
    findings = await world.search({PLACE: answer})
    assert findings.candidates == []
    assert findings.problems[0].startswith(f"https://{PLACE}: ")
    assert reason in findings.problems[0]
    assert len(findings.problems) == 3


async def test_a_server_that_says_nothing_is_given_up(world: World) -> None:
    findings = await world.search({PLACE: SILENCE}, seconds=1.0)
    assert findings.candidates == []
    assert findings.problems[0].startswith(f"https://{PLACE}: ")


async def test_a_server_with_the_certificate_of_another_name_is_not_believed(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    world._certificate = make_certificate(tmp_path / "other", "DNS:www.hoster.example")
    findings = await world.search({PLACE: http_answer("200 OK", document())})
    assert "certificate" in findings.problems[0]
    assert [each.way for each in findings.candidates] == [Way.CLEAR_AUTOCONFIG] * 2
    assert {each.confidence for each in findings.candidates} == {Confidence.INSECURE}


async def test_a_domain_is_found_by_its_exchanger(world: World) -> None:
    zone: Zone = {"corp.example": {"MX": ["10 mx00.kundenserver.de."]}}
    findings = await world.search({}, zone)
    assert (findings.candidates[0].provider, findings.candidates[0].way) == ("ionos", Way.PRESET_MX)


async def test_a_domain_is_found_by_its_service_records(world: World) -> None:
    zone: Zone = {"corp.example": {}, "_imaps._tcp.corp.example": {"SRV": ["0 1 993 imap.hoster.example."]}}
    findings = await world.search({}, zone)
    assert [(each.url, each.way) for each in findings.candidates] == [
        ("imaps://imap.hoster.example", Way.SRV)
    ]
