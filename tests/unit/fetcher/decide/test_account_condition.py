"""What is said of the condition of all accounts."""

from __future__ import annotations

from services.fetcher.decide.account_condition import failure_age, strangers_sentence
from shared.ports.store import UnregisteredMail

NOW = 1_000_000.0


def test_a_failure_counts_since_the_moment_without_success_and_never_from_the_future() -> None:
    assert failure_age(None, NOW) == 0
    assert failure_age(NOW - 3600, NOW) == 3600
    assert failure_age(NOW + 10, NOW) == 0


def test_what_is_held_for_unnamed_accounts_is_one_sentence() -> None:
    assert strangers_sentence(UnregisteredMail()) is None
    assert strangers_sentence(UnregisteredMail(1, 1, 0, ("acme/old",))) == (
        "1 mail of 1 account that is not in the registry: acme/old; see `mailferry status`"
    )
    names = tuple(f"acme/{number}" for number in range(6))
    assert strangers_sentence(UnregisteredMail(6, 12, 6, names)) == (
        "18 mails (6 held here alone) of 6 accounts that are not in the registry: "
        "acme/0, acme/1, acme/2, acme/3, acme/4, …; see `mailferry status`"
    )
