from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.autoconfig.candidate import IMAP, POP3, Confidence, Way
from shared.autoconfig.search import candidates, find_servers
from shared.config.providers import providers
from shared.model.address import Address
from shared.model.endpoint import Tls
from tests.fakes.autoconfig_documents import ScriptedNetwork, document, server

BOB = Address("bob", "corp.example")
OWN = "https://autoconfig.corp.example/mail/config-v1.1.xml"
WELL_KNOWN = "https://corp.example/.well-known/autoconfig/mail/config-v1.1.xml"
CLEAR = "http://autoconfig.corp.example/mail/config-v1.1.xml"


async def test_an_address_at_a_known_provider_is_told_to_nobody() -> None:
    network = ScriptedNetwork()
    found = await candidates(Address("bob", "gmx.de"), network)
    assert [(each.url, each.way, each.provider) for each in found] == [
        ("imaps://imap.gmx.net", Way.PRESET, "gmx"),
        ("pop3s://pop.gmx.net", Way.PRESET, "gmx"),
    ]
    assert network.asked == []


async def test_the_protocol_that_was_asked_for_comes_first() -> None:
    found = await candidates(Address("bob", "gmx.de"), ScriptedNetwork(), protocol=POP3)
    assert [each.protocol for each in found] == [POP3, IMAP]


async def test_a_domain_whose_mail_goes_to_a_known_provider_is_found_by_its_exchanger() -> None:
    network = ScriptedNetwork(exchangers=["corp-example.mail.protection.outlook.com"])
    (first, *_) = await candidates(BOB, network)
    assert (first.provider, first.way, first.confidence) == ("office365", Way.PRESET_MX, Confidence.MEDIUM)
    assert first.tokens_only
    assert network.asked == ["MX corp.example"]


async def test_the_provider_says_how_its_user_names_are_made() -> None:
    (first, *_) = await candidates(Address("bob", "icloud.com"), ScriptedNetwork())
    assert first.username == "bob"


async def test_a_domain_says_itself_where_its_mailboxes_are() -> None:
    network = ScriptedNetwork({OWN: document()}, exchangers=["mx.corp.example"])
    found = await candidates(BOB, network)
    assert [(each.url, each.way) for each in found] == [
        ("imaps://imap.isp.example", Way.AUTOCONFIG),
        ("pop3s://pop.isp.example", Way.AUTOCONFIG),
    ]
    assert network.asked == ["MX corp.example", f"{OWN}?emailaddress=bob@corp.example"]


async def test_the_well_known_place_is_asked_without_the_address() -> None:
    network = ScriptedNetwork({WELL_KNOWN: document()})
    (first, *_) = await candidates(BOB, network)
    assert first.way is Way.AUTOCONFIG
    assert network.asked[-1] == WELL_KNOWN


async def test_odd_characters_of_an_address_cannot_leave_the_query() -> None:
    network = ScriptedNetwork({OWN: document()})
    await candidates(Address("a&b#c d=%", "corp.example"), network)
    assert network.asked[-1] == f"{OWN}?emailaddress=a%26b%23c%20d%3D%25@corp.example"


async def test_a_provider_of_the_ispdb_is_found_by_domain() -> None:
    found = await candidates(Address("bob", "kpnmail.nl"), ScriptedNetwork())
    assert [each.url for each in found] == [
        "imaps://imap.kpnmail.nl",
        "imap://imap.kpnmail.nl",
        "pop3s://pop.kpnmail.nl",
        "pop3://pop.kpnmail.nl",
    ]
    assert found[0].way is Way.ISPDB


async def test_the_ispdb_knows_a_domain_better_than_its_exchanger_shows_it() -> None:
    """gmx.com has servers of its own, behind the exchangers of gmx.net, which is a known provider."""
    network = ScriptedNetwork(exchangers=["mx00.gmx.net"])
    (first, *_) = await candidates(Address("bob", "gmx.com"), network)
    assert first.url == "imaps://imap.gmx.com"


async def test_a_domain_is_found_by_its_exchanger_in_the_ispdb() -> None:
    network = ScriptedNetwork(exchangers=["www123.your-server.de."])
    (first, *_) = await candidates(BOB, network)
    assert (first.url, first.way) == ("imaps://mail.your-server.de", Way.ISPDB_MX)
    assert first.username == "bob@corp.example"


async def test_srv_records_are_looked_up_for_tls_from_the_first_octet() -> None:
    services = {
        "_imaps._tcp.corp.example": [("imap.hoster.example", 993), ("..", 993)],
        "_pop3s._tcp.corp.example": [("pop.hoster.example", 1995)],
    }
    found = await candidates(BOB, ScriptedNetwork(services=services))
    assert [(each.url, each.way, each.tls) for each in found] == [
        ("imaps://imap.hoster.example", Way.SRV, Tls.IMPLICIT),
        ("pop3s://pop.hoster.example:1995", Way.SRV, Tls.IMPLICIT),
    ]


async def test_the_last_secure_way_is_to_guess() -> None:
    greeting = [(IMAP, "mail.corp.example", 993), (POP3, "pop.corp.example", 995)]
    network = ScriptedNetwork(greeting=greeting)
    found = await candidates(BOB, network)
    assert [(each.url, each.confidence) for each in found] == [
        ("imaps://mail.corp.example", Confidence.LOW),
        ("pop3s://pop.corp.example", Confidence.LOW),
    ]
    assert CLEAR not in network.asked


async def test_autoconfig_in_clear_comes_last_without_the_address_and_is_insecure() -> None:
    network = ScriptedNetwork({CLEAR: document()})
    found = await candidates(BOB, network)
    assert {each.confidence for each in found} == {Confidence.INSECURE}
    assert network.asked[-1] == CLEAR


async def test_a_server_without_tls_does_not_end_the_search() -> None:
    plain = document(server("imap", "imap.corp.example", "143", "plain"))
    network = ScriptedNetwork({OWN: plain}, greeting=[(POP3, "pop.corp.example", 995)])
    found = await candidates(BOB, network)
    assert [(each.url, each.is_secure) for each in found] == [
        ("pop3s://pop.corp.example", True),
        ("imap://imap.corp.example", False),
    ]


async def test_everything_is_tried_where_that_is_wanted() -> None:
    network = ScriptedNetwork({OWN: document(), CLEAR: document()}, exchangers=["mx.corp.example"])
    findings = await find_servers(BOB, network, everything=True)
    assert {each.way for each in findings.candidates} == {Way.AUTOCONFIG}
    assert CLEAR in network.asked


async def test_what_went_wrong_is_told() -> None:
    findings = await find_servers(BOB, ScriptedNetwork({OWN: b"<html/>"}))
    assert findings.candidates == []
    assert list(findings.problems) == [
        "There is no domain corp.example.",
        f"{OWN}: The answer is not used: it is no autoconfig document.",
        f"{WELL_KNOWN}: It answers 404.",
        f"{CLEAR}: It answers 404.",
    ]


@pytest.mark.parametrize("name", [name for name, each in providers().items() if each.domains])
async def test_every_domain_of_a_known_provider_leads_to_it(name: str) -> None:
    for domain in providers()[name].domains:
        found = await candidates(Address("bob", domain), ScriptedNetwork())
        assert {each.provider for each in found} == {name}


@given(st.emails())
async def test_any_address_can_be_searched_for(text: str) -> None:
    local, _, domain = text.rpartition("@")
    findings = await find_servers(Address(local, domain.lower()), ScriptedNetwork(), everything=True)
    assert all(each.host for each in findings.candidates)
