"""What is said of the condition of all accounts beside its numbers. Pure."""

from __future__ import annotations

from shared.operations.wording import counted
from shared.ports.store import UnregisteredMail

MOST_NAMED = 5


def failure_age(since: float | None, now: float) -> float:
    """Return for how many seconds a failing account has been without success; 0 where none fails.

    The time while an account was paused, or no fetcher ran, counts.
    """
    return 0.0 if since is None else max(0.0, now - since)


def strangers_sentence(mail: UnregisteredMail) -> str | None:
    """Return a sentence about mail of accounts not in the registry; None if there is none."""
    if not mail.accounts:
        return None
    named = ", ".join(mail.named[:MOST_NAMED]) + (", …" if mail.accounts > MOST_NAMED else "")
    accounts = "account that is" if mail.accounts == 1 else "accounts that are"
    alone = f" ({mail.here} held here alone)" if mail.here else ""
    return (
        f"{counted(mail.at_source + mail.here, 'mail')}{alone} of {mail.accounts} {accounts} "
        f"not in the registry: {named}; see `mailferry status`"
    )
