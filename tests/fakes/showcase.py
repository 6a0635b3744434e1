"""An installation as a hosting provider has it, for pictures and for tests in a browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from services.control.state import Control
from shared.access import Principal, Role
from shared.adapters.sql import open_store
from shared.adapters.sql.store import SqlStore
from shared.contract.journal import RecipientOutcome
from shared.custody.commands import Attempt, ChosenRecipient, FetchedMail, Outcomes, RoutedMail
from shared.model.message import LedgerKey, RecipientStatus
from shared.model.spec import Kind, Manager
from shared.operations.events import Watcher
from shared.operations.import_runs import ImportRuns
from shared.operations.importing import Choices
from shared.operations.imports import Imports, NewImport
from shared.operations.objects import Actor
from shared.operations.people import Doer, NewUser, Users
from shared.operations.permitted_objects import PermittedObjects
from shared.ports.store import Outage, Release, VisitReport

LEASE = 900.0
ACTOR = Actor(Manager.API, "otto")
TENANTS = ("hansa-logistik", "atelier-bergmann", "praxis-nordlicht", "weber-soehne")
TARGETS = ("exchange-hh", "postfix-mitte", "zimbra-sued")
BOXES = (
    "info",
    "buero",
    "rechnungen",
    "support",
    "bewerbung",
    "einkauf",
    "verkauf",
    "catchall",
    "presse",
    "leitung",
)
REFUSED = 'the server refused the login with user/pass: "-ERR [AUTH] Authentication failed."'
UNREACHABLE = "pop.alt-provider.example:995 cannot be reached: connection refused"
LEFT = '1 mail could not be read and is tried again later: "-ERR message is locked"'
HOSTILE = '"-ERR <script>alert(1)</script> \u202egnp.exe"'
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Showcase:
    """The installation: its accounts by name, mails that were parked, and an import by its path."""

    accounts: tuple[str, ...]
    parked: tuple[str, ...]
    imported: str


async def fill(control: Control) -> Showcase:
    """Fill an empty installation."""
    await _objects(control)
    store = open_store(control.context.configuration.store.url.get_secret_value())
    try:
        names = [name for name, _ in _accounts()]
        now = time.time()
        for number, name in enumerate(names):
            await _visited(store, name, number, now - 5 * (number + 1))
        parked = [await _mails(store, name, number, now) for number, name in enumerate(names[:12])]
        await store.relay.report_outages(
            [Outage("zimbra-sued", now - 4000, now + 50, "connection to mail.sued.example:25 timed out")]
        )
        for name in names[17:20]:
            await control.context.store.pause_scope(name, now - 7200)
    finally:
        await store.close()
    await Watcher(control.context).look()
    return Showcase(tuple(names), tuple(each for each in parked if each), await _imported(control))


async def _imported(control: Control) -> str:
    """A preview of an import that has good rows and bad ones; return its tenant and id."""
    lines = ["name,source,username,password,target,recipient"]
    for box in ("werkstatt", "lager", "info", "messe"):
        source = "ftp://pop.provider.example" if box == "lager" else "pop3s://pop.provider.example"
        address = f"{box}@{TENANTS[0]}.example"
        lines.append(f"{box},{source},{address},not shown,{TARGETS[0]},{address}")
    doer = Doer("otto", "192.0.2.1")
    principal = Principal("otto", Role.OPERATOR)
    imports = Imports(PermittedObjects(control.context, control.objects, principal, doer))
    wanted = NewImport("csv", "\n".join(lines), Choices(TENANTS[0]), is_dry_run=True)
    begun = await imports.begin(TENANTS[0], wanted)
    while await ImportRuns(control.context, "showcase").work():
        pass
    return f"{TENANTS[0]}/{begun.stored.id}"


async def _objects(control: Control) -> None:
    for target in TARGETS:
        keys = {"name": target, "url": f"smtp://{target}.example:25", "tls": "off"}
        await control.objects.add(Kind.TARGET, keys, ACTOR)
    for tenant in TENANTS:
        await control.objects.add(Kind.TENANT, {"name": tenant, "max_accounts": 100}, ACTOR)
    added = await control.objects.add_all(Kind.ACCOUNT, [keys for _, keys in _accounts()], ACTOR)
    wrong = [each for each in added if not isinstance(each, str)]
    assert not wrong, wrong
    await control.objects.change(Kind.ACCOUNT, f"{TENANTS[3]}/presse", {"enabled": False}, ACTOR)
    people = Users(control.context)
    await people.add(NewUser("otto", Role.OPERATOR))
    await people.add(NewUser("anna", Role.ADMIN, TENANTS[0]))


def _accounts() -> Iterator[tuple[str, dict[str, Any]]]:
    for number, tenant in enumerate(TENANTS):
        for box in BOXES:
            domain = f"{tenant}.example"
            keys: dict[str, Any] = {
                "tenant": tenant,
                "name": box,
                "source": "imaps://imap.provider.example" if number % 2 else "pop3s://pop.provider.example",
                "username": f"{box}@{domain}",
                "password": "not shown",
                "target": TARGETS[number % 3],
            }
            if box == "catchall":
                keys |= {"mailbox": "catch-all", "domains": {domain: "keep", f"alt-{domain}": domain}}
            else:
                keys |= {"mailbox": "single", "recipient": f"{box}@{domain}"}
            yield f"{tenant}/{box}", keys


async def _visited(store: SqlStore, name: str, number: int, at: float) -> None:
    """A visit of an account: some fail, some leave a mail, some were never visited."""
    report = VisitReport(method="scram-sha-256", fetched=3, octets=90_000, waiting=number % 4)
    if number in {5, 33}:
        return
    if number in {2, 13, 27}:
        report = VisitReport([REFUSED, UNREACHABLE, HOSTILE][number % 3], failed=True)
    elif number in {8, 22}:
        report = VisitReport(LEFT, fetched=1, octets=12_000, waiting=7, method="apop")
    for _ in range(4 if report.failed else 1):
        [lease] = await store.fetcher.lease_these("fetcher-1", [name], at, at + LEASE)
        await store.fetcher.release_leases([Release(lease.fence, report, at, at + 60 * (1 + number % 7))])


async def _mails(store: SqlStore, name: str, number: int, now: float) -> str | None:
    """Mails of an account: one delivered, one on its way, and of some accounts one that is parked."""
    tenant, _, box = name.partition("/")
    address = f"{box}@{tenant}.example"
    [lease] = await store.fetcher.lease_these("fetcher-1", [name], now - 900, now + LEASE)
    mails = [
        FetchedMail(
            message=f"m{next(_numbers):06d}",
            tenant=tenant,
            key=LedgerKey("INBOX", 0, f"uid-{number}-{each}"),
            known_fetch_no=0,
            listed_size=4000,
            octets=4096,
            fetcher="fetcher-1",
        )
        for each in range(3)
    ]
    receipts = await store.fetcher.record_fetched(lease.fence, mails, now - 800, LEASE)
    ids = [each.message for each in receipts if each]
    chosen = (ChosenRecipient(address, address, "Delivered-To"),)
    routed = [
        RoutedMail(
            message=each,
            fetch_no=1,
            identity=f"identity of {each}",
            message_id=f"<{each}@sender.example>",
            reverse_path="kunde@sender.example",
            target=TARGETS[0],
            evidence="Delivered-To",
            recipients=chosen,
        )
        for each in ids
    ]
    await store.router.record_routed(routed, now - 700, LEASE)
    parked = ids[1] if number in {0, 3, 7, 9} else None
    for message in [ids[0], *([parked] if parked else [])]:
        await store.relay.begin_attempts([Attempt(message, 1, ((address, 0),), "relay-1")], now - 600, LEASE)
        is_parked = message == parked
        told = RecipientOutcome(
            address=address,
            status=RecipientStatus.PARKED if is_parked else RecipientStatus.DELIVERED,
            code="550" if is_parked else "250",
            text="5.1.1 no such user here" if is_parked else "2.0.0 queued",
            destination=address,
        )
        outcomes = Outcomes(message, ((told, 1),), f"blob-{message}" if is_parked else None)
        await store.relay.end_attempts([outcomes], now - 500, LEASE)
    report = VisitReport(fetched=3, octets=12_000, waiting=2)
    if number not in {2, 5, 8}:
        await store.fetcher.release_leases([Release(lease.fence, report, now - 120, now + 240)])
    return parked
