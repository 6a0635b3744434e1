"""The same catch-all mailbox, carried by fetchmail in multidrop mode and by Mailferry.

Each program's recipients are compared with the true ones. `pytest -s` prints the table.
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
            [origin, ", ".join(sorted(truly)), *(marked(each[origin], truly) for each in carried.values())]
        )
    return "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def marked(counts: Counter[str], truly: Counter[str]) -> str:
    """The recipients as text, with a mark for each that is missing or wrong."""
    if counts == truly:
        return RIGHT
    words = [f"**{name}**" if not truly[name] else name for name in sorted(counts)]
    words += [f"not {name}" for name in sorted(truly) if not counts[name]]
    words += [f"{count} copies for {name}" for name, count in sorted(counts.items()) if count > 1]
    return ", ".join(words) or "nobody"


def test_mailferry_serves_every_recipient_that_fetchmail_finds_and_no_wrong_one(
    found: dict[str, Found],
) -> None:
    for origin, truly in true_recipients().items():
        ours = set(found["Mailferry"][origin])
        assert ours <= set(truly)
        for name in FETCHMAILS:
            assert set(found[name][origin]) & set(truly) <= ours


@pytest.mark.parametrize("name", list(FETCHMAILS))
def test_fetchmail_delivers_to_wrong_recipients_so_the_comparison_can_fail(
    found: dict[str, Found], name: str
) -> None:
    assert any(set(found[name][origin]) - set(truly) for origin, truly in true_recipients().items())
