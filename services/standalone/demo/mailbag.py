"""All letters of the demo: each shows one thing that happens in real mailboxes.

There are three mailboxes at the provider: a catch-all of firma.example; Anna's own, whose mails are kept at
the source; and a catch-all of support.example without a postmaster, so that mail for unknown recipients is
parked.
"""

from __future__ import annotations

from services.standalone.demo.letters import Letter, identified, letter, written
from services.standalone.demo.oddities import oddities
from services.standalone.demo.ordinary import copies, envelopes, visible
from services.standalone.demo.people import (
    ANNA,
    BOB,
    CAROL,
    CATCH_ALL,
    CLOSED,
    FORBIDDEN,
    GREYLISTED,
    SUPPORT,
)


def mailbag() -> list[Letter]:
    """Return all letters, in their order at the source."""
    return [*envelopes(), *copies(), *visible(), *oddities(), *_refused(), *_anna(), *_support()]


def _refused() -> list[Letter]:
    """Mails that the target does not accept at once, or not at all."""
    return [
        letter(
            "greylisted",
            "greylisted for a second",
            (GREYLISTED,),
            f"X-Original-To: {GREYLISTED}",
            f"To: {GREYLISTED}",
        ),
        Letter(
            "virus",
            CATCH_ALL,
            "content the target refuses",
            written(f"X-Original-To: {BOB}", FORBIDDEN.decode(), identified("virus"), subject="You have won"),
            parked=(BOB,),
        ),
        Letter(
            "half",
            CATCH_ALL,
            "one of two recipients refused",
            written(f"To: {CAROL}, {CLOSED}", identified("half"), subject="Half"),
            (CAROL,),
            parked=(CLOSED,),
        ),
    ]


def _anna() -> list[Letter]:
    return [
        Letter(
            f"anna-{number}",
            ANNA,
            title,
            written(f"To: {to}", identified(f"anna-{number}"), subject=title),
            ("anna@firma.example",),
        )
        for number, (title, to) in enumerate(
            (
                ("Anna's own, whatever To says", "a.smith@somewhere.example"),
                ("Anna's own, another", "anna@provider.example"),
            ),
            1,
        )
    ]


def _support() -> list[Letter]:
    return [
        Letter(
            "ticket",
            SUPPORT,
            "ticket for the support",
            written("X-Original-To: help@support.example", identified("ticket"), subject="Help"),
            ("help@support.example",),
        ),
        Letter(
            "support-unknown",
            SUPPORT,
            "unknown, and no postmaster",
            written("X-Original-To: nobody@support.example", identified("unknown-2"), subject="Anybody?"),
            parked=("nobody@support.example",),
        ),
        Letter(
            "support-nobody",
            SUPPORT,
            "for nobody, and no postmaster",
            written("To: undisclosed-recipients:;", identified("undisclosed"), subject="Psst"),
            parked=("",),
        ),
    ]
