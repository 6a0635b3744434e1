"""Parked mail: what could not be delivered, and what is to become of it, one by one and in bulk."""

from __future__ import annotations

import time
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from services.control.console.navigation import text
from services.control.console.pages.mails import address, permitted_mails
from services.control.console.view import TheView, View, needs
from services.control.paging import Paging, cursor_of
from services.control.problems import Problem
from services.control.resources.mail_shapes import parked_cursor, parked_place
from services.control.resources.mails import download_of
from shared.access import Permission
from shared.custody.state import Message
from shared.model.address import DefectiveAddress, parse_address
from shared.operations.mail_preview import Preview, preview
from shared.operations.parked import (
    BEGINNING,
    discard_parked,
    parked_beginning,
    parked_recipients,
    retry_parked,
)
from shared.operations.parked_bulk import (
    BulkResult,
    Discard,
    ParkedQuery,
    Retry,
    change_chosen,
    change_parked,
)
from shared.operations.people import record
from shared.ports.store import Scope

pages = APIRouter()
PAGE = 50
DAY = 86400.0
AGES = {"": 0.0, "1": DAY, "7": 7 * DAY, "30": 30 * DAY}
RETRY, DISCARD = Permission.PARKED_RETRY, Permission.PARKED_DISCARD
NOTHING_CHOSEN = text("No mail was chosen.")
NO_ADDRESS = text("This is no mail address: %(address)s")
RETRIED = text("%(number)s recipients: to be delivered again.")
RETRIED_BUT = text("%(number)s recipients: to be delivered again. %(others)s stay parked; the first: %(why)s")
DISCARDED = text("%(number)s recipients: given up.")
DISCARDED_BUT = text("%(number)s recipients: given up. %(others)s stay parked; the first: %(why)s")
Name = Annotated[str, Query(max_length=140)]


class Act(NamedTuple):
    """What is done to parked mail: its permission, its name in the audit, and how it is told."""

    permission: Permission
    action: str
    told: str
    told_but: str


ACTS = {
    "retry": Act(RETRY, "parked.retry", RETRIED, RETRIED_BUT),
    "discard": Act(DISCARD, "parked.discard", DISCARDED, DISCARDED_BUT),
}


@pages.get("/parked", dependencies=[needs(Permission.MESSAGES_READ)])
async def list_parked(
    view: TheView,
    account: Name = "",
    tenant: Name = "",
    target: Name = "",
    code: Annotated[str, Query(max_length=20)] = "",
    age: Annotated[str, Query(max_length=3)] = "",
    cursor: Annotated[str, Query(max_length=1000)] = "",
) -> Response:
    """List parked recipients, oldest first."""
    chosen = {"account": account, "tenant": tenant, "target": target, "code": code.strip(), "age": age}
    query = query_of(chosen)
    mails = permitted_mails(view)
    found = await mails.parked(query._replace(after=parked_place(Paging(cursor or None).after)), PAGE)
    leads_on = cursor_of(parked_cursor(found.after))
    return view.page(
        "parked.html",
        parked=found.recipients,
        matched=await mails.parked_count(query),
        chosen=chosen,
        is_narrowed=any(chosen.values()),
        next=None if leads_on is None else address("/parked", {**chosen, "cursor": leads_on}),
        first=address("/parked", chosen) if cursor else None,
    )


@pages.post("/parked/{act}", dependencies=[needs(Permission.MESSAGES_READ)])
async def act_on_parked(view: TheView, act: str) -> Response:
    """Retry or give up what was chosen, or all that matches the filters."""
    known = ACTS.get(act)
    if known is None:
        raise Problem(404, "not_found", "there is no such thing, or you may not know of it")
    view.require(known.permission)
    chosen = {name: str(view.form.get(name, "")) for name in ("account", "tenant", "target", "code", "age")}
    back = address("/parked", chosen)
    destination, refusal = _destination(view)
    if refusal is not None:
        return view.refused(back, NO_ADDRESS, address=refusal)
    change = Retry(destination) if act == "retry" else Discard()
    mails = permitted_mails(view)
    if view.form.get("all"):
        result = await change_parked(mails, query_of(chosen), change)
    else:
        places = [_place(each) for each in _chosen(view)]
        if not places:
            return view.refused(back, NOTHING_CHOSEN)
        result = await change_chosen(mails, places, change)
    told_of = {**{name: value for name, value in chosen.items() if value}, "changed": len(result.changed)}
    await record(
        view.control.context, view.me.doer, known.action, "many", view.me.principal.tenant, after=told_of
    )
    return _told(view, back, known, result)


