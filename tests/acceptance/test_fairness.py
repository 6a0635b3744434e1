"""Slow or silent servers of one tenant do not stop another tenant's mail."""

from __future__ import annotations

import json
from pathlib import Path

from tests.fakes.background import in_background
from tests.fakes.slow_pop3 import DrippingPop3, SlowPop3
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tag_of, tagged_mails
from tests.servers.dovecot import Dovecot, Login
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration

SILENT, DRIPPING = 100, 40
ONE_TENANT = 30
"""Visits of one tenant at the same time: three quarters of 8 working and 32 waiting places."""
SUBJECT = b"before the drip"
FETCHER = "concurrency = 8\nhost_connections = 0"
LONG_ENOUGH = 100.0
"""Seconds in which the dripping mailboxes take all places that their tenant can have, and lose them."""


def crowd(port: int, count: int) -> list[str]:
    return [account(f"crowd{n}", port, Login(f"crowd{n}", "x"), 'timeout = "10m"') for n in range(count)]


def of_globex(name: str, port: int, login: Login) -> str:
    return account(name, port, login, 'tenant = "globex"').replace('tenant = "acme"\n', "", 1)


def before_the_drip(target: SmtpServer) -> list[str]:
    """The recipients of the mails that arrived whole from a dripping server."""
    return [to for mail in target.accepted if SUBJECT in mail.content for to in mail.recipients]


def test_fault_12_a_hundred_silent_hosts_of_one_tenant_do_not_keep_another_from_its_mail(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    other = dovecot.new_user()
    with in_background(SmtpServer()) as target, in_background(SlowPop3()) as silent:
        accounts = [*crowd(silent.port, SILENT), of_globex("other", dovecot.pop3_port, other)]
        text = configuration(accounts, target=target.port, fetcher=FETCHER)
        with Ferry(tmp_path, text) as ferry:
            process = ferry.start()
            process.wait_until(lambda: silent.open >= 6)
            for mail in tagged_mails("other", 3, to="other@corp.example"):
                dovecot.fill(other.name, [mail.raw])
                process.wait_until(lambda: dovecot.remaining_count(other.name) == 0)
            process.wait_until(lambda: silent.open > 8)
            shown = json.loads(ferry.call("status", "--output", "json").out)
            assert process.terminate() == 0
            assert silent.open == 0
    assert [tag_of(mail.content) for mail in target.accepted] == ["other-1", "other-2", "other-3"]
    colours = {each["account"]: each["colour"] for each in shown["accounts"]}
    assert colours["globex/other"] == "green"


def test_fault_12_dripping_mailboxes_leave_visit_slots_to_others_and_lose_their_own(
    dovecot: Dovecot, tmp_path: Path
) -> None:
    other, same = dovecot.new_user(), dovecot.new_user()
    with in_background(SmtpServer()) as target, in_background(DrippingPop3()) as drips:
        accounts = [*crowd(drips.port, DRIPPING), of_globex("other", dovecot.pop3_port, other)]
        accounts.append(account("same", dovecot.pop3_port, same))
        text = configuration(accounts, target=target.port, fetcher=FETCHER)
        with Ferry(tmp_path, text) as ferry:
            process = ferry.start()
            process.wait_until(lambda: drips.dripping >= 6)
            dovecot.fill(other.name, [tagged_mails("other", 1, to="other@corp.example")[0].raw])
            process.wait_until(lambda: dovecot.remaining_count(other.name) == 0)
            process.wait_until(lambda: drips.connections > ONE_TENANT, LONG_ENOUGH)
            dovecot.fill(same.name, [tagged_mails("same", 1, to="same@corp.example")[0].raw])
            process.wait_until(lambda: dovecot.remaining_count(same.name) == 0, LONG_ENOUGH)
            assert process.metric("mailferry_fetcher_places_taken_total") > 0
            assert process.metric('mailferry_fetcher_places{state="slow"}') > 0
            taken = [line for line in process.said("visit failed") if "made no progress" in line["error"]]
            assert taken
            assert all(line["account"].startswith("acme/crowd") for line in taken)
            cut_short = {f"{line['account'].removeprefix('acme/')}@corp.example" for line in taken}
            process.wait_until(lambda: cut_short <= {*before_the_drip(target)})
            assert process.said("accounts are due and wait for a visit slot")
            assert process.terminate() == 0
    delivered = before_the_drip(target)
    assert len({*delivered}) == len(delivered)
    others = [mail for mail in target.accepted if SUBJECT not in mail.content]
    assert {tag_of(mail.content) for mail in others} == {"other-1", "same-1"}
