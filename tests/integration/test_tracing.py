"""The steps of a mail through three processes are one trace at a collector."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.background import in_background
from tests.fakes.smtp_server import SmtpServer
from tests.fakes.tagged import tagged_mails
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration, single
from tests.servers.otlp_receiver import OtlpReceiver, ReceivedSpan, otlp_receiver

MAILS = 3
PARKED = 'mailferry_relay_outcomes_total{status="parked"}'
STEPS = {"fetch": "mailferry-fetcher", "route": "mailferry-router", "deliver": "mailferry-relay"}


def test_each_mail_has_one_trace_from_fetcher_to_relay(
    tmp_path: Path, dovecot: Dovecot, postgres_url: str, rabbitmq_url: str
) -> None:
    login, refused = dovecot.new_user(), dovecot.new_user()
    dovecot.fill(login.name, [mail.raw for mail in tagged_mails("t", MAILS, to="x@corp.example")])
    dovecot.fill(refused.name, [mail.raw for mail in tagged_mails("r", 1, to="x@corp.example")])
    no = {"no@corp.example": "550 5.1.1 No such user"}
    with otlp_receiver() as receiver, in_background(SmtpServer(recipients=no)) as target:
        text = configuration(
            [
                account("box", dovecot.pop3_port, login, *single("bob@corp.example")),
                account("refused", dovecot.pop3_port, refused, *single("no@corp.example")),
            ],
            servers=f'store.url = "{postgres_url}"\nbroker.url = "{rabbitmq_url}"\n'
            f'tracing.endpoint = "{receiver.endpoint}"',
            target=target.port,
        )
        with Ferry(tmp_path, text) as ferry:
            for command in (("db", "upgrade"), ("topology", "apply")):
                assert ferry.call(*command).code == 0
            processes = [ferry.start(each) for each in ("router", "relay", "fetcher")]
            _, relay, fetcher = [each.ready() for each in processes]
            fetcher.wait_until(lambda: any(each["deleted"] for each in fetcher.said("visited")))
            relay.wait_until(lambda: relay.metric(PARKED) == 1)
            for process in processes:
                assert process.terminate() == 0
            traced = {each["trace_id"] for each in fetcher.said("visited")}
    assert traced <= {span.trace for span in receiver.named("visit")}, "log lines carry the trace"
    mails = {span.values["message"] for span in receiver.named("fetch")}
    assert len(mails) == MAILS + 1
    parked = [is_whole(receiver, mail) for mail in mails]
    assert sorted(parked) == [False] * MAILS + [True]
    for step in ("fetch", "route"):
        linked = {link for span in receiver.named(f"{step} batch") for link in span.links}
        assert {span.span for span in receiver.named(step)} <= linked
    assert {link for span in receiver.named("record outcomes") for link in span.links} <= {
        span.span for span in receiver.named("route")
    }


def is_whole(receiver: OtlpReceiver, mail: str) -> bool:
    """Check that each step of a mail is the next one's parent, in one trace; return whether it failed."""
    before: ReceivedSpan | None = None
    for step, service in STEPS.items():
        (span,) = [each for each in receiver.named(step) if each.values["message"] == mail]
        assert span.service == service
        assert span.parent == ("" if before is None else before.span)
        assert before is None or span.trace == before.trace
        before = span
    assert before is not None
    assert before.values["target"] == "exchange"
    return before.failed
