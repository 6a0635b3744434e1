"""`make bench`: fetchmail and Mailferry carry the same mails between the same servers, one after the other.

Starts Dovecot, smtp-sink, RabbitMQ and PostgreSQL as private processes on loopback. Prints a table and writes
`bench/results/latest.json`. `embedded` is `mailferry once` from its start to its end, `standing` is
`mailferry run` from when it is ready, as `distributed` is; `imap` and `standing imap` are the same from an
IMAP source, and so is `parallel imap`, fetchmails. A single fetchmail is measured on a tenth of the
accounts, as it takes minutes for all. `relay` is the relay alone, without a source, and `large` the same with
one mail of 1 GiB; `headers` is the router's decision alone, where the corpus of real mails is at hand. `idle`
polls 1,000 mailboxes without mail, `distant` carries 20 mails of each account from a server that is 20 ms
away. `huge` is one mail of 1 GiB through the fetcher alone, by POP3, and by IMAP in parts over a line that
breaks twice. `fairness` is a tenant's single mails alone and
beside another tenant's 10,000. `bounded` watches memory and disk with 100,000 mails waiting and no target;
`rows` is the cost of a mail in a database with 1,000 and with 1,000,000 rows; `handshake` is the CPU for
beginning TLS, in full and resumed. `polls` visits mailboxes in which nothing came, in
each way; `watch` waits in all of them for the server to tell of mail. `kept` is an empty poll and one new
mail in a mailbox with 1,000,000 kept mails, and in an empty one. `getmail` is getmail6 over IMAP, where it
can be installed. `registry` applies, starts and asks with 1,000, 10,000 and 100,000 accounts.
`oauth` is the CPU for renewing a grant. `api` is requests to the API while mail is carried, and `console` all
pages of the console, with `--large-accounts` accounts and `--large-mails` mails. `scale` is 1, 2 and 4 of
each service, each process with `--share` of a core.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from bench.alone import (
    measure_idle,
    measure_large,
    measure_relay,
    measure_scale,
    measure_waiting,
    measure_without_servers,
)
from bench.carriers import LASTING_IMAP, carry, carry_from_afar
from bench.kept_small import kept_small
from bench.large import Large
from bench.report import show, write
from bench.result import Result
from bench.source import Source, source_directory
from bench.tenants import fairness
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot
from tests.servers.smtp_sink import SmtpSink

RESULTS = Path(__file__).parent / "results" / "latest.json"
FROM_SOURCE = (
    "one",
    "parallel",
    "parallel imap",
    "getmail",
    "embedded",
    "standing",
    "imap",
    "standing imap",
    "distributed",
)
CONTESTANTS = (
    *FROM_SOURCE,
    "relay",
    "large",
    "headers",
    "idle",
    "distant",
    "fairness",
    "huge",
    "bounded",
    "rows",
    "handshake",
    "polls",
    "watch",
    "kept",
    "registry",
    "oauth",
    "api",
    "console",
    "scale",
)
ON_REQUEST = frozenset({"polls", "watch", "kept", "getmail", "registry", "oauth", "api", "console", "scale"})
"""Contestants that need many accounts or mails and many minutes, or something that is installed from the
network; they run only where `--only` names them."""


def main() -> None:
    """Run the measurements of the command line."""
    parser = _parser()
    options = parser.parse_args()
    # Told to stop, it stops the servers and the Mailferry that it started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    console = Console()
    wanted = options.only or [each for each in CONTESTANTS if each not in ON_REQUEST]
    with ExitStack() as stack:
        sink = stack.enter_context(SmtpSink(stack.enter_context(server_directory("sink")), keep=False))
        results: dict[str, Result] = {}
        carriers = [each for each in wanted if each in FROM_SOURCE]
        if carriers:
            dovecot = stack.enter_context(
                Dovecot(stack.enter_context(source_directory()), extra=LASTING_IMAP)
            )
            work = stack.enter_context(server_directory("work"))
            source = Source(dovecot, options.accounts, options.mails, options.octets)
            source.create()
            results |= carry(carriers, source, sink, work, stack, console)
        if "scale" in wanted:
            results |= measure_scale(sink, options, stack, console)
        if "distant" in wanted:
            results |= carry_from_afar(sink, options.accounts, options.octets, stack, console)
        if "idle" in wanted:
            results |= measure_idle(sink, stack, console)
        if {"polls", "watch"} & {*wanted}:
            results |= measure_waiting(wanted, sink, options.waiting, stack, console)
        if "fairness" in wanted:
            console.print("fairness …")
            dovecot = stack.enter_context(Dovecot(stack.enter_context(source_directory())))
            home = stack.enter_context(server_directory("tenants"))
            results |= fairness(dovecot, sink, home, options.octets)
        results |= measure_relay(wanted, sink, options.octets) | kept_small(wanted, sink, stack, console)
        if {"api", "console"} & {*wanted}:
            large = Large(options.large_accounts, options.large_mails)
            results |= measure_large(wanted, sink, large, stack, console)
        results |= measure_without_servers(wanted, stack, console)
    if not results:
        parser.exit(1, "nothing was measured: what it needs is not at hand\n")
    reference = _reference(results)
    show(list(results.values()), reference, console)
    write(list(results.values()), RESULTS)
    console.print(f"written to {RESULTS}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--accounts", type=int, default=100)
    parser.add_argument("--mails", type=int, default=50, help="per account")
    parser.add_argument("--octets", type=int, default=4096, help="per mail")
    parser.add_argument("--waiting", type=int, default=1000, help="mailboxes of `polls` and `watch`")
    parser.add_argument("--large-accounts", type=int, default=100_000, help="of `api` and `console`")
    parser.add_argument("--large-mails", type=int, default=1_000_000, help="of `api` and `console`")
    parser.add_argument("--share", type=float, default=0.25, help="of a core for each process of `scale`")
    parser.add_argument("--only", action="append", choices=CONTESTANTS, help="may be given several times")
    return parser


def _reference(results: Mapping[str, Result]) -> Result:
    """Return the result that the others are compared with."""
    for name in ("parallel", "bare", "distant fetchmails"):
        if name in results:
            return results[name]
    return next(iter(results.values()))


if __name__ == "__main__":
    main()
