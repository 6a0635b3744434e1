"""The registry: what changes there takes effect on all machines, without HUP, and harms nobody else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.fakes.background import in_background
from tests.fakes.command import Ended
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tag_of, tagged
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry, FerryProcess
from tests.servers.ferry_config import account, configuration, single


def apart(postgres_url: str, rabbitmq_url: str) -> str:
    return f'store.url = "{postgres_url}"\nbroker.url = "{rabbitmq_url}"'


def prepared(ferry: Ferry) -> None:
    for command in (("db", "upgrade"), ("apply",), ("topology", "apply")):
        done = ferry.call(*command)
        assert done.code == 0, done.err


def apply_another(ferry: Ferry, path: Path, *options: str) -> Ended:
    """Apply another file than the one of the services."""
    own, ferry.path = ferry.path, path
    try:
        return ferry.call("apply", *options)
    finally:
        ferry.path = own


def start_on_two_machines(ferry: Ferry) -> list[FerryProcess]:
    """Fetcher, router and relay, each twice."""
    services = ["fetcher", "router", "relay"] * 2
    return [process.ready() for process in [ferry.start(each) for each in services]]


def accounts_of(ferry: Ferry) -> dict[str, dict[str, Any]]:
    shown = ferry.call("status", "-o", "json")
    return {row["account"]: row for row in json.loads(shown.out)["accounts"]}


def tags(target: SmtpServer) -> list[str]:
    return sorted(tag_of(mail.content) for mail in target.accepted)


def test_password_target_and_recipient_change_without_hup(
    dovecot: Dovecot, rabbitmq_url: str, postgres_url: str, tmp_path: Path
) -> None:
    login = dovecot.new_user()
    servers = apart(postgres_url, rabbitmq_url)
    wrong = replace(login, password="wrong")
    with in_background(SmtpServer()) as first, in_background(SmtpServer()) as second:

        def text(login: Any, target: SmtpServer, recipient: str) -> str:
            bob = account("bob", dovecot.pop3_port, login, *single(recipient))
            return configuration([bob], servers=servers, target=target.port)

        with Ferry(tmp_path, text(wrong, first, "bob@corp.example")) as ferry:
            prepared(ferry)
            everybody = start_on_two_machines(ferry)
            fetchers = everybody[::3]
            dovecot.fill(login.name, [tagged("one").raw])
            fetchers[0].wait_until(
                lambda: any(line["outcome"] == "failed" for each in fetchers for line in each.said("visited"))
            )

            ferry.path.write_text(text(login, first, "bob@corp.example"))
            ferry.apply()
            fetchers[0].wait_until(lambda: tags(first) == ["one"])

            ferry.path.write_text(text(login, second, "bob@corp.example"))
            ferry.apply()
            dovecot.fill(login.name, [tagged("two").raw])
            fetchers[0].wait_until(lambda: tags(second) == ["two"])

            ferry.path.write_text(text(login, second, "eve@corp.example"))
            ferry.apply()
            dovecot.fill(login.name, [tagged("three").raw])
            fetchers[0].wait_until(lambda: tags(second) == ["three", "two"])
            assert [process.terminate() for process in everybody] == [0] * 6
        assert tags(first) == ["one"]
        assert [mail.recipients for mail in second.accepted] == [("bob@corp.example",), ("eve@corp.example",)]


def test_a_removed_account_has_its_mail_delivered_and_is_then_forgotten(
    dovecot: Dovecot, rabbitmq_url: str, postgres_url: str, tmp_path: Path
) -> None:
    """Its target is removed with it."""
    bob, eve = dovecot.new_user(), dovecot.new_user()
    servers = apart(postgres_url, rabbitmq_url)
    with in_background(SmtpServer()) as leaving, in_background(SmtpServer()) as staying:
        leaving.recipients["bob@corp.example"] = "451 4.2.0 later"
        own = f'\n[[targets]]\nname = "leaving"\nurl = "smtp://127.0.0.1:{leaving.port}"\ntls = "off"\n'
        stays = account("eve", dovecot.pop3_port, eve)
        leaves = account("bob", dovecot.pop3_port, bob, 'target = "leaving"')
        before = configuration([own, stays, leaves], servers=servers, target=staying.port)
        with Ferry(tmp_path, before) as ferry:
            prepared(ferry)
            services = [ferry.start(each).ready() for each in ("relay", "router", "fetcher")]
            dovecot.fill(bob.name, [tagged("leaving").raw])
            services[0].wait_until(lambda: any(each.startswith("RCPT") for each in leaving.commands))

            ferry.path.write_text(configuration([stays], servers=servers, target=staying.port))
            removed = ferry.call("apply", "--prune")
            assert removed.out.endswith("2 removed\n"), removed
            dovecot.fill(bob.name, [tagged("not-visited").raw])
            dovecot.fill(eve.name, [tagged("staying").raw])
            services[0].wait_until(lambda: tags(staying) == ["staying"])
            leaving.recipients.clear()
            services[0].wait_until(lambda: tags(leaving) == ["leaving"])
            assert [process.terminate() for process in services] == [0, 0, 0]
        assert tags(leaving) == ["leaving"]
        assert dovecot.remaining_count(bob.name) >= 1


def test_an_account_whose_target_is_gone_is_red_and_harms_no_other(
    dovecot: Dovecot, rabbitmq_url: str, postgres_url: str, tmp_path: Path
) -> None:
    bob, eve = dovecot.new_user(), dovecot.new_user()
    servers = apart(postgres_url, rabbitmq_url)
    with in_background(SmtpServer()) as target:
        other = f'\n[[targets]]\nname = "other"\nurl = "smtp://127.0.0.1:{target.port}"\ntls = "off"\n'
        parts = [
            other,
            account("bob", dovecot.pop3_port, bob),
            account("eve", dovecot.pop3_port, eve, 'target = "other"'),
        ]
        with Ferry(tmp_path, configuration(parts, servers=servers, target=target.port)) as ferry:
            prepared(ferry)
            services = [ferry.start(each).ready() for each in ("relay", "router", "fetcher")]
            dovecot.fill(eve.name, [tagged("before").raw])
            services[0].wait_until(lambda: tags(target) == ["before"])

            second = tmp_path / "other.toml"
            second.touch(mode=0o600)
            for text in (configuration([other], servers=servers), configuration([], servers=servers)):
                second.write_text(text)
                done = apply_another(ferry, second, "--prune")
                assert done.code == 0, done.err
            services[0].wait_until(lambda: accounts_of(ferry)["acme/eve"]["colour"] == "red")
            assert '"other"' in accounts_of(ferry)["acme/eve"]["sentence"]
            dovecot.fill(eve.name, [tagged("waits").raw])
            dovecot.fill(bob.name, [tagged("goes-on").raw])
            services[0].wait_until(lambda: tags(target) == ["before", "goes-on"])
            assert accounts_of(ferry)["acme/bob"]["colour"] == "green"

            second.write_text(configuration([other], servers=servers))
            assert apply_another(ferry, second).code == 0
            assert [process.terminate() for process in services] == [0, 0, 0]
        assert dovecot.remaining_count(eve.name) == 1


def test_two_applies_at_once_leave_one_whole_registry(
    dovecot: Dovecot, rabbitmq_url: str, postgres_url: str, tmp_path: Path
) -> None:
    login = dovecot.new_user()
    parts = [account(f"box{number}", dovecot.pop3_port, login) for number in range(30)]
    text = configuration(parts, servers=apart(postgres_url, rabbitmq_url), target=25)
    with Ferry(tmp_path, text) as ferry:
        assert ferry.call("db", "upgrade").code == 0
        both = [ferry.start("apply") for _ in range(2)]
        assert [each.ended() for each in both] == [0, 0]
        assert ferry.call("apply").out.endswith("nothing to change\n")


def test_without_a_key_postgresql_takes_no_password_and_says_what_to_do(
    dovecot: Dovecot, rabbitmq_url: str, postgres_url: str, tmp_path: Path
) -> None:
    parts = [account("bob", dovecot.pop3_port, dovecot.new_user())]
    servers = apart(postgres_url, rabbitmq_url)
    text = configuration(parts, servers=servers, target=25)
    with Ferry(tmp_path, "") as ferry:  # it gives a key only where it sees PostgreSQL
        ferry.path.write_text(text)
        assert ferry.call("db", "upgrade").code == 0
        for command in ("apply", "run"):
            refused = ferry.call(command)
            assert refused.code != 0
            assert "secrets init" in refused.out + refused.err
    with Ferry(tmp_path, text) as ferry:
        assert ferry.call("apply").out.endswith("2 added\n")


def test_one_pass_reports_an_account_that_cannot_be_used_and_visits_the_others(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    bob, eve = dovecot.new_user(), dovecot.new_user()
    (tmp_path / "password").touch(mode=0o600)
    (tmp_path / "password").write_text(eve.password)
    from_file = account("eve", dovecot.pop3_port, eve).replace(
        f'password = "{eve.password}"', 'password_file = "password"'
    )
    with in_background(SmtpServer()) as target:
        parts = [account("bob", dovecot.pop3_port, bob)]
        second = tmp_path / "other.toml"
        second.touch(mode=0o600)
        second.write_text(configuration([from_file], target=target.port))
        with Ferry(tmp_path, configuration(parts, target=target.port)) as ferry:
            dovecot.fill(bob.name, [tagged("bob").raw])
            assert apply_another(ferry, second).code == 0
            (tmp_path / "password").unlink()
            done = ferry.call("once", "-o", "json")
            rows = {row["account"]: row for row in json.loads(done.out)}
            assert "password" in rows["acme/eve"]["why"]
            assert (rows["acme/bob"]["delivered"], rows["acme/bob"]["why"]) == (1, None)
        assert tags(target) == ["bob"]
