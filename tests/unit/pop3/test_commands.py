from __future__ import annotations

import pytest

from shared.net.errors import Unsendable
from shared.pop3 import commands


@pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\0b", "", "\ud800"])
def test_a_value_that_breaks_the_line_is_refused_and_not_repeated(value: str) -> None:
    for build in (commands.user, commands.password, commands.auth):
        with pytest.raises(Unsendable) as caught:
            build(value)
        assert not value or value not in str(caught.value)


def test_user_names_and_passwords_go_out_as_they_are_in_utf8() -> None:
    assert commands.user("jürgen %x@y").wire == "USER jürgen %x@y\r\n".encode()
    assert commands.password(" a b ").wire == b"PASS  a b \r\n"


def test_secrets_are_in_no_representation() -> None:
    for command in (
        commands.password("hunter2"),
        commands.auth("PLAIN", b"\0bob\0hunter2"),
        commands.response(b"hunter2"),
    ):
        shown = command.shown + repr(command)
        assert "hunter2" not in shown
        assert "aHVudGVyMg" not in shown
        assert "AGJvYgBodW50ZXIy" not in shown


def test_an_empty_initial_response_is_an_equals_sign() -> None:
    assert commands.auth("EXTERNAL", b"").wire == b"AUTH EXTERNAL =\r\n"


def test_apop_shows_the_name_and_masks_the_digest() -> None:
    command = commands.apop("mrose", "c4c9334bac560ecc979e58001b3e22fb")
    assert command.wire == b"APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n"
    assert "c4c9" not in command.shown + repr(command)


@pytest.mark.parametrize("name", ["two words", "a\r\nb", "a\0b", ""])
def test_a_name_that_apop_cannot_carry_is_refused(name: str) -> None:
    with pytest.raises(Unsendable):
        commands.apop(name, "0" * 32)
