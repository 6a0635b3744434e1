"""The settings of an account as a form."""

from __future__ import annotations

from fastapi import APIRouter, Response
from typing_extensions import override

from services.control.console.navigation import text
from services.control.console.object_form import Groups, ObjectForm
from services.control.console.view import TheView, View, needs
from services.control.resources.registry import permitted
from shared.access import Permission
from shared.access.roles import OWNER_KEYS
from shared.config.settings import AccountSettings
from shared.model.spec import Kind

pages = APIRouter()
PATH = "/accounts/{tenant}/{account}/settings"
GROUPS: Groups = (
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


class AccountForm(ObjectForm):
    """The form of accounts. It returns to the account's page, and an owner has a part of it."""

    @override
    def names(self, view: View, *, is_new: bool) -> list[str]:
        names = super().names(view, is_new=is_new)
        return (
            names if view.may(Permission.ACCOUNTS_WRITE) else [name for name in names if name in OWNER_KEYS]
        )

    @override
    def back(self, name: str) -> str:
        return f"{self.home}/{name}"


ACCOUNTS = AccountForm(
    Kind.ACCOUNT,
    AccountSettings,
    GROUPS,
    "/accounts",
    text("Add an account"),
    text("%(name)s is added."),
    text("The settings of %(name)s are saved. They are in force from its next visit on."),
)


@pages.get(PATH, dependencies=[needs(Permission.ACCOUNTS_SOURCE)])
async def show_settings(view: TheView, tenant: str, account: str) -> Response:
    """Show the form."""
    shown = await permitted(view.control, view.me).show(Kind.ACCOUNT, f"{tenant}/{account}")
    return ACCOUNTS.shown(view, shown)


@pages.post(PATH, dependencies=[needs(Permission.ACCOUNTS_SOURCE)])
async def save_settings(view: TheView, tenant: str, account: str) -> Response:
    """Save what was changed of the settings."""
    shown = await permitted(view.control, view.me).show(Kind.ACCOUNT, f"{tenant}/{account}")
    return await ACCOUNTS.save(view, shown)
