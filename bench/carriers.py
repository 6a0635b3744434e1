"""Programs that carry the mails of a source: fetchmail, getmail and Mailferry, near and far."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from bench.distance import distant
from bench.ferry import distributed, embedded, standing
from bench.fetchmail import one_fetchmail, parallel_fetchmails
from bench.getmail import getmails
from bench.result import Result
from bench.source import Source, source_directory
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq
from tests.servers.smtp_sink import SmtpSink

OVER_IMAP = {"parallel imap": parallel_fetchmails, "imap": embedded, "standing imap": standing}
DISTANT_MAILS = 20
LASTING_IMAP = "service imap {\n  service_count = 1000\n  client_limit = 1\n}\n"
"""A process of Dovecot serves one session after another, as those for POP3 do."""


def carry(
    programs: Sequence[str],
    source: Source,
    sink: SmtpSink,
    work: Path,
    stack: ExitStack,
    console: Console,
) -> dict[str, Result]:
    """Measure these programs on the same source, one after the other."""
    results: dict[str, Result] = {}
    for program in programs:
        console.print(f"{program} …")
        match program:
            case "one":
                few = replace(source, accounts=max(1, source.accounts // 10))
                few.fill()
                results[program] = one_fetchmail(few, sink, work)
            case "parallel":
                source.fill()
                results[program] = parallel_fetchmails(source, sink, work)
            case "embedded":
                source.fill()
                results[program] = embedded(source, sink, work)
            case "standing":
                source.fill()
                results[program] = standing(source, sink, work)
            case "getmail":
                by_imap = replace(source, protocol="imap")
                by_imap.fill()
                if (found := getmails(by_imap, work, console)) is None:
                    continue
                results[program] = found
            case "parallel imap" | "imap" | "standing imap":
                by_imap = replace(source, protocol="imap")
                by_imap.fill()
                carry = OVER_IMAP[program]
                results[program] = carry(by_imap, sink, work)
            case _:
                rabbitmq = stack.enter_context(RabbitMq(stack.enter_context(server_directory("rabbitmq"))))
                postgres = stack.enter_context(Postgres(stack.enter_context(server_directory("postgres"))))
                source.fill()
                results[program] = distributed(source, sink, work, rabbitmq.url(), postgres.create_database())
        console.print(f"  {results[program].rate:.0f} mails/s")
    return results


def carry_from_afar(
    sink: SmtpSink, accounts: int, octets: int, stack: ExitStack, console: Console
) -> dict[str, Result]:
    """Parallel fetchmails and Mailferry, both through the same proxy."""
    dovecot = stack.enter_context(Dovecot(stack.enter_context(source_directory()), extra=LASTING_IMAP))
    work = stack.enter_context(server_directory("work"))
    source = Source(dovecot, accounts, DISTANT_MAILS, octets)
    source.create()
    results = {}
    with distant(dovecot.pop3_port) as port, distant(dovecot.imap_port, greeting=b"* OK") as imap_port:
        by_pop3 = replace(source, distant_port=port)
        by_imap = replace(source, distant_port=imap_port, protocol="imap")
        carriers = {
            "distant fetchmails": (parallel_fetchmails, by_pop3),
            "distant fetchmails imap": (parallel_fetchmails, by_imap),
            "distant": (embedded, by_pop3),
            "distant imap": (embedded, by_imap),
            "distant standing": (standing, by_pop3),
            "distant standing imap": (standing, by_imap),
        }
        for name, (carry, far) in carriers.items():
            console.print(f"{name} …")
            far.fill()
            result = carry(far, sink, work)
            results[name] = replace(result, name=f"{result.name}, 20 ms away")
    return results
