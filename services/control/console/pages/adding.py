"""Adding an account step by step: the address, the server that was found, a login test, whose mail it is.

Nothing is saved before the last step, and a password is sent to no server that was not shown before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from services.control.console.navigation import text
from services.control.console.view import TheView, View, needs
from services.control.resources.registry import permitted
from shared.access import Permission
from shared.autoconfig.candidate import Candidate
from shared.autoconfig.search import find_servers
from shared.config.providers import provider_of_url
from shared.model.address import DefectiveAddress, parse_address
from shared.model.errors import MailferryError
from shared.model.oauth import Flow
from shared.model.spec import Kind
from shared.operations.account_adding import network_of
from shared.operations.login_runs import LoginRun
from shared.operations.login_tests import LoginTests
from shared.operations.oauth_apps import AppStatus
from shared.operations.objects import InvalidObject
from shared.operations.permitted_oauth import PermittedOAuth

pages = APIRouter()
TRIED_MAILS = 20
"""Mails of a catch-all whose recipients the test tells."""
MOST_TARGETS = 200
ADDED = text("%(account)s is added. It is visited at once.")
TO_CONNECT = text("%(account)s is added. Its owner has still to sign in: send the link for the owner.")
SIGN_IN_FIRST = text("Save the account first. Once its owner has signed in, its page tests the login.")
NO_ADDRESS = text("This is no mail address.")
TENANT_NEEDED = text("Say which tenant the account belongs to.")
STEPS = {
    "name": text("Find the server"),
    "connect": text("Connect"),
    "tls": text("Encrypt"),
    "greeting": text("Greeting"),
    "capabilities": text("What the server can do"),
    "method": text("Choose a login method"),
    "credentials": text("Log in"),
    "mailbox": text("Open the mailbox"),
}
FIELDS = (
    *("tenant", "name", "source", "tls", "username", "oauth_app", "password"),
    *("target", "retention", "mailbox", "recipient"),
)


@pages.get("/new-account", dependencies=[needs(Permission.ACCOUNTS_WRITE)])
async def ask_address(view: TheView) -> Response:
    """Ask for the address."""
    return view.page("add_address.html", entered={}, problem=None)


@pages.post("/new-account", dependencies=[needs(Permission.ACCOUNTS_WRITE)])
async def find_server(view: TheView) -> Response:
    """Find the server of an address, and show the form with it. No password is known yet."""
    entered = _entered(view)
    tenant = view.me.principal.tenant or entered["tenant"]
    try:
        address = parse_address(_field(view, "address"))
    except DefectiveAddress:
        return view.page("add_address.html", 422, entered=entered, problem=NO_ADDRESS)
    if not tenant:
        return view.page("add_address.html", 422, entered=entered, problem=TENANT_NEEDED)
    found = await find_servers(address, network_of(view.control.context.configuration))
    best = next(iter(found.candidates), None)
    entered |= {
        "tenant": tenant,
        "name": entered["name"] or address.local,
        "recipient": str(address),
        "domain": address.domain,
        "username": str(address) if best is None else best.username,
        "source": "" if best is None else best.url,
    }
    if best is not None and best.tokens_only:
        entered["oauth_app"] = next((each.name for each in await _apps(view, tenant)), "")
    return await _form(view, entered, {}, servers=found.candidates, address=str(address))


@pages.post("/new-account/test", dependencies=[needs(Permission.LOGIN_TEST)])
async def test_login(view: TheView) -> Response:
    """Begin a login test with what was entered; its steps are asked for by the page."""
    entered, keys = _entered(view), _keys(view)
    if entered["oauth_app"]:
        return view.page("login_test.html", problem=SIGN_IN_FIRST)
    mails = TRIED_MAILS if entered["mailbox"] == "catch-all" else 0
    tenant = view.me.principal.tenant or entered["tenant"]
    try:
        run = await _tests(view).begin_new(tenant, {**keys, "name": keys.get("name") or "new"}, mails)
    except InvalidObject as refusal:
        return view.page("login_test.html", problem="; ".join(each.sentence for each in refusal.found))
    except MailferryError as refusal:
        return view.page("login_test.html", problem=str(refusal))
    return _run(view, run, f"/new-account/test?run={run.id}")


@pages.get("/new-account/test", dependencies=[needs(Permission.LOGIN_TEST)])
async def show_test(view: TheView, run: Annotated[str, Query(max_length=64)] = "") -> Response:
    """Show how a login test is doing."""
    return _run(view, await _tests(view).show(run), f"/new-account/test?run={run}")


@pages.post("/new-account/save", dependencies=[needs(Permission.ACCOUNTS_WRITE)])
async def save(view: TheView) -> Response:
    """Save the account."""
    entered, keys = _entered(view), _keys(view)
    tenant = view.me.principal.tenant or entered["tenant"]
    try:
        added = await permitted(view.control, view.me).add(Kind.ACCOUNT, {**keys, "tenant": tenant})
    except InvalidObject as refusal:
        problems = {each.key: each.sentence for each in refusal.found}
        return await _form(view, entered, problems, status=422)
    except MailferryError as refusal:
        return await _form(view, entered, {"": str(refusal)}, status=409)
    apps = {each.name: each for each in await _apps(view, tenant)}
    app = apps.get(entered["oauth_app"])
    said = TO_CONNECT if app is not None and app.flow == Flow.USER.value else ADDED
    return view.done(f"/accounts/{added.id}", said, account=added.id)


async def _form(
    view: View,
    entered: dict[str, str],
    problems: dict[str, str],
    *,
    servers: Sequence[Candidate] = (),
    address: str = "",
    status: int = 200,
) -> Response:
    objects = permitted(view.control, view.me)
    tenant = entered["tenant"] or None
    found = [
        *(await objects.list(Kind.TARGET, tenant, "", MOST_TARGETS)).objects,
        *((await objects.list(Kind.TARGET, "", "", MOST_TARGETS)).objects if tenant else ()),
    ]
    targets = sorted({each.name for each in found if each.tenant in {"", tenant}})
    return view.page(
        "add_account.html",
        status,
        entered=entered,
        problems=problems,
        servers=servers,
        address=address,
        targets=targets,
        apps=await _apps(view, entered["tenant"]),
        takes_tokens_only=bool(servers) and servers[0].tokens_only,
    )


async def _apps(view: View, tenant: str) -> Sequence[AppStatus]:
    """Return the OAuth apps that the new account may name."""
    if not view.may(Permission.OAUTH_READ, tenant):
        return []
    found = await PermittedOAuth(view.control.context, view.me.doer).apps(view.me.principal.tenant)
    return [each for each in found if each.tenant in {None, tenant}]


def _run(view: View, run: LoginRun, again: str) -> Response:
    return view.page(
        "login_test.html", run=run, report=run.report, again=again, step_names=STEPS, problem=None
    )


def _tests(view: View) -> LoginTests:
    return LoginTests(permitted(view.control, view.me), view.control.logins)


def _keys(view: View) -> dict[str, Any]:
    """The settings of the account as they were entered; a known provider is named, as its servers need more
    settings than those of the form.
    """
    entered = _entered(view)
    keys: dict[str, Any] = {name: entered[name] for name in FIELDS if name != "tenant" and entered[name]}
    if (known := provider_of_url(entered["source"])) is not None:
        provider, protocol = known
        keys |= {"provider": provider.name, "source": protocol}
    if entered["oauth_app"]:
        keys["auth"] = "oauth"
        keys.pop("password", None)
    if entered["mailbox"] == "catch-all":
        keys.pop("recipient", None)
        if domains := entered["domain"].replace(",", " ").split():
            keys["domains"] = dict.fromkeys(domains, "keep")
        if entered["postmaster"]:
            keys["unknown_recipients"] = entered["postmaster"]
    if entered["begin"]:
        keys["begin"] = entered["begin"]
    return keys


def _entered(view: View) -> dict[str, str]:
    return {name: _field(view, name) for name in (*FIELDS, "domain", "postmaster", "begin")}


def _field(view: View, name: str) -> str:
    value = view.form.get(name, "")
    text_of = value if isinstance(value, str) else ""
    return text_of[:1000] if name == "password" else text_of.strip()[:1000]
