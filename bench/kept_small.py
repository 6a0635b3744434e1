"""What must not grow: memory while nothing can be delivered, the cost of a mail in a large database, and the
cost of a visit to a large mailbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from rich.console import Console

from bench.bounded import bounded
from bench.kept import kept
from bench.result import Result
from bench.rows import Servers, rows
from bench.source import Source, source_directory
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq
from tests.servers.smtp_sink import SmtpSink

ACCOUNTS, MAILS, OCTETS = 100, 1000, 1024


def kept_small(
    wanted: Sequence[str], sink: SmtpSink, stack: ExitStack, console: Console
) -> dict[str, Result]:
    """Run the chosen ones of `bounded`, `rows` and `kept`."""
    results: dict[str, Result] = {}
    if "bounded" in wanted:
        console.print("bounded …")
        results |= _bounded(stack, console)
    if "rows" in wanted:
        console.print("rows …")
        servers = Servers(
            stack.enter_context(Dovecot(stack.enter_context(source_directory()))),
            sink,
            stack.enter_context(RabbitMq(stack.enter_context(server_directory("rabbitmq")))),
            stack.enter_context(Postgres(stack.enter_context(server_directory("postgres")))),
        )
        results |= rows(servers, stack.enter_context(server_directory("rows")), console)
    if "kept" in wanted:
        console.print("kept …")
        results |= kept(sink, stack.enter_context(server_directory("kept")), console)
    return results


def _bounded(stack: ExitStack, console: Console) -> dict[str, Result]:
    dovecot = stack.enter_context(Dovecot(stack.enter_context(server_directory("dovecot"))))
    source = Source(dovecot, ACCOUNTS, MAILS, OCTETS)
    source.create()
    source.fill()
    rabbitmq = stack.enter_context(RabbitMq(stack.enter_context(server_directory("rabbitmq"))))
    postgres = stack.enter_context(Postgres(stack.enter_context(server_directory("postgres"))))
    home = stack.enter_context(server_directory("bounded"))
    return bounded(source, rabbitmq, postgres, home, console)
