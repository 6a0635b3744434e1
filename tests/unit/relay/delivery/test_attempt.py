"""One attempt: the outcome for each recipient, and what is sent to the target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from prometheus_client import CollectorRegistry
from typing_extensions import override

from services.relay.delivery.attempt import Attempter
from services.relay.delivery.outcome import RetryPolicy
from services.relay.targets.facts import LearntFacts
from shared.adapters.file_blobs import FileBlobs
from shared.contract.events import MessageRouted, Payload, RoutedRecipient
from shared.custody.commands import Outcomes
from shared.model.account import MailboxKind, Routing
from shared.model.address import parse_address
from shared.model.endpoint import Endpoint
from shared.model.message import RecipientStatus
from shared.model.target import ClientReport, DeliveryOptions, Target
from shared.model.tenant import TenantLimits
from shared.ports.store import RelayStore, Serving
from shared.runtime.metrics import Metrics
from shared.runtime.raw_mail import store_raw_mail
from shared.runtime.registry import Registry
from shared.smtp.envelope import XFORWARD, Content, Dsn, Envelope, Phase, RecipientReply, ReportedClient
from shared.smtp.errors import ConnectionLost
from shared.smtp.reply import Reply
from tests.fakes.clock import ManualClock
from tests.fakes.custody import BOB, EVE, recipient
from tests.fakes.mails import account
from tests.fakes.registry import keep, registry_of
from tests.fakes.target_facts import FactsInMemory

ANN = "ann@corp.example"
MAIL = b"Delivered-To: bob@corp.example\r\n\r\nx\r\n"
TAKEN, FULL = Reply(250, (b"2.0.0 Taken",)), Reply(452, (b"4.2.2 Full",))


class FakeTransport:
    """Answers by script: replies by recipient, or an error for the whole transaction."""

    def __init__(self, *ends: dict[str, Reply] | ConnectionLost) -> None:
        self._ends = list(ends)
        self.envelopes: list[Envelope] = []
        self.contents: list[Content] = []

    async def deliver_mail(
        self, target: str, envelope: Envelope, content: Content
    ) -> Sequence[RecipientReply]:
        self.envelopes.append(envelope)
        self.contents.append(content)
        end = self._ends.pop(0)
        if isinstance(end, ConnectionLost):
            raise end
        return [RecipientReply(each, end[each], Phase.CONTENT) for each in envelope.recipients]


async def attempted(
    tmp_path: Path,
    transport: FakeTransport,
    *who: str,
    delivery_options: DeliveryOptions = DeliveryOptions(),
    facts: LearntFacts | None = None,
    folder_header: str | None = None,
    blob: str | None = None,
    registry: Registry | None = None,
) -> Outcomes:
    recipients = tuple(recipient(each, RecipientStatus.ATTEMPTING, attempt=1) for each in who)
    registry = registry or registry_of(
        [account(Routing(MailboxKind.SINGLE, folder_header=folder_header))],
        [Target("exchange", Endpoint("mail.corp.example", 25), delivery_options=delivery_options)],
    )
    serving = Serving("m1", "exchange", "s@x", recipients, folder="Info/Web")
    attempter = attempter_of(tmp_path, registry, facts)
    return await attempter.make_attempt(event_to(*who, blob=blob), serving, transport)


def event_to(*who: str, blob: str | None = None) -> MessageRouted:
    return MessageRouted(
        message="m1", tenant="acme", account="acme/all", fetch_no=1, target="exchange", reverse_path="s@x",
        recipients=tuple(RoutedRecipient(address=each, destination=each, attempt=0) for each in who),
        fetched_at=1.0, payload=Payload(octets=20, inline=None if blob else MAIL, blob=blob),
        client_name="mx.sender.example", client_address="192.0.2.7",
    )  # fmt: skip


def attempter_of(tmp_path: Path, registry: Registry, facts: LearntFacts | None = None) -> Attempter:
    return Attempter(
        registry=registry,
        blobs=FileBlobs(tmp_path),
        clock=ManualClock(),
        retry=RetryPolicy((60.0,), 1e12),
        helo_name="relay.example",
        chance=lambda: 0.0,
        metrics=Metrics(CollectorRegistry(), "0"),
        limits=facts or LearntFacts(cast(RelayStore, FactsInMemory()), ManualClock()),
    )


def ends(outcomes: Outcomes) -> dict[str, tuple[RecipientStatus, bool]]:
    return {each.address: (each.status, each.in_doubt) for each, _ in outcomes.outcomes}


@pytest.mark.parametrize("holder", ["account", "tenant", "target"])
def test_mail_of_a_disabled_account_tenant_or_target_waits(tmp_path: Path, holder: str) -> None:
    known = replace(account(Routing(MailboxKind.SINGLE)), enabled=holder != "account")
    target = Target("exchange", Endpoint("mail.corp.example", 25), enabled=holder != "target")
    registry = registry_of([known], [target])
    registry.tenants.put(known.tenant, TenantLimits(enabled=holder != "tenant"))
    assert attempter_of(tmp_path, registry).is_disabled(event_to(BOB)) is True
    keep(registry, [replace(known, enabled=True)], [replace(target, enabled=True)])
    assert attempter_of(tmp_path, registry).is_disabled(event_to(BOB)) is False


async def test_a_connection_lost_among_the_answers_leaves_only_the_others_in_doubt(tmp_path: Path) -> None:
    lost = ConnectionLost("The connection was reset.", content_begun=True, after_content=True)
    lost.answered = [RecipientReply(BOB, TAKEN, Phase.CONTENT), RecipientReply(EVE, FULL, Phase.CONTENT)]
    assert ends(await attempted(tmp_path, FakeTransport(lost), BOB, EVE, ANN)) == {
        BOB: (RecipientStatus.DELIVERED, False),
        EVE: (RecipientStatus.DEFERRED, False),
        ANN: (RecipientStatus.DEFERRED, True),
    }


async def test_more_recipients_than_a_target_bears_go_in_several_transactions(tmp_path: Path) -> None:
    transport = FakeTransport({BOB: TAKEN, EVE: TAKEN}, ConnectionLost("Gone."))
    found = ends(
        await attempted(
            tmp_path, transport, BOB, EVE, ANN, delivery_options=DeliveryOptions(max_recipients=2)
        )
    )
    assert [each.recipients for each in transport.envelopes] == [(BOB, EVE), (ANN,)]
    assert found[EVE] == (RecipientStatus.DELIVERED, False)
    assert found[ANN] == (RecipientStatus.DEFERRED, False)


async def test_delivered_to_goes_where_it_would_look_like_a_loop(tmp_path: Path) -> None:
    transport = FakeTransport({BOB: TAKEN}, {EVE: TAKEN})
    await attempted(tmp_path, transport, BOB, EVE, delivery_options=DeliveryOptions(max_recipients=1))
    to_bob, to_eve = transport.contents
    assert isinstance(to_bob, bytes)
    assert isinstance(to_eve, bytes)
    assert b"Delivered-To" not in to_bob
    assert b"Delivered-To: bob@corp.example\r\n" in to_eve


async def test_the_target_is_asked_for_the_configured_notifications(tmp_path: Path) -> None:
    transport = FakeTransport({BOB: TAKEN})
    await attempted(tmp_path, transport, BOB, delivery_options=DeliveryOptions(dsn=("never",)))
    assert transport.envelopes[0].dsn == Dsn(("never",), envelope_id="m1", originals={BOB: BOB})


async def test_the_original_client_is_reported_to_a_target_that_trusts_us(tmp_path: Path) -> None:
    transport = FakeTransport({BOB: TAKEN})
    await attempted(tmp_path, transport, BOB, delivery_options=DeliveryOptions(client=ClientReport.XFORWARD))
    assert transport.envelopes[0].client == ReportedClient(XFORWARD, "mx.sender.example", "192.0.2.7")


async def test_a_mail_names_its_source_folder_on_top_where_the_account_wants_that(tmp_path: Path) -> None:
    transport = FakeTransport({BOB: TAKEN}, {BOB: TAKEN})
    await attempted(tmp_path, transport, BOB, folder_header="X-Source-Folder")
    await attempted(tmp_path, transport, BOB)
    named, plain = map(cast(Callable[[Content], bytes], bytes), transport.contents)
    assert named == b"X-Source-Folder: Info/Web\r\n" + plain


async def test_a_mail_from_a_blob_names_its_source_folder_too(tmp_path: Path) -> None:
    blob = await store_raw_mail(FileBlobs(tmp_path), "m1", Payload(octets=len(MAIL), inline=MAIL))
    transport = FakeTransport({EVE: TAKEN})
    await attempted(tmp_path, transport, EVE, folder_header="X-Source-Folder", blob=blob)
    (content,) = transport.contents
    assert not isinstance(content, bytes)
    sent = b"".join([piece async for piece in content])
    assert sent.startswith(b"X-Source-Folder: Info/Web\r\nX-Mailferry-ID: m1\r\n")
    assert sent.endswith(MAIL)


async def test_an_attempt_ends_with_the_account_and_the_target_that_it_began_with(tmp_path: Path) -> None:
    """An attempt may last for minutes, and the registry keeps only so many objects."""
    postmaster = parse_address("postmaster@corp.example")
    registry = registry_of(
        [account(Routing(MailboxKind.SINGLE, unknown_recipients=postmaster))],
        [Target("exchange", Endpoint("mail.corp.example", 25))],
    )

    class Slow(FakeTransport):
        @override
        async def deliver_mail(
            self, target: str, envelope: Envelope, content: Content
        ) -> Sequence[RecipientReply]:
            registry.accounts.put("acme/all", None)
            return [
                RecipientReply(each, Reply(550, (b"5.1.1 unknown",)), Phase.RCPT)
                for each in envelope.recipients
            ]

    outcomes = await attempted(tmp_path, Slow(), BOB, registry=registry)
    ((outcome, _),) = outcomes.outcomes
    assert outcome.destination == str(postmaster)
