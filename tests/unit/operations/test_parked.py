"""What an operator can do with parked mail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.adapters.file_blobs import FileBlobs
from shared.adapters.sql import open_store, upgrade
from shared.adapters.system_clock import SystemClock
from shared.model.message import RecipientStatus
from shared.operations import parked_bulk
from shared.operations.context import OperatorContext, context_of
from shared.operations.parked import (
    AT_ONCE,
    NotParked,
    RawMailMissing,
    discard_parked,
    find_parked,
    list_parked,
    parked_beginning,
    parked_headers,
    read_raw_mail,
    retry_parked,
)
from shared.operations.parked_bulk import Discard, change_all, parked_query
from shared.ports.blobs import BlobsUnavailable
from shared.runtime.oauth.opening import oauth_of
from tests.fakes.configuration import WHOLE, ConfigurationFile
from tests.fakes.mail_lives import BOB, EVE, Lives
from tests.fakes.registry import registry_of

RAW = b"Subject: parked\r\n\r\nText\r\n"


@pytest.fixture
async def lives(tmp_path: Path) -> AsyncIterator[Lives]:
    url = f"sqlite://{tmp_path}/mailferry.db"
    upgrade(url)
    store = open_store(url)
    lives = Lives(store)
    await lives.lease()
    yield lives
    await store.close()


@pytest.fixture
def context(tmp_path: Path, lives: Lives) -> OperatorContext:
    configuration, clock, registry = ConfigurationFile(tmp_path).load(WHOLE), SystemClock(), registry_of()
    oauth = oauth_of(configuration, lives.store, registry.box, clock)
    blobs = FileBlobs(tmp_path / "blobs")
    return context_of(configuration, lives.store, blobs, clock, registry, oauth)


async def parked_mail(context: OperatorContext, lives: Lives, uid: str = "uid 1") -> str:
    """A mail to Bob and Eve that is parked for Bob; its id."""
    message = await lives.routed(uid, BOB, EVE)
    writer = await context.blobs.create(f"mail/{message}")
    await writer.write(RAW)
    await writer.commit(durable=True)
    await lives.park(message, blob=f"mail/{message}")
    return message


async def test_more_than_was_asked_for_is_noticed(context: OperatorContext, lives: Lives) -> None:
    message = await parked_mail(context, lives)
    found = await list_parked(context, 1)
    assert ([each.message.id for each in found.recipients], found.has_more) == ([message], False)
    await parked_mail(context, lives, "uid 2")
    assert (await list_parked(context, 1)).has_more


async def test_a_parked_mail_can_be_read(context: OperatorContext, lives: Lives) -> None:
    message = await find_parked(context, await parked_mail(context, lives))
    assert await parked_beginning(context, message) == RAW
    assert b"".join([piece async for piece in read_raw_mail(context, message)]) == RAW
    with pytest.raises(RawMailMissing, match="no copy of the raw mail"):
        _ = [piece async for piece in read_raw_mail(context, message._replace(blob=None))]


async def test_a_retried_recipient_is_to_be_delivered_again(context: OperatorContext, lives: Lives) -> None:
    mail = await parked_mail(context, lives)
    [bob] = await retry_parked(context, mail, [], destination="dave@corp.example")
    assert (bob.address, bob.destination) == (BOB, "dave@corp.example")
    assert bob.status is not RecipientStatus.PARKED


async def test_who_is_not_parked_is_neither_retried_nor_discarded(
    context: OperatorContext, lives: Lives
) -> None:
    mail = await parked_mail(context, lives)
    with pytest.raises(NotParked, match="not parked for any of these recipients"):
        await retry_parked(context, mail, [EVE])
    with pytest.raises(NotParked, match="not parked for any of these recipients"):
        await discard_parked(context, mail, [EVE])
    with pytest.raises(NotParked, match="no mail with the id nonsense is parked"):
        await find_parked(context, "nonsense")


async def test_a_discarded_mail_keeps_its_raw_text_while_another_recipient_needs_it(
    context: OperatorContext, lives: Lives
) -> None:
    mail = await parked_mail(context, lives)
    assert await discard_parked(context, mail, []) == [BOB]
    assert [name async for name in context.blobs.list_names("mail/")] == [f"mail/{mail}"]


async def test_a_beginning_of_an_id_is_enough_where_no_other_parked_mail_begins_so(
    context: OperatorContext, lives: Lives
) -> None:
    first, second = [await parked_mail(context, lives, f"uid {number}") for number in range(2)]
    same = first[: next(place for place in range(len(first)) if first[place] != second[place])]
    only = first[: len(same) + 1]
    assert (await find_parked(context, only)).id == first
    with pytest.raises(NotParked, match=f"begins with {same}: .*{first}.*write more of it"):
        await find_parked(context, same)
    with pytest.raises(NotParked, match="no mail with the id"):
        await find_parked(context, "")
    await discard_parked(context, second, [])
    assert (await find_parked(context, same)).id == first


async def test_sender_and_subject_of_parked_mail_are_read_and_decoded(
    context: OperatorContext, lives: Lives
) -> None:
    there, gone = [await parked_mail(context, lives, f"uid {number}") for number in range(2)]
    await context.blobs.delete(f"mail/{gone}")
    writer = await context.blobs.create(f"mail/{there}")
    await writer.write(b"From: =?utf-8?q?J=C3=B6rg?= <j@a.example>\r\nSubject: Rechnung\r\n\r\nText\r\n")
    await writer.commit(durable=False)
    found = await parked_headers(context, [await find_parked(context, each) for each in (there, gone)])
    assert found == ({there: ("Jörg <j@a.example>", "Rechnung"), gone: None}, None)


async def test_parked_mail_is_listed_without_its_headers_while_the_blobs_are_away(
    context: OperatorContext, lives: Lives, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def away(name: str) -> AsyncIterator[bytes]:
        asked.append(name)
        if name:
            raise BlobsUnavailable("the bucket cannot be reached")
        yield b""

    mails = [await parked_mail(context, lives, f"uid {number}") for number in range(AT_ONCE + 3)]
    messages = [await find_parked(context, each) for each in mails]
    monkeypatch.setattr(context.blobs, "read", away)
    found = await parked_headers(context, messages)
    assert found == (dict.fromkeys(mails), "the bucket cannot be reached")
    assert len(asked) <= AT_ONCE


async def test_parked_mail_is_changed_in_bulk_by_parts_and_the_progress_is_told(
    context: OperatorContext, lives: Lives, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parked_bulk, "AT_ONCE", 2)
    mails = [await parked_mail(context, lives, f"uid {number}") for number in range(5)]
    told: list[tuple[str, int, int]] = []
    result = await change_all(context, parked_query(), Discard(), lambda *step: told.append(step))
    assert sorted(mail for mail, _ in result.changed) == sorted(mails)
    assert (result.refused, result.after) == ([], None)
    assert told == [("Recipients looked at", done, 5) for done in (2, 4, 5)]
