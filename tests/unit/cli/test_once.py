"""What a pass prints, on a terminal of 80 columns."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from services.cli.once import print_passes
from shared.operations.pass_report import AccountPass
from shared.operations.status import ALL_UP_TO, WORST

REFUSED = "Login refused by a-very-long-host-name-which-is-one-word.mail.provider.example: no such user"


def passed(name: str, problem: str | None = None, **counts: Any) -> AccountPass:
    numbers = {
        "fetched": 1,
        "delivered": 1,
        "suppressed": 0,
        "parked": 0,
        "deleted": 1,
        "waiting": 0,
        **counts,
    }
    return AccountPass(account=name, problem=problem, **numbers)


def printed(*passes: AccountPass) -> list[str]:
    written = io.StringIO()
    print_passes(Console(file=written, width=80, force_terminal=False), passes)
    return written.getvalue().splitlines()


def test_accounts_with_problems_come_first_below_a_summary_and_no_host_is_cut() -> None:
    lines = printed(passed("acme/anna"), passed("acme/bob", REFUSED, waiting=12, parked=3))
    assert " ".join(lines[:2]) == (
        "2 accounts, 1 not complete: 2 fetched, 2 delivered, 2 deleted, 12 waiting, 3 parked"
    )
    assert lines[3].split() == ["Account", "Fetched", "Delivered", "Parked", "Deleted", "Waiting"]
    assert lines[4].split() == ["acme/bob", "1", "1", "3", "1", "12"]
    assert lines[-1].split() == ["acme/anna", "1", "1", "0", "1", "0"]
    assert any("a-very-long-host-name-which-is-one-word.mail.provider.example:" in each for each in lines)
    assert all(len(line) <= 80 for line in lines)


def test_seldom_numbers_are_shown_only_where_there_are_such_mails() -> None:
    titles = printed(passed("a/b", copies=2, in_flight=1, skipped=4))[2]
    assert titles.split()[6:] == ["Kept", "In", "custody"]
    assert "all complete" in printed(passed("a/b"))[0]


def test_of_very_many_accounts_the_worst_are_shown() -> None:
    passes = [passed(f"acme/{number:05}") for number in range(ALL_UP_TO)]
    lines = printed(*passes, passed("acme/last", "no route", waiting=7))
    assert len(lines) == 3 + WORST + 2
    assert lines[3].split()[0] == "acme/last"
    assert lines[-1] == f"… and {ALL_UP_TO + 1 - WORST} more accounts (-o json shows all)"


def test_a_pass_without_accounts_says_so() -> None:
    assert printed() == ["No account is enabled."]
