"""The page of a connect link: the owner of a mailbox signs in at its provider or enters a password.

Nobody needs a user for it. The link's secret follows `#`, so that only the page's script sends it, in a form;
opening the link uses nothing up.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.control.console.pages.accounts import permitted_accounts
from services.control.console.pages.adding import STEPS
from services.control.console.view import OpenView, TheView, View, needs
from services.control.resources.connecting import connecting
from services.control.resources.registry import permitted
from services.control.sessions import check_tries, sender_of
from shared.access import Permission
from shared.model.errors import MailferryError
from shared.operations.connecting import ConnectLinks
from shared.operations.login_runs import LoginRun

pages = APIRouter()


@pages.get("/connect")
async def show_connect(view: OpenView) -> Response:
    """Show the page; its script sends the secret."""
    return view.page("connect.html", link=None, secret="", problem=None)


@pages.post("/connect")
async def open_link(view: OpenView) -> Response:
    """Show what the link is for. It can be opened again until it is used."""
    check_tries(view.control, view.request)
    secret = _field(view, "secret")
    try:
        link = await connecting(view.control).open(secret)
    except MailferryError as refusal:
        return view.page("connect.html", 410, link=None, secret="", problem=str(refusal))
    return view.page("connect.html", link=link, secret=secret, problem=None)


@pages.post("/connect/password")
async def try_password(view: OpenView) -> Response:
    """Try the login with a password. If it works, it is saved, and the link is used up."""
    check_tries(view.control, view.request)
    secret, password = _field(view, "secret"), str(view.form.get("password", ""))[:1000]
    connect = connecting(view.control)
    try:
        run = await connect.try_password(secret, password, sender_of(view.request))
    except MailferryError as refusal:
        return view.page("login_test.html", 409, problem=str(refusal))
    return _run(view, run)


@pages.get("/connect/test")
async def show_test(view: OpenView, run: Annotated[str, Query(max_length=64)] = "") -> Response:
    """Show what came of the login."""
    return _run(view, await connecting(view.control).result(run))


@pages.post("/connect/sign-in")
async def sign_in(view: OpenView) -> Response:
    """Show the way to the provider, where the owner signs in; the browser comes back here.

    It is a link: the policy of pages lets no form end at another site.
    """
    check_tries(view.control, view.request)
    connect, secret = connecting(view.control), _field(view, "secret")
    try:
        leave = await connect.begin_sign_in(secret)
        link = await connect.open(secret)
        return view.page("connect.html", link=link, secret="", problem=None, leave=leave)
    except MailferryError as refusal:
        return view.page("connect.html", 409, link=None, secret="", problem=str(refusal))


@pages.post("/accounts/{tenant}/{account}/connect-link", dependencies=[needs(Permission.ACCOUNTS_SOURCE)])
async def make_link(view: TheView, tenant: str, account: str) -> Response:
    """Make a link for the owner of the mailbox, and show it once."""
    name = f"{tenant}/{account}"
    await permitted_accounts(view).show(name)
    made = await ConnectLinks(permitted(view.control, view.me), view.control.entropy).create(name)
    return view.page("connect_link.html", name=name, url=made.url, expires_at=made.link.expires_at)


def _run(view: View, run: LoginRun) -> Response:
    return view.page(
        "login_test.html",
        run=run,
        report=run.report,
        again=f"/connect/test?run={run.id}",
        step_names=STEPS,
        problem=None,
    )


def _field(view: View, name: str) -> str:
    value = view.form.get(name, "")
    return value.strip()[:200] if isinstance(value, str) else ""
