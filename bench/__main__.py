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
`oauth` is the CPU for renewing a grant. `scale` is 1, 2 and 4 of each service, each process with `--share` of
a core.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from bench import idle
from bench.distance import distant
from bench.ferry import distributed, embedded, standing
from bench.fetchmail import one_fetchmail, parallel_fetchmails
from bench.getmail import getmails
from bench.handshake import handshakes
from bench.headers import headers
from bench.huge import huge_mail, huge_mail_in_parts
from bench.kept_small import kept_small
from bench.oauth import Place, oauth
from bench.polls import polls
from bench.registry import postgres_place, registry, sqlite_place
from bench.relay import relay_alone, relay_large
from bench.report import show, write
from bench.result import Result
from bench.scale import scale
from bench.source import Source, source_directory
from bench.tenants import fairness
from bench.watch import watch
from shared.adapters.sql import upgrade
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq
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
    "scale",
)
ON_REQUEST = frozenset({"polls", "watch", "kept", "getmail", "registry", "oauth", "scale"})
"""Contestants that need many accounts or mails and many minutes, or something that is installed from the
network; they run only where `--only` names them."""
OVER_IMAP = {"parallel imap": parallel_fetchmails, "imap": embedded, "standing imap": standing}
IDLE_ACCOUNTS = 1000
DISTANT_MAILS = 20
KEPT_MAILS, KEPT_OCTETS = 10, 1024
"""Of each mailbox in which copies stay."""
LASTING_IMAP = "service imap {\n  service_count = 1000\n  client_limit = 1\n}\n"
"""A process of Dovecot serves one session after another, as those for POP3 do."""
MANY_SESSIONS = (
    LASTING_IMAP
    + "default_process_limit = 4096\nservice imap {\n  process_limit = 4096\n}\n"
    + "service imap-login {\n  client_limit = 4096\n}\nmail_max_userip_connections = 4096\n"
)
"""More than one for each mailbox: those that wait, and those that give mail."""


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
            results |= _measure(carriers, source, sink, work, stack, console)
        if "scale" in wanted:
            results |= _scale(sink, options, stack, console)
        if "distant" in wanted:
            results |= _distant(sink, options.accounts, options.octets, stack, console)
        if "idle" in wanted:
            results |= _idle(sink, stack, console)
        if {"polls", "watch"} & {*wanted}:
            results |= _waiting(wanted, sink, options.waiting, stack, console)
        if "fairness" in wanted:
            console.print("fairness …")
            dovecot = stack.enter_context(Dovecot(stack.enter_context(source_directory())))
            home = stack.enter_context(server_directory("tenants"))
            results |= fairness(dovecot, sink, home, options.octets)
        results |= _relay(wanted, sink, options.octets) | kept_small(wanted, sink, stack, console)
        results |= _without_servers(wanted, stack, console)
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
    parser.add_argument("--share", type=float, default=0.25, help="of a core for each process of `scale`")
    parser.add_argument("--only", action="append", choices=CONTESTANTS, help="may be given several times")
    return parser


def _scale(
    sink: SmtpSink, options: argparse.Namespace, stack: ExitStack, console: Console
) -> dict[str, Result]:
    """Several of each service, over one RabbitMQ and one PostgreSQL."""
    dovecot = stack.enter_context(Dovecot(stack.enter_context(source_directory())))
    work = stack.enter_context(server_directory("scale"))
    source = Source(dovecot, options.accounts, options.mails, options.octets)
    source.create()
    rabbitmq = stack.enter_context(RabbitMq(stack.enter_context(server_directory("rabbitmq"))))
    postgres = stack.enter_context(Postgres(stack.enter_context(server_directory("postgres"))))
    return scale(source, sink, work, rabbitmq, postgres, options.share, console)


def _relay(wanted: Sequence[str], sink: SmtpSink, octets: int) -> dict[str, Result]:
    measure = {"relay": lambda: relay_alone(sink, octets), "large": lambda: relay_large(sink)}
    return {name: measure[name]() for name in measure if name in wanted}


