"""Login tests of several sources and targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.config import Configuration
from shared.operations.existence import queried_domains
from shared.operations.login_test import LoginTest, ShowLine
from shared.operations.mailboxes import OpenMailbox
from shared.operations.objects.naming import with_registry
from shared.operations.source_login_test import try_source
from shared.operations.target_login_test import known_recipient, try_target


@dataclass(frozen=True, slots=True)
class LoginTestOptions:
    """How to try. `keep_in`: read one mail of each source, and keep its copy in this directory. `recipient`:
    ask the targets about this address. `show` returns, for an account or target, what is given each line of
    its dialogue.
    """

    keep_in: Path | None = None
    recipient: str | None = None
    show: Callable[[str], ShowLine] | None = None


async def try_logins(
    configuration: Configuration,
    accounts: Sequence[str],
    targets: Sequence[str],
    options: LoginTestOptions,
    open_mailbox: OpenMailbox,
) -> list[LoginTest]:
    """Log in to the sources of these accounts, and to these targets.

    One after the other, so that dialogues do not mix and no provider counts several logins at once. Raises
    what `with_registry` does.
    """
    configuration = await with_registry(configuration, accounts, targets)
    tests = []
    for name in accounts:
        show = options.show(name) if options.show else None
        account = configuration.accounts[name]
        tests.append(await try_source(account, open_mailbox, show, options.keep_in))
    for name in targets:
        recipient = options.recipient or known_recipient(configuration, name)
        show = options.show(name) if options.show else None
        target, helo_name = configuration.targets[name], configuration.relay.helo_name
        domains = queried_domains(configuration, name)
        tests.append(await try_target(target, helo_name, recipient, show, domains))
    return tests
