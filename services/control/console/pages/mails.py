"""Mails: the search, and a mail's story; lost mails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response

from services.control.console.story import MAILS, RECIPIENTS, label_of, story_of
from services.control.console.view import TheView, View, needs
from services.control.paging import Paging, cursor_of
from shared.access import Permission
from shared.custody.state import Message
from shared.model.message import MessageStatus
from shared.operations.mail_search import PermittedMails
from shared.ports.store import MailQuery, Scope

pages = APIRouter()
PAGE = 50
STATES = {
    "underway": (MessageStatus.FETCHED, MessageStatus.ROUTED),
    "done": (MessageStatus.SETTLED, MessageStatus.DELETING, MessageStatus.GONE),
    "again": (MessageStatus.LOST,),
}
"""The states that are asked for by one word."""
Text = Annotated[str, Query(max_length=998)]
Name = Annotated[str, Query(max_length=140)]


@pages.get("/messages", dependencies=[needs(Permission.MESSAGES_READ)])
async def list_messages(
    view: TheView,
    q: Text = "",
    sender: Text = "",
    account: Name = "",
    tenant: Name = "",
    state: Annotated[str, Query(max_length=10)] = "",
    cursor: Annotated[str, Query(max_length=1000)] = "",
) -> Response:
    """List mails, newest first; `q` is a recipient, an id, a Message-ID or a UID."""
    chosen = {"q": q.strip(), "sender": sender.strip(), "account": account, "tenant": tenant, "state": state}
    scope = Scope(tenant or None, (account,) if account else ())
    before = Paging(cursor or None).after
    query = MailQuery(scope, STATES.get(state, ()), chosen["sender"], before=before, text=chosen["q"])
    found, leads_on = _page(await permitted_mails(view).page(query, PAGE + 1))
    return view.page(
        "mails_table.html" if view.is_partial else "mails.html",
        mails=found,
        label_of=label_of,
        chosen=chosen,
        next=None if leads_on is None else address("/messages", {**chosen, "cursor": leads_on}),
        first=address("/messages", chosen) if cursor else None,
    )


@pages.get("/messages/{mail}", dependencies=[needs(Permission.MESSAGES_READ)])
async def show_message(view: TheView, mail: str) -> Response:
    """Show a mail's story as a time line."""
    message, entries = await permitted_mails(view).story(mail)
    return view.page(
        "mail.html",
        mail=message,
        label=label_of(message),
        recipient_labels=RECIPIENTS,
        mail_labels=MAILS,
        story=story_of(entries),
    )


@pages.get("/lost", dependencies=[needs(Permission.MESSAGES_READ)])
async def list_lost(view: TheView, cursor: Annotated[str, Query(max_length=1000)] = "") -> Response:
    """List mails that somebody took out of their mailbox before they were delivered, oldest first."""
    found, leads_on = _page(await permitted_mails(view).lost(PAGE + 1, Paging(cursor or None).after))
    return view.page(
        "lost.html",
        mails=found,
        label_of=label_of,
        next=None if leads_on is None else address("/lost", {"cursor": leads_on}),
        first="/lost" if cursor else None,
    )


def _page(found: Sequence[Message]) -> tuple[Sequence[Message], str | None]:
    """The mails of a page, and the cursor of the next. One mail more than shown was asked for."""
    return found[:PAGE], cursor_of(found[PAGE - 1].id) if len(found) > PAGE else None


def permitted_mails(view: View) -> PermittedMails:
    """Return the mails as the reader sees them."""
    return PermittedMails(view.control.context, view.me.principal)


def address(path: str, values: dict[str, str]) -> str:
    """Return the address of a list with these filters."""
    query = urlencode({name: value for name, value in values.items() if value})
    return f"{path}?{query}" if query else path
