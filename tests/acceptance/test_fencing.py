"""A fetcher is stopped past its lease, as on a suspended machine, and goes on when another has taken over."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tagged_mails
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.oracle import Records, assert_arrived_whole, copies

MAILS = tagged_mails("fenced", 12)
LATER = tagged_mails("later", 3)


def holder(records: Records) -> str | None:
    """The fetcher that visits the account now."""
    (state,) = json.loads(records.output_of("status", "-o", "json"))["accounts"]
    name = state["visited_by"]
    return None if name is None else str(name)


def routed(records: Records) -> int:
    """How many mails the router has routed."""
    return sum(story["status"] == "routed" for story in records.stories("bob@corp.example"))


def test_fault_33_a_fetcher_stopped_past_its_lease_can_no_longer_write(
    dovecot: Dovecot, rabbitmq_url: str, postgres_url: str, tmp_path: Path
) -> None:
    login = dovecot.new_user()
    dovecot.fill(login.name, [mail.raw for mail in MAILS])
    servers = f'store.url = "{postgres_url}"\nbroker.url = "{rabbitmq_url}"'
    with in_background(SmtpServer()) as target:
        text = configuration(
            [account("bob", dovecot.pop3_port, login)],
            servers=servers,
            leases='account = "1s"\nmessage = "60s"',
            target=target.port,
        )
        with Ferry(tmp_path, text.replace('settle_wait = "3s"', 'settle_wait = "60s"')) as ferry:
            records = Records(ferry.path)
            assert (ferry.call("db", "upgrade").code, ferry.call("topology", "apply").code) == (0, 0)
            # Nothing is delivered yet: the first fetcher has read all mails and waits for news of them.
            router, paused = ferry.start("router"), ferry.start("fetcher")
            paused.wait_until(lambda: routed(records) == len(MAILS))
            first = holder(records)
            assert first is not None
            paused.send(signal.SIGSTOP)

            relay, successor = ferry.start("relay"), ferry.start("fetcher")
            successor.wait_until(lambda: dovecot.remaining_count(login.name) == 0)
            assert holder(records) != first

            paused.send(signal.SIGCONT)
            paused.wait_until(lambda: "passed on" in paused.output)
            dovecot.fill(login.name, [mail.raw for mail in LATER])
            paused.wait_until(lambda: dovecot.remaining_count(login.name) == 0)
            everybody = (paused, successor, router, relay)
            assert [process.terminate() for process in everybody] == [0, 0, 0, 0]
        assert_arrived_whole(target.accepted, [*MAILS, *LATER])
        assert copies(target.accepted) == {(mail.tag, "bob@corp.example"): 1 for mail in [*MAILS, *LATER]}
    records.assert_journal_agrees(len(MAILS) + len(LATER))
