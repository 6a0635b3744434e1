"""Server, protection and login of an account of fetchmail."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from shared.importing.fetchmail.accounts import read_fetchmailrc
from shared.importing.result import Choices, ImportedRow


def row_of(server: str, user: str = "", login: str = "user joe pass p") -> ImportedRow:
    text = f"poll isp.example {server} {login} is a@b.example here {user}"
    [row] = read_fetchmailrc(text.encode(), Choices(target="here")).rows
    return row


def blocking(row: ImportedRow) -> list[str]:
    return [each.option for each in row.findings if each.blocks]


@pytest.mark.parametrize(
    ("server", "user", "source"),
    [
        ("proto pop3", "ssl", "pop3s://isp.example"),
        ("proto POP3", "", "pop3://isp.example"),
        ("proto imap port 1143", "", "imap://isp.example:1143"),
        ("proto imap service imaps", "ssl", "imaps://isp.example:993"),
        ("proto imap service 994", "ssl", "imaps://isp.example:994"),
        ("port 995", "ssl", "pop3s://isp.example:995"),
        ("service imap", "", "imap://isp.example:143"),
        ("via mail.isp.example proto pop3", "", "pop3://mail.isp.example"),
        ("via 2001:db8::1 proto pop3", "", None),
    ],
)
def test_the_source_is_made_of_protocol_host_and_port(server: str, user: str, source: str | None) -> None:
    if source is None:
        source, server = "pop3://[2001:db8::1]", 'via "2001:db8::1" proto pop3'
    assert row_of(server, user).account["source"] == source


@pytest.mark.parametrize(
    ("server", "option"),
    [
        ("", "proto"),
        ("proto auto", "proto"),
        ("proto kpop", "proto"),
        ("proto sdps", "proto"),
        ("proto etrn", "proto"),
        ("proto gopher", "proto"),
        ("proto pop3 service tacnews", "service"),
        ("proto pop3 auth gssapi", "auth"),
        ("proto pop3 auth kerberos_v5", "auth"),
        ("proto pop3 auth ssh", "auth"),
        ("proto pop3 auth telepathy", "auth"),
        ("proto imap auth external", "auth"),
        ("proto pop3 plugin x", "plugin"),
    ],
)
def test_what_cannot_work_blocks_and_is_not_guessed(server: str, option: str) -> None:
    assert blocking(row_of(server)) == [option]


@pytest.mark.parametrize(
    ("user", "tls"),
    [
        ("", "wanted"),
        ("sslproto auto", "wanted"),
        ("sslproto TLS1.2+", "required"),
        ("sslproto tls1", "required"),
        ('sslproto ""', "off"),
        ("ssl", None),
        ("ssl sslproto TLS1.2+", None),
    ],
)
def test_protection_is_that_of_ssl_and_sslproto(user: str, tls: str | None) -> None:
    assert row_of("proto pop3", user).account.get("tls") == tls


def test_an_unchecked_certificate_stays_so_and_a_file_of_authorities_is_taken_over() -> None:
    assert row_of("proto pop3", "ssl no sslcertck").account["tls_verify"] is False
    assert "tls_verify" not in row_of("proto pop3", "ssl sslcertck").account
    assert row_of("proto pop3", "ssl sslcertfile /etc/ca.pem").account["ca_file"] == "/etc/ca.pem"


def test_an_md5_fingerprint_blocks_where_nothing_else_checks_the_certificate() -> None:
    assert blocking(row_of("proto pop3", 'ssl no sslcertck sslfingerprint "AA:BB"')) == ["sslfingerprint"]
    assert blocking(row_of("proto pop3", 'ssl sslfingerprint "AA:BB"')) == []


@pytest.mark.parametrize("option", ["sslcert", "sslkey", "sslcommonname"])
def test_certificates_of_clients_and_other_names_of_hosts_block(option: str) -> None:
    assert blocking(row_of("proto pop3", f"ssl {option} /x")) == [option]


@pytest.mark.parametrize(
    ("server", "auth"),
    [
        ("proto pop3", None),
        ("proto pop3 auth any", None),
        ("proto pop3 auth password", None),
        ("proto pop3 auth cram-md5", ["cram-md5"]),
        ("proto pop3 auth ntlm", ["ntlm"]),
        ("proto apop", ["apop"]),
    ],
)
def test_methods_have_the_names_that_we_know(server: str, auth: list[str] | None) -> None:
    assert row_of(server).account.get("auth") == auth


def test_a_password_is_a_secret_or_is_missing() -> None:
    assert row_of("proto pop3").account["password"] == SecretStr("p")
    assert blocking(row_of("proto pop3", login="user joe")) == ["password"]
    assert row_of("proto pop3", "passwordfile /etc/p", "user joe").account["password_file"] == "/etc/p"


def test_a_user_without_a_name_blocks() -> None:
    assert blocking(row_of("proto pop3", login="pass p")) == ["user"]
