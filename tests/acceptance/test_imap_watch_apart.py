"""Two fetchers that keep sessions of the same account open: nothing doubles, and no connections pile up."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tag_of, tagged_mails
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry, FerryProcess
from tests.servers.ferry_config import account, configuration
from tests.servers.postgres import Postgres
from tests.servers.rabbitmq import RabbitMq

KEPT = "mailferry_fetcher_sessions_kept"


def kept_by(*fetchers: FerryProcess) -> list[float]:
    return [each.metric(KEPT) for each in fetchers]


def test_one_of_two_fetchers_delivers_and_only_one_keeps_its_session(
    dovecot: Dovecot, postgres: Postgres, rabbitmq: RabbitMq, tmp_path: Path
) -> None:
    login = dovecot.new_user()
    mails = tagged_mails("amy", 4, to="amy@corp.example")
    lines = ('watch = "idle"', 'poll = "1h"', 'retention = "keep"')
    servers = (
        f'store.url = "{postgres.create_database()}"\nbroker.url = "{rabbitmq.url(rabbitmq.add_vhost())}"'
    )
    with in_background(SmtpServer()) as target:
        accounts = [account("amy", dovecot.imap_port, login, *lines, scheme="imap")]
        with Ferry(tmp_path, configuration(accounts, servers=servers, target=target.port)) as ferry:
            prepared = [ferry.call("db", "upgrade"), ferry.call("topology", "apply")]
            assert [each.code for each in prepared] == [0, 0], prepared
            services = [ferry.start(each).ready() for each in ("router", "relay", "fetcher")]
            first = services[-1]
            first.wait_until(lambda: kept_by(first) == [1])
            second = ferry.start("fetcher").ready()
            first.send(signal.SIGSTOP)
            # As when the safety poll falls to the other one.
            assert ferry.call("pause", "acme/amy").code == 0
            assert ferry.call("resume", "acme/amy").code == 0
            second.wait_until(lambda: kept_by(second) == [1])
            first.send(signal.SIGCONT)
            first.wait_until(lambda: kept_by(first, second) == [0, 1])
            assert len(first.said("open session ended, as another process has the account now")) == 1
            for number, mail in enumerate(mails, 1):
                dovecot.fill(login.name, [mail.raw])
                first.wait_until(lambda number=number: len(target.accepted) == number)  # type: ignore[misc]
            first.wait_until(lambda: sum(kept_by(first, second)) == 1)
            assert [each.terminate() for each in (*services, second)] == [0] * 4
            assert ferry.call("journal", "verify").out == "4 mails, no differences\n"
    assert sorted(tag_of(each.content) for each in target.accepted) == sorted(mail.tag for mail in mails)
    assert dovecot.log().count(f"imap-login: Info: Login: user=<{login.name}>") == 2
