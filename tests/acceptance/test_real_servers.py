"""Two passes between a real Dovecot and a real SMTP server, and what the commands report of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fakes.command import Ended
from tests.fakes.tagged import Tagged, lf, tag_of, tagged_mails, untraced
from tests.servers.available import require
from tests.servers.directory import server_directory
from tests.servers.dovecot import Dovecot
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import account, configuration
from tests.servers.smtp_sink import SmtpSink, SunkMail

RETENTIONS = {"amy": "delete", "bob": "keep", "cas": "7d"}


@dataclass(frozen=True)
class Ferried:
    """What is there after two passes."""

    ferry: Ferry
    passes: list[Ended]
    mails: dict[str, list[Tagged]]
    remaining: dict[str, list[bytes]]
    delivered: list[SunkMail]


@pytest.fixture(scope="module")
def ferried(dovecot: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ferried]:
    """Three accounts of twenty mails, one for each kind of retention, after two passes."""
    require("smtp-sink")
    logins = {name: dovecot.new_user() for name in RETENTIONS}
    mails = {name: tagged_mails(name, 20, to=f"{name}@corp.example") for name in RETENTIONS}
    for name, login in logins.items():
        dovecot.fill(login.name, [mail.raw for mail in mails[name]])
    accounts = [
        account(name, dovecot.pop3_port, logins[name], f'retention = "{retention}"')
        for name, retention in RETENTIONS.items()
    ]
    with server_directory("sink") as directory, SmtpSink(directory) as sink:
        text = configuration(accounts, target=sink.port)
        with Ferry(tmp_path_factory.mktemp("ferry"), text) as ferry:
            passes = [ferry.call("once", "-o", "json") for _ in range(2)]
            remaining = {name: dovecot.remaining(login.name) for name, login in logins.items()}
            yield Ferried(ferry, passes, mails, remaining, sink.mails())


def test_both_passes_end_well_and_the_second_finds_nothing_to_do(ferried: Ferried) -> None:
    assert [(each.code, each.err) for each in ferried.passes] == [(0, ""), (0, "")]
    first, second = (json.loads(each.out) for each in ferried.passes)
    assert [(row["fetched"], row["delivered"], row["deleted"]) for row in first] == [
        (20, 20, 20), (20, 20, 0), (20, 20, 0),
    ]  # fmt: skip
    assert [(row["fetched"], row["delivered"], row["deleted"]) for row in second] == [(0, 0, 0)] * 3


def test_every_mail_arrives_once_as_it_was_written(ferried: Ferried) -> None:
    arrived = sorted((each.recipients, tag_of(each.content)) for each in ferried.delivered)
    assert arrived == sorted(
        ((f"{name}@corp.example",), mail.tag) for name, mails in ferried.mails.items() for mail in mails
    )
    assert {tag_of(each.content): untraced(each.content) for each in ferried.delivered} == {
        mail.tag: lf(mail.raw) for mails in ferried.mails.values() for mail in mails
    }


def test_each_source_holds_what_its_retention_says(ferried: Ferried) -> None:
    assert ferried.remaining["amy"] == []
    for name in ("bob", "cas"):
        assert ferried.remaining[name] == [mail.raw for mail in ferried.mails[name]]


def test_the_journal_agrees_with_the_tables(ferried: Ferried) -> None:
    assert ferried.ferry.call("journal", "verify") == Ended(0, "60 mails, no differences\n", "")


def traced(ferry: Ferry, text: str, *options: str) -> list[dict[str, Any]]:
    ended = ferry.call("trace", text, "-o", "json", *options)
    assert (ended.code, ended.err) == (0, "")
    stories = json.loads(ended.out)
    assert isinstance(stories, list)
    return stories


def test_trace_by_message_id_shows_the_whole_journal_of_a_mail(ferried: Ferried) -> None:
    (story,) = traced(ferried.ferry, "<amy-7@tags.example>")
    assert (story["message_id"], story["account"], story["status"]) == (
        "<amy-7@tags.example>", "acme/amy", "gone",
    )  # fmt: skip
    steps = ("fetched", "routed", "delivery-begun", "delivery-ended", "deleting", "gone")
    assert [entry["what"] for entry in story["entries"]] == [f"journal.{step}" for step in steps]
    (recipient,) = story["recipients"]
    assert (recipient["address"], recipient["status"]) == ("amy@corp.example", "delivered")
    assert traced(ferried.ferry, story["message"]) == [story]


def test_trace_by_recipient_shows_all_mails_for_the_address(ferried: Ferried) -> None:
    stories = traced(ferried.ferry, "bob@corp.example", "--limit", "100")
    assert {story["message_id"] for story in stories} == {
        f"<bob-{each}@tags.example>" for each in range(1, 21)
    }
    assert {story["status"] for story in stories} == {"settled"}


def test_trace_prints_sentences(ferried: Ferried) -> None:
    ended = ferried.ferry.call("trace", "amy-7@tags.example")
    assert (ended.code, ended.err) == (0, "")
    printed = [line.strip() for line in ended.out.splitlines() if line]
    assert "<amy-7@tags.example>" in printed[0]
    steps = (
        "fetched from acme/amy",
        "routed by",
        "delivery to amy@corp.example",
        "amy@corp.example: delivered",
        "deletion at the source allowed",
        "gone: deleted as settled",
        "It is no longer at the source.",
    )
    places = [next(number for number, line in enumerate(printed) if step in line) for step in steps]
    assert places == sorted(places)
