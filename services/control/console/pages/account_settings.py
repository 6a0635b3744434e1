"""The settings of an account as a form. A change is refused where somebody else was faster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Response

from services.control.console.forms import FormState, changed_keys, form_fields, given_values
from services.control.console.navigation import text
from services.control.console.view import TheView, View, needs
from services.control.problems import Problem
from services.control.resources.registry import permitted
from shared.access import Permission
from shared.access.roles import OPERATOR_KEYS, OWNER_KEYS
from shared.config.settings import AccountSettings
from shared.model.spec import Kind, Manager
from shared.operations.objects import InvalidObject, Shown
from shared.ports.store import RevisionConflict

pages = APIRouter()
PATH = "/accounts/{tenant}/{account}/settings"
GROUPS: Sequence[tuple[str, Sequence[str]]] = (
    (
        text("Mailbox"),
        ("provider", "source", "username", "password", "oauth_app", "auth", "tls", "tls_verify", "tls_pin"),
    ),
    (text("Delivery"), ("target", "mailbox", "recipient", "domains", "aliases", "unknown_recipients")),
    (text("What happens at the source"), ("retention", "begin", "poll", "folders", "watch", "custody")),
    (
        text("Who gets a mail"),
        (
            "subaddresses",
            "recipient_headers",
            "only_recipient_headers",
            "recipient_prefix",
            "own_addresses",
            "trusted_hosts",
            "verify_recipients",
            "surplus_copies",
            "dedup",
        ),
    ),
    (text("Sender"), ("sender", "srs_domain", "srs_key")),
)
"""Settings by subject. References to files and variables are not among them: the API takes none."""
SAVED = text("The settings of %(account)s are saved. They are in force from its next visit on.")
AS_BEFORE = text("Nothing was changed.")
CHANGED_MEANWHILE = text(
    "Somebody else changed this account meanwhile. What you see are your values; save again to put them in "
    "place of the others, or reload the page to see those."
)


@pages.get(PATH, dependencies=[needs(Permission.ACCOUNTS_SOURCE)])
async def show_settings(view: TheView, tenant: str, account: str) -> Response:
    """Show the form."""
    shown = await permitted(view.control, view.me).show(Kind.ACCOUNT, f"{tenant}/{account}")
    return _form(view, shown, {})


@pages.post(PATH, dependencies=[needs(Permission.ACCOUNTS_SOURCE)])
async def save_settings(view: TheView, tenant: str, account: str) -> Response:
    """Save what was changed of the settings."""
    name, objects = f"{tenant}/{account}", permitted(view.control, view.me)
    shown = await objects.show(Kind.ACCOUNT, name)
    revision = str(view.form.get("revision", ""))
    if not revision.isdecimal() or len(revision) > 18:
        raise Problem(422, "invalid_input", "the form does not say which version of the settings it is for")
    changes = changed_keys(AccountSettings, view.form, shown.keys, _names(view))
    if not changes:
        return view.done(f"/accounts/{name}", AS_BEFORE)
    try:
        await objects.change(Kind.ACCOUNT, name, changes, int(revision))
    except InvalidObject as refusal:
        return _form(view, shown, {each.key: each.sentence for each in refusal.found}, status=422)
    except RevisionConflict:
        return _form(view, shown, {}, status=412, problem=CHANGED_MEANWHILE)
    return view.done(f"/accounts/{name}", SAVED, account=name)


def _names(view: View) -> list[str]:
    """The settings that the reader may change."""
    names = [name for _, group in GROUPS for name in group if name in AccountSettings.model_fields]
    if view.me.principal.tenant is not None:
        names = [name for name in names if name not in OPERATOR_KEYS]
    return names if view.may(Permission.ACCOUNTS_WRITE) else [name for name in names if name in OWNER_KEYS]


def _form(
    view: View, shown: Shown, problems: Mapping[str, str], status: int = 200, problem: str | None = None
) -> Response:
    names = _names(view)
    given = given_values(view.form) if status != 200 else None
    state = FormState(shown.keys, shown.secrets, problems, given, _fixed(shown, names))
    fields = {each.name: each for each in form_fields(AccountSettings, names, state, view.reader)}
    groups = [(title, [fields[name] for name in group if name in fields]) for title, group in GROUPS]
    elsewhere = [sentence for key, sentence in problems.items() if key not in fields]
    return view.page(
        "account_settings.html",
        status,
        shown=shown,
        name=shown.id,
        groups=[(title, group) for title, group in groups if group],
        problem=problem,
        problems=elsewhere,
        is_fixed=shown.managed_by is Manager.FILE,
    )


def _fixed(shown: Shown, names: Sequence[str]) -> frozenset[str]:
    """What cannot be changed: everything of an account that a file manages."""
    return frozenset(names) if shown.managed_by is Manager.FILE else frozenset()
