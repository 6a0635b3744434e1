"""`make bench`: fetchmail and Mailferry carry the same mails between the same servers, one after the other.

Starts Dovecot, smtp-sink, RabbitMQ and PostgreSQL as private processes on loopback. Prints a table and writes
`bench/results/latest.json`. A single fetchmail is measured on a tenth of the accounts, as it takes
minutes for all. `relay` is the relay alone, without a source; `headers` the router's decision alone, where
the corpus of real mails is at hand.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from bench.ferry import distributed, embedded
from bench.fetchmail import one_fetchmail, parallel_fetchmails
from bench.headers import headers
from bench.relay import relay_alone
from bench.report import show, write
from bench.result import Result
from bench.source import Source
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq
from tests.servers.smtp_sink import SmtpSink

RESULTS = Path(__file__).parent / "results" / "latest.json"
FROM_SOURCE = ("one", "parallel", "embedded", "distributed")
CONTESTANTS = (*FROM_SOURCE, "relay", "headers")


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--mails", type=int, default=50, help="per account")
    parser.add_argument("--octets", type=int, default=4096, help="per mail")
    parser.add_argument("--only", action="append", choices=CONTESTANTS, help="may be given several times")
    options = parser.parse_args()
    console = Console()
    wanted = options.only or CONTESTANTS
    with ExitStack() as stack:
        sink = stack.enter_context(SmtpSink(stack.enter_context(server_directory("sink")), keep=False))
        results: dict[str, Result] = {}
        carriers = [each for each in wanted if each in FROM_SOURCE]
        if carriers:
            dovecot = stack.enter_context(Dovecot(stack.enter_context(server_directory("dovecot"))))
            work = stack.enter_context(server_directory("work"))
            source = Source(dovecot, options.accounts, options.mails, options.octets)
            source.create()
            results |= _measure(carriers, source, sink, work, stack, console)
        if "relay" in wanted:
            results["relay"] = relay_alone(sink, options.octets)
        if "headers" in wanted and (decided := headers()):
            results["headers"] = decided
    if not results:
        parser.exit(1, "nothing was measured: the corpus of real mails is not at hand\n")
    reference = results.get("parallel") or next(iter(results.values()))
    show(list(results.values()), reference, console)
    write(list(results.values()), RESULTS)
    console.print(f"written to {RESULTS}")


def _measure(
    contestants: Sequence[str],
    source: Source,
    sink: SmtpSink,
    work: Path,
    stack: ExitStack,
    console: Console,
) -> dict[str, Result]:
    results: dict[str, Result] = {}
    for contestant in contestants:
        console.print(f"{contestant} …")
        match contestant:
            case "one":
                few = replace(source, accounts=max(1, source.accounts // 10))
                few.fill()
                results[contestant] = one_fetchmail(few, sink, work)
            case "parallel":
                source.fill()
                results[contestant] = parallel_fetchmails(source, sink, work)
            case "embedded":
                source.fill()
                results[contestant] = embedded(source, sink, work)
            case _:
                rabbitmq = stack.enter_context(RabbitMq(stack.enter_context(server_directory("rabbitmq"))))
                postgres = stack.enter_context(Postgres(stack.enter_context(server_directory("postgres"))))
                source.fill()
                results[contestant] = distributed(
                    source, sink, work, rabbitmq.url(), postgres.create_database()
                )
        console.print(f"  {results[contestant].rate:.0f} mails/s")
    return results


if __name__ == "__main__":
    main()