def _without_servers(wanted: Sequence[str], stack: ExitStack, console: Console) -> dict[str, Result]:
    """Measure what needs no mail server."""
    results = _registry(stack, console) if "registry" in wanted else {}
    if "oauth" in wanted:
        results |= _oauth(stack, console)
    if "huge" in wanted:
        directory = stack.enter_context(server_directory("huge"))
        results["huge"] = huge_mail(directory)
        results["huge-imap"] = huge_mail_in_parts(directory)
    if "handshake" in wanted:
        results |= handshakes(stack.enter_context(server_directory("handshake")))
    if "headers" in wanted and (decided := headers()):
        results["headers"] = decided
    return results


def _reference(results: Mapping[str, Result]) -> Result:
    """Return the result that the others are compared with."""
    for name in ("parallel", "bare", "distant fetchmails"):
        if name in results:
            return results[name]
    return next(iter(results.values()))


def _idle(sink: SmtpSink, stack: ExitStack, console: Console) -> dict[str, Result]:
    """Bare clients, Mailferry, and a bare client again, in case the load of the machine changed."""
    dovecot = stack.enter_context(Dovecot(stack.enter_context(source_directory())))
    work = stack.enter_context(server_directory("work"))
    source = Source(dovecot, IDLE_ACCOUNTS, 0, 0)
    source.create()
    rabbitmq = stack.enter_context(RabbitMq(stack.enter_context(server_directory("rabbitmq"))))
    postgres = stack.enter_context(Postgres(stack.enter_context(server_directory("postgres"))))
    embedded_urls = {"broker": "memory:", "store": f"sqlite:///{work}/idle/mailferry.db"}
    apart_urls = {"broker": rabbitmq.url(), "store": postgres.create_database()}
    console.print("idle …")
    return {
        "bare": idle.bare(source, 1),
        "bare at once": idle.bare(source, idle.BARE_AT_ONCE),
        "idle": idle.polled("mailferry run, SQLite", source, sink, work / "idle", "run", embedded_urls),
        "idle apart": idle.polled(
            "mailferry fetcher, PostgreSQL", source, sink, work / "apart", "fetcher", apart_urls
        ),
        "bare again": replace(idle.bare(source, 1), name="bare client, again"),
    }


def _waiting(
    wanted: Sequence[str], sink: SmtpSink, accounts: int, stack: ExitStack, console: Console
) -> dict[str, Result]:
    """Mailboxes in which little or nothing comes."""
    results: dict[str, Result] = {}
    home = stack.enter_context(server_directory("waiting"))
    dovecot = stack.enter_context(Dovecot(stack.enter_context(source_directory()), extra=MANY_SESSIONS))
    source = Source(dovecot, accounts, KEPT_MAILS, KEPT_OCTETS)
    source.create()
    if "polls" in wanted:
        results |= polls(source, sink, home, console)
    if "watch" in wanted:
        console.print("watch …")
        empty = replace(source, mails=0)
        empty.fill()
        results |= watch(empty, sink, home)
    return results


def _registry(stack: ExitStack, console: Console) -> dict[str, Result]:
    """Many accounts, on SQLite and on PostgreSQL."""
    rabbitmq = stack.enter_context(RabbitMq(stack.enter_context(server_directory("rabbitmq"))))
    postgres = stack.enter_context(Postgres(stack.enter_context(server_directory("postgres"))))
    homes = [stack.enter_context(server_directory(name)) for name in ("registry-file", "registry-server")]
    apart = postgres_place(homes[1], postgres.create_database(), rabbitmq.url())
    return registry([sqlite_place(homes[0]), apart], console)


def _oauth(stack: ExitStack, console: Console) -> dict[str, Result]:
    """Renewing grants, on SQLite and on PostgreSQL."""
    home = stack.enter_context(server_directory("oauth"))
    postgres = stack.enter_context(Postgres(stack.enter_context(server_directory("postgres"))))
    urls = {"SQLite": f"sqlite://{home}/mailferry.db", "PostgreSQL": postgres.create_database()}
    for url in urls.values():
        upgrade(url)
    return oauth([Place(name, url) for name, url in urls.items()], home, console)


def _distant(
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


def _measure(
    programs: Sequence[str],
    source: Source,
    sink: SmtpSink,
    work: Path,
    stack: ExitStack,
    console: Console,
) -> dict[str, Result]:
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


if __name__ == "__main__":
    main()
