from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.autoconfig.candidate import Way
from shared.autoconfig.client_config import candidates_of, expanded, parse_client_config
from shared.autoconfig.xml_tree import Unreadable
from shared.config.urls import source_url
from shared.model.address import Address
from shared.model.endpoint import Tls
from tests.fakes.autoconfig_documents import IMAP_SERVER, document, server

BOB = Address("bob", "isp.example")


def test_a_document_gives_its_servers_in_their_order_with_the_placeholders_filled_in() -> None:
    found = candidates_of(parse_client_config(document()), BOB, Way.AUTOCONFIG)
    assert [(each.url, each.username, each.tls) for each in found] == [
        ("imaps://imap.isp.example", "bob@isp.example", Tls.IMPLICIT),
        ("pop3s://pop.isp.example", "bob", Tls.IMPLICIT),
    ]


@pytest.mark.parametrize(
    ("socket", "port", "tls", "url"),
    [
        ("SSL", "993", Tls.IMPLICIT, "imaps://imap.isp.example"),
        ("STARTTLS", "143", Tls.REQUIRED, "imap://imap.isp.example"),
        ("plain", "143", Tls.OFF, "imap://imap.isp.example"),
        ("SSL", "", Tls.IMPLICIT, "imaps://imap.isp.example"),
    ],
)
def test_the_kind_of_tls_is_read(socket: str, port: str, tls: Tls, url: str) -> None:
    config = parse_client_config(document(server("imap", "imap.isp.example", port, socket)))
    (found,) = candidates_of(config, BOB, Way.AUTOCONFIG)
    assert (found.tls, found.url) == (tls, url)


def test_a_host_may_be_made_of_the_domain() -> None:
    config = parse_client_config(document(server("imap", "mail.%EMAILDOMAIN%", "993", "SSL")))
    (found,) = candidates_of(config, BOB, Way.ISPDB)
    assert found.host == "mail.isp.example"


def test_a_server_that_takes_tokens_alone_is_marked() -> None:
    only = server("imap", "imap.isp.example", "993", "SSL", "x", "OAuth2")
    both = server("imap", "imap.isp.example", "993", "SSL", "x", "OAuth2", "password-cleartext")
    config = parse_client_config(document(only, both))
    assert [each.tokens_only for each in candidates_of(config, BOB, Way.ISPDB)] == [True, False]


@pytest.mark.parametrize(
    "bad",
    [
        server("smtp", "imap.isp.example", "993", "SSL"),
        server("exchange", "imap.isp.example", "993", "SSL"),
        server("imap", "", "993", "SSL"),
        server("imap", "imap.isp.example", "0", "SSL"),
        server("imap", "imap.isp.example", "65536", "SSL"),
        server("imap", "imap.isp.example", "-1", "SSL"),
        server("imap", "imap.isp.example", "９９３", "SSL"),
        server("imap", "imap.isp.example", "993", "none"),
    ],
)
def test_a_server_that_cannot_be_understood_is_left_out(bad: str) -> None:
    assert len(parse_client_config(document(bad, server(*IMAP_SERVER))).servers) == 1
    with pytest.raises(Unreadable, match="names no POP3 or IMAP server"):
        parse_client_config(document(bad))


@pytest.mark.parametrize("host", ["imap isp", "-x.", "a/b", "user@host", "%EMAILADDRESS%", "x" * 300])
def test_a_host_that_is_none_is_left_out(host: str) -> None:
    config = parse_client_config(document(server("imap", host, "993", "SSL")))
    assert candidates_of(config, BOB, Way.AUTOCONFIG) == []


@pytest.mark.parametrize("username", ["a\nb", "x" * 300, "\u202egnp"])
def test_a_user_name_that_cannot_be_sent_or_shown_is_left_out(username: str) -> None:
    config = parse_client_config(document(server("imap", "imap.isp.example", "993", "SSL", username)))
    assert candidates_of(config, BOB, Way.AUTOCONFIG) == []


@pytest.mark.parametrize(
    "other",
    [
        b"<html><body>Not found</body></html>",
        b"<clientConfig/>",
        b"<emailProvider/>",
        b'<clientConfig><emailProvider id="x"/></clientConfig>',
        b'{"imap": "imap.isp.example"}',
    ],
)
def test_what_is_of_another_format_is_refused(other: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_client_config(other)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("%EMAILADDRESS%", "bob@isp.example"),
        ("%EMAILLOCALPART%", "bob"),
        ("x-%EMAILLOCALPART%-%EMAILDOMAIN%", "x-bob-isp.example"),
        ("100%", "100%"),
        ("%UNKNOWN%", "%UNKNOWN%"),
        ("%%EMAILADDRESS%%", "%bob@isp.example%"),
        ("", ""),
    ],
)
def test_placeholders_are_replaced(text: str, result: str) -> None:
    assert expanded(text, BOB) == result


def test_a_placeholder_within_the_address_is_not_replaced() -> None:
    mallory = Address("%EMAILDOMAIN%", "isp.example")
    assert expanded("%EMAILLOCALPART%", mallory) == "%EMAILDOMAIN%"


@given(st.text(max_size=40))
def test_a_text_without_placeholders_stays_as_it_is(text: str) -> None:
    if "%EMAIL" not in text:
        assert expanded(text, BOB) == text


@given(
    st.lists(
        st.builds(
            server,
            st.sampled_from(["imap", "pop3", "smtp", ""]),
            st.sampled_from(["imap.isp.example", "%EMAILDOMAIN%", "::1", "a b", "", "ä.example"]),
            st.sampled_from(["993", "1", "x", "", "99999"]),
            st.sampled_from(["SSL", "STARTTLS", "plain", ""]),
            st.sampled_from(["%EMAILADDRESS%", "", "bob", "&lt;", "&#10;"]),
            st.sampled_from(["OAuth2", "password-cleartext"]),
        ),
        max_size=6,
    )
)
def test_whatever_a_stranger_writes_is_refused_or_can_be_used_as_a_source(servers: list[str]) -> None:
    try:
        config = parse_client_config(document(*servers))
    except Unreadable:
        return
    for each in candidates_of(config, BOB, Way.AUTOCONFIG):
        assert source_url(each.url).host == each.host
        assert each.username.isprintable()
