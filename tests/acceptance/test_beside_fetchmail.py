"""The same catch-all mailbox, carried by fetchmail's multidrop mode and by Mailferry: who gets what, beside
who should. `pytest -s` prints the table.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping

import pytest

from tests.fakes.multidrop import true_recipients
from tests.servers.available import require
from tests.servers.dovecot import Dovecot
from tests.servers.multidrop import Found, by_fetchmail, by_mailferry

ENVELOPE = "X-Original-To"
FETCHMAILS = {"fetchmail, Received": None, f"fetchmail, {ENVELOPE}": ENVELOPE}
RIGHT = "as it should be"


@pytest.fixture(scope="module")
def found(dovecot: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Found]:
    require("fetchmail")
    require("smtp-sink")
    carried = {name: by_fetchmail(dovecot, envelope) for name, envelope in FETCHMAILS.items()}
    carried["Mailferry"] = by_mailferry(dovecot, tmp_path_factory.mktemp("ferry"))
    sys.stdout.write(table(carried))
    return carried


def table(carried: Mapping[str, Found]) -> str:
    lines = [["Mail", "is for", *carried], ["---"] * (len(carried) + 2)]
    for origin, truly in true_recipients().items():
        lines.append(
            [origin, ", ".join(sorted(truly)), *(told(each[origin], truly) for each in carried.values())]
        )
    return "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def told(counts: Counter[str], truly: Counter[str]) -> str:
    """The recipients, with what is wrong about them."""
    if counts == truly:
        return RIGHT
    words = [f"**{name}**" if not truly[name] else name for name in sorted(counts)]
    words += [f"not {name}" for name in sorted(truly) if not counts[name]]
    words += [f"{count} copies for {name}" for name, count in sorted(counts.items()) if count > 1]
    return ", ".join(words) or "nobody"


def test_mailferry_serves_every_true_recipient_that_fetchmail_finds_and_nobody_who_is_none(
    found: dict[str, Found],
) -> None:
    for origin, truly in true_recipients().items():
        ours = set(found["Mailferry"][origin])
        assert ours <= set(truly)
        for name in FETCHMAILS:
            assert set(found[name][origin]) & set(truly) <= ours


@pytest.mark.parametrize("name", list(FETCHMAILS))
def test_fetchmail_serves_some_who_are_no_recipients_so_that_the_comparison_tells_something(
    found: dict[str, Found], name: str
) -> None:
    assert any(set(found[name][origin]) - set(truly) for origin, truly in true_recipients().items())
