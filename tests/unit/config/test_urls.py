from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.config.urls import ServerUrl, protocol_alone, protocol_in, source_url, target_url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("pop3://pop.isp.example", ServerUrl("pop3", "pop.isp.example", 110)),
        ("pop3s://pop.isp.example/", ServerUrl("pop3s", "pop.isp.example", 995)),
        ("imap://imap.isp.example", ServerUrl("imap", "imap.isp.example", 143)),
        ("IMAPS://u@imap.isp.example", ServerUrl("imaps", "imap.isp.example", 993, "u")),
        ("POP3S://Pop.ISP.example:1995", ServerUrl("pop3s", "pop.isp.example", 1995)),
        ("pop3://[2001:DB8::1]:110", ServerUrl("pop3", "2001:db8::1", 110)),
        ("pop3://192.0.2.7", ServerUrl("pop3", "192.0.2.7", 110)),
        ("pop3://user%40acme.example@host", ServerUrl("pop3", "host", 110, "user@acme.example")),
        ("pop3://user@acme.example@host", ServerUrl("pop3", "host", 110, "user@acme.example")),
        ("pop3://a%20%22b%22%25@host", ServerUrl("pop3", "host", 110, 'a "b"%')),
        ("pop3://bücher@bücher.example", ServerUrl("pop3", "xn--bcher-kva.example", 110, "bücher")),
        ("pop3://u:p%3Aw@host", ServerUrl("pop3", "host", 110, "u", SecretStr("p:w"))),
    ],
)
def test_a_source_is_read(url: str, expected: ServerUrl) -> None:
    assert source_url(url) == expected


@pytest.mark.parametrize(
    ("source", "alone", "protocol"),
    [
        ("imap", "imap", "imap"),
        ("IMAP", "imap", "imap"),
        ("pop3", "pop3", "pop3"),
        ("imaps", None, "imap"),
        ("IMAPS://host", None, "imap"),
        ("pop3://u:p@host", None, "pop3"),
        ("ftp://host", None, None),
        ("", None, None),
        (None, None, None),
        (7, None, None),
    ],
)
def test_a_source_names_its_protocol_alone_or_by_its_scheme(
    source: object, alone: str | None, protocol: str | None
) -> None:
    assert (protocol_alone(source), protocol_in(source)) == (alone, protocol)


def alone(protocol: str, url: str) -> str:
    provider = f'{protocol} alone needs a "provider" that has {protocol}; `mailferry providers` lists them.'
    return f'{provider} Without one, write the server: "{url}"'


def test_targets_have_their_own_schemes_and_ports() -> None:
    assert target_url("smtp://mail.corp.example") == ServerUrl("smtp", "mail.corp.example", 25)
    assert target_url("smtps://mail.corp.example") == ServerUrl("smtps", "mail.corp.example", 465)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://host", 'the scheme "ftp" is not known; available are pop3, pop3s, imap and imaps'),
        ("imap", alone("IMAP", "imaps://imap.isp.example")),
        ("Pop3", alone("POP3", "pop3s://pop.isp.example")),
        ("imaps", 'expected a URL such as "pop3://host.example"'),
        ("host", 'expected a URL such as "pop3://host.example"'),
        ("pop3:host", 'expected a URL such as "pop3://host.example"'),
        (7, 'expected a URL such as "pop3://host.example"'),
        ("pop3://", "the host is missing"),
        ("pop3://user@", "the host is missing"),
        ("pop3://ho st", "the host is not valid: the name has an invalid label"),
        ("pop3://host:0", "the port must be a number from 1 to 65535"),
        ("pop3://host:65536", "the port must be a number from 1 to 65535"),
        ("pop3://host:", "the port must be a number from 1 to 65535"),
        ("pop3://host:1e3", "the port must be a number from 1 to 65535"),
        ("pop3://::1", "host and port cannot be read; an IPv6 address stands in [ ]"),
        ("pop3://2001:db8::1", "host and port cannot be read; an IPv6 address stands in [ ]"),
        ("pop3://[::1", "host and port cannot be read; an IPv6 address stands in [ ]"),
        ("pop3://[host]", "there is no valid IPv6 address between [ and ]"),
        ("pop3://host/INBOX", "nothing may follow host and port"),
        ("pop3://host?x=1", "nothing may follow host and port"),
        ("pop3://user:pa/ss@host", "nothing may follow host and port"),
        ("pop3://user:pa#ss@host", "nothing may follow host and port"),
        ("pop3://100%@host", "the user name has a % that is not followed by two hex digits; write it as %25"),
        ("pop3://u:%zz@host", "the password has a % that is not followed by two hex digits; write it as %25"),
        ("pop3://%FF@host", "the percent-encoded user name is not valid UTF-8"),
        ("pop3://@host", "the user name is empty"),
        ("pop3://u:@host", "the password is empty"),
        ("pop3://u%0D%0AQUIT@host", "the user name must not contain NUL or a line end"),
        ("pop3://u:%00@host", "the password must not contain NUL or a line end"),
    ],
)
def test_a_source_that_cannot_be_used_is_refused_with_a_sentence(url: object, sentence: str) -> None:
    with pytest.raises(ValueError) as refusal:
        source_url(url)
    assert str(refusal.value).startswith(sentence)


def test_lmtp_goes_over_tcp_or_through_a_socket() -> None:
    assert target_url("lmtp://host") == ServerUrl("lmtp", "host", 24)
    assert target_url("lmtp+unix:///run/dovecot/l%20p") == ServerUrl(
        "lmtp+unix", "localhost", 0, unix_path="/run/dovecot/l p"
    )


@pytest.mark.parametrize(
    "url", ["lmtp+unix://host/path", "lmtp+unix:path", "lmtp+unix://", "lmtp+unix://u@/p"]
)
def test_a_socket_is_a_path_from_the_root(url: str) -> None:
    with pytest.raises(ValueError, match=r"lmtp\+unix:///run"):
        target_url(url)


def test_a_domain_may_stand_for_its_mail_exchangers() -> None:
    assert target_url("mx://corp.example") == ServerUrl("mx", "corp.example", 25)


@given(st.text(alphabet=st.characters(exclude_characters="\0\r\n", codec="utf-8"), min_size=1, max_size=20))
def test_any_user_name_and_password_can_be_written_percent_encoded(text: str) -> None:
    url = source_url(f"pop3://{quote(text, safe='')}:{quote(text, safe='')}@host:1")
    assert url == ServerUrl("pop3", "host", 1, text, SecretStr(text))


@given(st.text(max_size=40))
def test_whatever_follows_the_scheme_is_understood_or_refused_without_being_repeated(text: str) -> None:
    sentence = ""
    try:
        url = source_url("pop3://geheim-canary:" + text)
        assert 1 <= url.port <= 65535
        assert not set(url.host + (url.username or "")) & set("\0\r\n")
    except ValueError as refusal:
        sentence = str(refusal)
    assert "geheim-canary" not in sentence


def test_a_password_is_not_in_the_representation() -> None:
    assert "geheim" not in repr(source_url("pop3://u:geheim@host"))