@pages.get("/parked/{mail}", dependencies=[needs(Permission.MESSAGES_READ)])
async def show_parked(view: TheView, mail: str) -> Response:
    """Show a parked mail, so that somebody can decide about it."""
    message = await permitted_mails(view).mail(mail)
    return _mail_page(view, message, None)


@pages.post("/parked/{mail}/read", dependencies=[needs(Permission.MAIL_CONTENT)])
async def read_parked(view: TheView, mail: str) -> Response:
    """Show what a parked mail says, as text. That is audited, so it is a form."""
    message = await permitted_mails(view).mail(mail)
    shown = await _preview(view, message)
    await record(view.control.context, view.me.doer, "parked.read", message.id, message.tenant)
    return _mail_page(view, message, shown)


@pages.get("/parked/{mail}/raw", dependencies=[needs(Permission.MAIL_CONTENT)])
async def download(view: TheView, mail: str) -> StreamingResponse:
    """Download a mail as it was fetched. That is audited."""
    return await download_of(view.control, view.me, await permitted_mails(view).mail(mail))


@pages.post("/parked/{mail}/retry", dependencies=[needs(RETRY)])
async def retry_one(view: TheView, mail: str) -> Response:
    """Have a parked mail delivered again, perhaps to another address."""
    message = await permitted_mails(view).mail(mail)
    destination, refusal = _destination(view)
    if refusal is not None:
        return view.refused(f"/parked/{message.id}", NO_ADDRESS, address=refusal)
    context = view.control.context
    retried = await retry_parked(context, message.id, (), destination=destination)
    await record(
        context, view.me.doer, "parked.retry", message.id, message.tenant, after={"destination": destination}
    )
    return view.done(f"/messages/{message.id}", RETRIED, number=len(retried))


@pages.post("/parked/{mail}/discard", dependencies=[needs(DISCARD)])
async def discard_one(view: TheView, mail: str) -> Response:
    """Give a parked mail up."""
    message = await permitted_mails(view).mail(mail)
    changed = await discard_parked(view.control.context, message.id, ())
    await record(view.control.context, view.me.doer, "parked.discard", message.id, message.tenant)
    return view.done("/parked", DISCARDED, number=len(changed))


def query_of(chosen: dict[str, str]) -> ParkedQuery:
    """Return the query of the filters of the page."""
    account, age = chosen["account"], AGES.get(chosen["age"], 0.0)
    return ParkedQuery(
        Scope(chosen["tenant"] or None, (account,) if account else ()),
        chosen["target"],
        chosen["code"],
        until=time.time() - age if age else None,
    )


def _mail_page(view: View, message: Message, shown: Preview | None) -> Response:
    return view.page(
        "parked_mail.html",
        mail=message,
        parked=parked_recipients(message),
        preview=shown,
        has_copy=message.blob is not None,
    )


async def _preview(view: View, message: Message) -> Preview | None:
    beginning = await parked_beginning(view.control.context, message)
    if beginning is None:
        return None
    return preview(beginning, is_whole=len(beginning) < BEGINNING)


def _destination(view: View) -> tuple[str | None, str | None]:
    """The other address that was entered, and what of it is no address."""
    entered = str(view.form.get("destination", "")).strip()
    if not entered:
        return None, None
    try:
        return str(parse_address(entered)), None
    except DefectiveAddress:
        return None, entered


def _chosen(view: View) -> list[str]:
    """The rows that were chosen."""
    return [each for each in view.form.getlist("recipient") if isinstance(each, str)]


def _place(value: str) -> tuple[str, str]:
    """The mail and the address of a chosen row."""
    mail, _, recipient = value.partition(" ")
    return mail, recipient


def _told(view: View, back: str, act: Act, result: BulkResult) -> Response:
    if not result.refused:
        return view.done(back, act.told, number=len(result.changed))
    return view.refused(
        back,
        act.told_but,
        number=len(result.changed),
        others=len(result.refused),
        why=view.reader.sentence(result.refused[0].why),
    )
