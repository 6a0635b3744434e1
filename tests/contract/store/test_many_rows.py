"""Mails that are gone cost nothing: no call of the daily work reads them, however many there are."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from bench.carried import stories
from bench.filling import fill
from bench.mail_templates import MailTemplate, Story, kept
from shared.adapters.sql.store import open_store
from shared.model.ids import message_id
from shared.ports.store import AccountCounts, AccountQuery, MailQuery, Scope
from tests.fakes.mail_lives import ACCOUNT, BOB, LEASE, START, Lives, mail, routed
from tests.fakes.sqlite_steps import Steps

DAY = 86400.0
KEEPER = "acme/keeper"
FEW, MANY = 10, 400
SLACK = 20
"""Where a row comes to lie in its page makes a difference of a few steps; looking at rows would make more."""
entropy = Random(1)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Lives]:
    """Mails in a SQLite file, in an account that is leased."""
    store = open_store(f"sqlite://{path}")
    lives = Lives(store)
    await lives.lease()
    yield lives
    await store.close()


async def carry(lives: Lives) -> str:
    """A mail of the form that templates are made from, delivered and gone."""
    named = message_id(lives.now, entropy.randbytes)
    [message] = await lives.fetch(mail(f"{entropy.randbytes(8).hex()}", message=named))
    identity = entropy.randbytes(20).hex()
    await lives.route(
        routed(message, BOB, identity=identity)._replace(message_id="<bob.0123456789@sender.example>")
    )
    await lives.deliver(message)
    await lives.store.fetcher.start_deleting(lives.fence, [message], lives.now)
    await lives.store.fetcher.record_gone(lives.fence, {message: "deleted as settled"}, lives.now)
    return message


@pytest.fixture
async def story(empty_sqlite: Path, tmp_path: Path) -> Story:
    """The rows of a mail that was carried."""
    path = tmp_path / "carried.db"
    shutil.copy(empty_sqlite, path)
    async with opened(path) as lives:
        await carry(lives)
    [story] = stories(path)
    return story


async def test_mails_made_from_a_template_agree_with_their_journals(story: Story, url: str) -> None:
    fill([url], [MailTemplate(story), MailTemplate(kept(story, KEEPER))], 5, DAY)
    store = open_store(url)
    assert await store.operator.verify_journal() == []
    assert await store.fetcher.ledger_rows(ACCOUNT) == []
    assert len(await store.fetcher.ledger_rows(KEEPER)) == 5
    assert len({each.id for each in await store.operator.find_messages(BOB, 100)}) == 10
    await store.close()


def test_a_mail_of_another_form_makes_no_template(story: Story) -> None:
    other = [value if value != "<bob.0123456789@sender.example>" else "<bob.1@x>" for value in story.message]
    with pytest.raises(ValueError, match="another form"):
        MailTemplate(story._replace(message=other))


async def a_day(lives: Lives, steps: Steps) -> None:
    """Make every call that is made for one mail, and the periodic ones, and note the steps of each."""
    store = lives.store
    steps.note("the start")
    assert await store.fetcher.ledger_rows(ACCOUNT) == []
    steps.note("ledger")
    message = await carry(lives)
    steps.note("a mail's life")
    await store.fetcher.settled_among([message])
    steps.note("settled_among")
    await store.fetcher.next_due(lives.now)
    steps.note("next_due")
    await store.maintenance.overdue_messages(lives.now, LEASE, 10)
    steps.note("overdue")
    await store.maintenance.republish_mails("fetcher-1", lives.now, LEASE, LEASE, 10)
    steps.note("republish")
    await store.operator.left_behind(10)
    steps.note("left_behind")
    await store.operator.parked_totals()
    await store.operator.parked_recipients(1)
    steps.note("parked")
    await store.maintenance.parked_tenants()
    await store.maintenance.parked_between(0.0, lives.now, 10)
    steps.note("notices")
    await store.maintenance.raw_mail_needed([message])
    steps.note("needing_raw_mail")
    await store.maintenance.prune_messages("", START - DAY, 4)
    steps.note("prune")
    await count_accounts(lives, steps)
    assert [await store.operator.suppressed_counts(), await store.operator.skipped_counts()] == [{}, {}]
    steps.note("suppressed_counts")
    await find_unknown(lives, steps, message)
    await lives.fetched("uid 1")
    steps.note("a mail in flight")
    assert await store.maintenance.lose_all("the broker was restarted", lives.now) == 1
    steps.note("lose_all")
    await store.maintenance.end_leases()
    await store.fetcher.lease_due("fetcher-1", lives.now, lives.now + 60, 10)
    steps.note("lease_due")


async def find_unknown(lives: Lives, steps: Steps, message: str) -> None:
    """Look for what is not there, among all mails and among those of a tenant before one."""
    operator = lives.store.operator
    assert [
        *await operator.find_messages("bob.9999999999@sender.example", 10),
        *await operator.find_skipped(["uid 9999999999"], 10),
    ] == []
    steps.note("find")
    unknown = MailQuery(Scope("acme"), text="bob.9999999999@sender.example", before=message)
    assert await operator.find_messages(unknown.text, 10, "acme") == []
    assert await operator.mail_page(unknown, 10) == []
    steps.note("find in a tenant")


async def count_accounts(lives: Lives, steps: Steps) -> None:
    """Make every call that counts accounts, or mails by account."""
    store = lives.store
    assert await store.operator.account_counts([ACCOUNT]) == {ACCOUNT: AccountCounts()}
    steps.note("account_counts")
    await store.operator.account_page(AccountQuery(), lives.now)
    steps.note("account_page")
    await store.maintenance.account_totals(lives.now, 100)
    steps.note("account_totals")
    await store.maintenance.unregistered_mail()
    await store.operator.unregistered_accounts(10)
    steps.note("unregistered")
    await store.maintenance.oldest_unsettled()
    steps.note("oldest_unsettled")


async def test_mails_that_are_gone_add_no_work_to_any_call(
    story: Story, empty_sqlite: Path, tmp_path: Path, steps: Steps
) -> None:
    taken = []
    for generations in (FEW, MANY):
        path = tmp_path / f"{generations}.db"
        shutil.copy(empty_sqlite, path)
        fill([f"sqlite://{path}"], [MailTemplate(story)], generations, DAY)
        async with opened(path) as lives:
            await a_day(lives, steps)
        taken.append(dict(steps.of))
    few, many = taken
    assert {name: many[name] - few[name] for name in few if many[name] > few[name] + SLACK} == {}


async def test_the_mail_of_other_accounts_adds_no_work_to_a_visit(
    story: Story, empty_sqlite: Path, tmp_path: Path, steps: Steps
) -> None:
    taken = []
    for generations in (FEW, MANY):
        path = tmp_path / f"{generations}.db"
        shutil.copy(empty_sqlite, path)
        fill([f"sqlite://{path}"], [MailTemplate(kept(story, KEEPER))], generations, DAY)
        async with opened(path) as lives:
            steps.note("the start")
            assert await lives.store.fetcher.ledger_rows(ACCOUNT) == []
            await carry(lives)
            await lives.store.maintenance.end_leases()
            await lives.store.fetcher.lease_due("fetcher-1", lives.now, lives.now + 60, 10)
            steps.note("a visit")
        taken.append(steps.of["a visit"])
    few, many = taken
    assert many <= few + SLACK
