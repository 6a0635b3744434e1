from __future__ import annotations

import pytest

from shared.smtp import commands
from shared.smtp.errors import Unsendable


@pytest.mark.parametrize("name", ["mail.corp.example", "[192.0.2.1]", "[IPv6:::1]", "localhost"])
def test_our_name_is_a_domain_or_an_address_literal(name: str) -> None:
    assert commands.ehlo(name).line == f"EHLO {name}\r\n".encode()
    assert commands.helo(name).line == f"HELO {name}\r\n".encode()


@pytest.mark.parametrize("name", ["", "a b", "a\r\nQUIT", "a\0", "[a]b", "bücher.example"])
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(Unsendable):
        commands.ehlo(name)


def test_an_initial_response_follows_the_mechanism() -> None:
    assert commands.auth("PLAIN", b"\0u\0p").line == b"AUTH PLAIN AHUAcA==\r\n"


def test_an_empty_initial_response_is_an_equals_sign() -> None:
    assert commands.auth("EXTERNAL", b"").line == b"AUTH EXTERNAL =\r\n"


def test_without_an_initial_response_the_server_speaks_first() -> None:
    assert commands.auth("LOGIN", None).line == b"AUTH LOGIN\r\n"


def test_a_command_does_not_show_its_line() -> None:
    assert "AHUAcA" not in repr(commands.auth("PLAIN", b"\0u\0p"))
