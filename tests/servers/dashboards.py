"""Mailferry's three services under load, watched by a Prometheus: what the tests of dashboards look at.

The server of one account is away, one target is out of reach, two mails are parked, so that the panels about
faults have something to show.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tagged_mails
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration, single
from tests.servers.ports import LOOPBACK, free_port
from tests.servers.process import eventually
from tests.servers.prometheus import Prometheus

JOB = "mailferry"
NAMES = [f"watched-{number}" for number in range(1, 5)]
ROUNDS, MAILS = 6, 25
SERVICES = ("router", "relay", "fetcher")
LISTEN = "MAILFERRY_METRICS__LISTEN"
STEP = 1.0
RATE_INTERVAL = "4s"
"""Four times the scrapes' interval and more, as Grafana chooses it."""
FAULTS = (
    'mailferry_accounts{state="failing"}',
    "mailferry_relay_targets_out",
    "mailferry_parked_recipients",
)
BOARDS = Path(__file__).parents[2] / "deploy" / "grafana"


@dataclass(frozen=True)
class Watched:
    """The Prometheus, and the time in which there was load."""

    prometheus: Prometheus
    start: float
    end: float

    def series(self, expression: str) -> list[dict[str, Any]]:
        """The series of a panel's query, as Grafana asks for them with all variables at All."""
        query = expression.replace("$__rate_interval", RATE_INTERVAL)
        for variable in ("cluster", "namespace", "job"):
            query = query.replace(f'"${variable}"', '".*"')
        return self.prometheus.range(query, self.start, self.end, STEP)


def panels() -> list[tuple[str, dict[str, Any]]]:
    """Every panel that has queries, with the name of its dashboard."""
    found: list[tuple[str, dict[str, Any]]] = []
    for path in sorted(BOARDS.glob("*.json")):
        outer = json.loads(path.read_text())["panels"]
        every = [*outer, *(inner for row in outer for inner in row.get("panels", ()))]
        found += [(path.stem, panel) for panel in every if panel.get("targets")]
    return found


@contextmanager
def watched_load(
    directory: Path, dovecot: Dovecot, postgres_url: str, rabbitmq_url: str, rounds: int = ROUNDS
) -> Iterator[Watched]:
    """Run the services and a Prometheus, and give them mail, `rounds` times."""
    for name in NAMES:
        dovecot.add_user(name, "secret")
    unreachable, refused = dovecot.new_user(), dovecot.new_user()
    with in_background(SmtpServer(recipients={"nobody@corp.example": "550 5.1.1 No such user"})) as target:
        text = configuration(
            [
                f'[[targets]]\nname = "gone"\nurl = "smtp://{LOOPBACK}:{free_port()}"\ntls = "off"\n',
                *(account(name, dovecot.pop3_port, Login(name, "secret")) for name in NAMES),
                account("away", free_port(), Login("away", "secret")),
                account("gone", dovecot.pop3_port, unreachable, 'target = "gone"', *single("a@corp.example")),
                account("refused", dovecot.pop3_port, refused, *single("nobody@corp.example")),
            ],
            servers=f'store.url = "{postgres_url}"\nbroker.url = "{rabbitmq_url}"',
            target=target.port,
        )
        addresses = {service: f"{LOOPBACK}:{free_port()}" for service in SERVICES}
        # Prometheus asks nobody within its first five seconds, so it starts before the services.
        with (
            server_directory("prometheus") as place,
            Prometheus(place, {JOB: list(addresses.values())}) as prometheus,
            Ferry(directory, text) as ferry,
        ):
            for command in (("db", "upgrade"), ("topology", "apply")):
                assert ferry.call(*command).code == 0
            processes = [ferry.start(each, **{LISTEN: addresses[each]}) for each in ("router", "relay")]
            visited_before(ferry, dovecot)
            processes.append(ferry.start("fetcher", **{LISTEN: addresses["fetcher"]}))
            for process in processes:
                process.ready()
            assert eventually(partial(holds, prometheus, f"sum(up) == {len(addresses)}"))
            start = time.time()
            dovecot.fill(refused.name, [mail.raw for mail in tagged_mails("refused", 2, to="x@corp.example")])
            dovecot.fill(
                unreachable.name, [mail.raw for mail in tagged_mails("gone", 3, to="a@corp.example")]
            )
            for number in range(rounds):
                fill(dovecot, number)
                delivered = 1 + (number + 1) * MAILS * len(NAMES)
                assert eventually(partial(has_delivered, prometheus, delivered)), seen(prometheus)
            for fault in FAULTS:
                lasting = f"min_over_time({fault}[3s]) > 0"
                assert eventually(partial(holds, prometheus, lasting)), fault
            yield Watched(prometheus, start, time.time())


def visited_before(ferry: Ferry, dovecot: Dovecot) -> None:
    """Let a first fetcher fetch a mail, fail once and end.

    The next one finds a tenant with mails of the day and a failing account when it first looks at all
    accounts; it looks again after half a minute only.
    """
    dovecot.fill(NAMES[0], [mail.raw for mail in tagged_mails("before", 1, to=f"{NAMES[0]}@corp.example")])
    fetcher = ferry.start("fetcher").ready()
    fetcher.wait_until(lambda: any(each["fetched"] for each in fetcher.said("visited")))
    fetcher.wait_until(lambda: any(each["outcome"] == "failed" for each in fetcher.said("visited")))
    fetcher.terminate()


def fill(dovecot: Dovecot, number: int) -> None:
    for name in NAMES:
        mails = tagged_mails(f"{name}-{number}", MAILS, to=f"{name}@corp.example")
        dovecot.fill(name, [mail.raw for mail in mails])


def has_delivered(prometheus: Prometheus, count: int) -> bool:
    return seen(prometheus) >= count


def holds(prometheus: Prometheus, query: str) -> bool:
    """Whether an instant query has a result."""
    return bool(prometheus.values(query))


def seen(prometheus: Prometheus) -> float:
    """The mails that were delivered, as far as Prometheus knows."""
    found = prometheus.values('sum(mailferry_relay_outcomes_total{status="delivered"})')
    return float(found[0]["value"][1]) if found else 0.0
