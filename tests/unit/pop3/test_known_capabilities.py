from __future__ import annotations

import pytest

from shared.model.mailbox import Capabilities
from shared.pop3.known_capabilities import MOST_REMEMBERED, REMEMBERED, KnownCapabilities

BEFORE = Capabilities({"UIDL": (), "SASL": ("PLAIN",)})
AFTER = Capabilities({"UIDL": (), "TOP": ()})


def test_what_a_server_says_after_a_login_is_known_for_a_day() -> None:
    now = [100.0]
    known = KnownCapabilities(lambda: now[0])
    assert known.find("a", BEFORE) is None
    known.note("a", BEFORE, AFTER)
    assert (known.find("a", BEFORE), known.find("b", BEFORE)) == (AFTER, None)
    now[0] += REMEMBERED
    assert known.find("a", BEFORE) is None


def test_it_is_asked_again_once_it_says_something_else_before_the_login() -> None:
    known = KnownCapabilities()
    known.note("a", BEFORE, AFTER)
    assert known.find("a", Capabilities({"UIDL": (), "SASL": ("PLAIN", "LOGIN")})) is None


@pytest.mark.parametrize("name", ["LOGIN-DELAY", "EXPIRE"])
def test_what_it_tells_each_user_is_not_remembered_for_all(name: str) -> None:
    known, before = KnownCapabilities(), Capabilities({name: ("60", "USER")})
    known.note("a", before, AFTER)
    assert known.find("a", before) is None


def test_of_very_many_servers_all_are_forgotten() -> None:
    known = KnownCapabilities()
    for number in range(MOST_REMEMBERED + 1):
        known.note(str(number), BEFORE, AFTER)
    assert (known.find("0", BEFORE), known.find(str(MOST_REMEMBERED), BEFORE)) == (None, AFTER)
