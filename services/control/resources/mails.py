"""Mails: search and story, parked and lost ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse

from services.control.callers import Caller, Needs, TheCaller, TheControl
from services.control.paging import ThePaging, cursor_of
from services.control.resources.mail_shapes import (
    AskedMails,
    AskedParked,
    BulkChoice,
    BulkRetry,
    BulkShape,
    MailPage,
    ParkedPageShape,
    bulk_shape,
    parked_cursor,
    parked_place,
)
from services.control.resources.registry import ADDING, READING
from services.control.resources.shapes import (
    Changed,
    Id,
    MailStory,
    ParkedChoice,
    ParkedRetry,
    StoryEntry,
    mail,
    moment,
    parked_recipient,
)
from services.control.routes import ApiRoute
from services.control.state import Control
from shared.access import Permission
from shared.custody.state import Message
from shared.operations.journal_text import entry_lines
from shared.operations.mail_search import PermittedMails
from shared.operations.parked import RawMailMissing, discard_parked, read_raw_mail, retry_parked
from shared.operations.parked_bulk import Discard, Retry, change_parked
from shared.operations.people import record

api = APIRouter(route_class=ApiRoute)
_P = Permission
RAW = {
    **READING,
    409: ADDING[409],
    200: {"content": {"message/rfc822": {"schema": {"type": "string", "format": "binary"}}}},
}


def _mails(control: Control, caller: TheCaller) -> PermittedMails:
    return PermittedMails(control.context, caller.principal)


@api.get("/messages", dependencies=[Depends(Needs(_P.MESSAGES_READ))], responses=READING, tags=["messages"])
async def search_messages(
    asked: Annotated[AskedMails, Depends()], paging: ThePaging, control: TheControl, caller: TheCaller
) -> MailPage:
    """Search mails, newest first. All that is given has to match."""
    query = asked.query._replace(before=paging.after)
    return _page(await _mails(control, caller).page(query, paging.limit), paging.limit)


def _page(found: Sequence[Message], limit: int) -> MailPage:
    after = found[-1].id if len(found) == limit else None
    return MailPage(items=[*map(mail, found)], next=cursor_of(after))


@api.get(
    "/messages/{message}",
    dependencies=[Depends(Needs(_P.MESSAGES_READ))],
    responses=READING,
    tags=["messages"],
)
async def show_message(message: Id, control: TheControl, caller: TheCaller) -> MailStory:
    """Show a mail with everything that happened to it."""
    found, entries = await _mails(control, caller).story(message)
    story = [StoryEntry(at=moment(each.at), kind=each.wire_name, lines=entry_lines(each)) for each in entries]
    return MailStory(mail=mail(found), story=story)


@api.get("/parked", dependencies=[Depends(Needs(_P.MESSAGES_READ))], responses=READING, tags=["parked"])
async def list_parked(
    asked: Annotated[AskedParked, Depends()], paging: ThePaging, control: TheControl, caller: TheCaller
) -> ParkedPageShape:
    """List parked recipients, oldest first. All that is given has to match."""
    query = asked.query._replace(after=parked_place(paging.after))
    page = await _mails(control, caller).parked(query, paging.limit)
    return ParkedPageShape(
        items=[*map(parked_recipient, page.recipients)], next=cursor_of(parked_cursor(page.after))
    )


@api.post("/parked/retry", dependencies=[Depends(Needs(_P.PARKED_RETRY))], responses=ADDING, tags=["parked"])
async def retry_many(wanted: BulkRetry, control: TheControl, caller: TheCaller) -> BulkShape:
    """Have parked mail that matches delivered again, at most 1,000 recipients in one request."""
    return await _in_bulk(wanted, Retry(wanted.address), "parked.retry", control, caller)


@api.post(
    "/parked/discard", dependencies=[Depends(Needs(_P.PARKED_DISCARD))], responses=ADDING, tags=["parked"]
)
async def discard_many(wanted: BulkChoice, control: TheControl, caller: TheCaller) -> BulkShape:
    """Give parked mail that matches up, at most 1,000 recipients in one request."""
    return await _in_bulk(wanted, Discard(), "parked.discard", control, caller)


async def _in_bulk(
    wanted: BulkChoice, change: Retry | Discard, action: str, control: Control, caller: TheCaller
) -> BulkShape:
    mails, query = _mails(control, caller), wanted.query
    matched = await mails.parked_count(query)
    if wanted.dry_run:
        return BulkShape(matched=matched, changed=[], refused=[], more=False)
    result = await change_parked(mails, query, change)
    after = {**wanted.model_dump(mode="json", exclude_defaults=True), "changed": len(result.changed)}
    await record(control.context, caller.doer, action, "many", query.scope.tenant, after=after)
    return bulk_shape(matched, result)


@api.post(
    "/parked/{message}/retry",
    dependencies=[Depends(Needs(_P.PARKED_RETRY))],
    responses=ADDING,
    tags=["parked"],
)
async def retry(message: Id, choice: ParkedRetry, control: TheControl, caller: TheCaller) -> Changed:
    """Have a parked mail delivered again."""
    found = await _mails(control, caller).mail(message)
    retried = await retry_parked(control.context, found.id, choice.addresses, destination=choice.destination)
    after = choice.model_dump(mode="json")
    await record(control.context, caller.doer, "parked.retry", found.id, found.tenant, after=after)
    return Changed(changed=[each.address for each in retried])


@api.post(
    "/parked/{message}/discard",
    dependencies=[Depends(Needs(_P.PARKED_DISCARD))],
    responses=ADDING,
    tags=["parked"],
)
async def discard(message: Id, choice: ParkedChoice, control: TheControl, caller: TheCaller) -> Changed:
    """Give a parked mail up."""
    found = await _mails(control, caller).mail(message)
    changed = await discard_parked(control.context, found.id, choice.addresses)
    after = choice.model_dump(mode="json")
    await record(control.context, caller.doer, "parked.discard", found.id, found.tenant, after=after)
    return Changed(changed=[*changed])


@api.get(
    "/parked/{message}/raw",
    dependencies=[Depends(Needs(_P.MAIL_CONTENT))],
    responses=RAW,
    response_class=StreamingResponse,
    tags=["parked"],
)
async def download(message: Id, control: TheControl, caller: TheCaller) -> StreamingResponse:
    """Download a mail as it was fetched. That is audited."""
    return await download_of(control, caller, await _mails(control, caller).mail(message))


async def download_of(control: Control, caller: Caller, found: Message) -> StreamingResponse:
    """Return a mail as a file, and write into the audit who got it. Raises `RawMailMissing`."""
    if found.blob is None:
        raise RawMailMissing("no copy of this mail is held")
    await record(control.context, caller.doer, "parked.read", found.id, found.tenant)
    head = {"Content-Disposition": f'attachment; filename="{found.id}.eml"'}
    return StreamingResponse(read_raw_mail(control.context, found), media_type="message/rfc822", headers=head)


@api.get("/lost", dependencies=[Depends(Needs(_P.MESSAGES_READ))], responses=READING, tags=["messages"])
async def list_lost(paging: ThePaging, control: TheControl, caller: TheCaller) -> MailPage:
    """List mails that somebody took out of their mailbox before they were delivered, oldest first."""
    return _page(await _mails(control, caller).lost(paging.limit, paging.after), paging.limit)
