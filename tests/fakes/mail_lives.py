"""Steps of mails through a store. Nothing here decides anything; the store does."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from shared.contract.journal import RecipientOutcome
from shared.custody.commands import (
    Attempt,
    ChosenRecipient,
    Fence,
    FetchedMail,
    Outcomes,
    RoutedMail,
    Settled,
    Surplus,
)
from shared.custody.state import Message, Recipient
from shared.model.message import LedgerKey, RecipientStatus
from shared.ports.store import Concluded, Schedule, Serving, Store

ACCOUNT = "acme/box"
TENANT = "acme"
LEASE = 900.0
START = 1_000_000.0
BOB = "bob@corp.example"
EVE = "eve@corp.example"

_numbers = count(1)


def mail(uid: str, *, message: str = "", known: int = 0, blob: str | None = None) -> FetchedMail:
    """A mail that was read from `ACCOUNT`."""
    return FetchedMail(
        message=message or f"m{next(_numbers):06d}",
        tenant=TENANT,
        key=LedgerKey("INBOX", 0, uid),
        known_fetch_no=known,
        listed_size=4000,
        octets=4096,
        fetcher="fetcher-1",
        blob=blob,
    )


def routed(
    message: str,
    *addresses: str,
    identity: str = "",
    fetch_no: int = 1,
    park_reason: str | None = None,
    blob: str | None = None,
    surplus: Surplus | None = None,
) -> RoutedMail:
    """Return a mail whose recipients were found. Without an identity it is no copy. Copies share a
    Message-ID.
    """
    return RoutedMail(
        message=message,
        fetch_no=fetch_no,
        identity=identity or f"identity of {message}",
        message_id=f"<{identity.replace(' ', '-') if surplus else message}@sender.example>",
        reverse_path="sender@sender.example",
        target="exchange",
        evidence="Delivered-To",
        recipients=tuple(ChosenRecipient(each, each, "Delivered-To") for each in addresses),
        park_reason=park_reason,
        blob=blob,
        surplus=surplus,
    )


def outcome(
    recipient: Recipient | str,
    status: RecipientStatus = RecipientStatus.DELIVERED,
    again_at: float | None = None,
) -> RecipientOutcome:
    """Return what the target said about a recipient."""
    address = recipient if isinstance(recipient, str) else recipient.address
    code = {RecipientStatus.DELIVERED: "250", RecipientStatus.DEFERRED: "451"}.get(status, "550")
    return RecipientOutcome(
        address=address,
        status=status,
        code=code,
        text="said so",
        destination=address,
        next_attempt_at=again_at,
    )


class Lives:
    """A store with a clock that the test sets, and the steps of a mail."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = START
        self.fence = Fence(ACCOUNT, 0)

    async def lease(self, owner: str = "fetcher-1", account: str = ACCOUNT) -> Fence:
        """Make the account known and lease it."""
        await self.store.fetcher.sync_accounts([Schedule(account, 60.0, enabled=True)], self.now)
        [lease] = await self.store.fetcher.lease_these(owner, [account], self.now, self.now + 1_000_000)
        self.fence = lease.fence
        return lease.fence

    async def fetch(self, *mails: FetchedMail) -> list[str]:
        """Enter mails; returns the messages that were accepted."""
        receipts = await self.store.fetcher.record_fetched(self.fence, mails, self.now, LEASE)
        return [receipt.message for receipt in receipts if receipt]

    async def fetched(self, uid: str, *, blob: str | None = None) -> str:
        """A mail that was fetched."""
        [message] = await self.fetch(mail(uid, blob=blob))
        return message

    async def fetch_again(self, message: str, uid: str, known: int = 1) -> list[str]:
        """Fetch a mail another time."""
        return await self.fetch(mail(uid, message=message, known=known))

    async def route(self, *mails: RoutedMail) -> tuple[Sequence[Serving], Sequence[Settled]]:
        """Record recipients."""
        return await self.store.router.record_routed(mails, self.now, LEASE)

    async def routed(self, uid: str, *addresses: str, identity: str = "", blob: str | None = None) -> str:
        """A mail that was fetched and routed."""
        message = await self.fetched(uid, blob=blob)
        await self.route(routed(message, *(addresses or (BOB,)), identity=identity))
        return message

    async def begin(self, message: str, *, fetch_no: int = 1) -> Sequence[Recipient]:
        """Begin to deliver to whoever is due; returns the recipients as they are then."""
        [state] = await self.store.operator.find_messages(message, 1)
        wish = Attempt(
            message,
            fetch_no,
            tuple((each.address, each.attempt) for each in state.recipients.values()),
            "relay-1",
        )
        begun = await self.store.relay.begin_attempts([wish], self.now, LEASE)
        return [recipient for serving in begun.servings for recipient in serving.recipients]

    async def end(
        self, message: str, *outcomes: RecipientOutcome, attempt: int = 1, blob: str | None = None
    ) -> Concluded:
        """Record how an attempt ended."""
        wish = Outcomes(message, tuple((each, attempt) for each in outcomes), blob)
        return await self.store.relay.end_attempts([wish], self.now, LEASE)

    async def deliver(self, message: str, *addresses: str, fetch_no: int = 1) -> Concluded:
        """Begin an attempt, and deliver to these recipients, or to all that are due."""
        begun = await self.begin(message, fetch_no=fetch_no)
        those = [each for each in begun if not addresses or each.address in addresses]
        return await self.end(message, *map(outcome, those), attempt=those[0].attempt)

    async def park(self, message: str, address: str = BOB, *, blob: str = "blob-1") -> Concluded:
        """Begin an attempt, and have it refused for good."""
        [begun] = [each for each in await self.begin(message) if each.address == address]
        return await self.end(
            message, outcome(address, RecipientStatus.PARKED), attempt=begun.attempt, blob=blob
        )

    async def settled(self, uid: str) -> str:
        """A mail that was delivered."""
        message = await self.routed(uid)
        await self.deliver(message)
        return message

    async def state(self, message: str) -> Message:
        """The message as the store knows it."""
        [found] = await self.store.operator.find_messages(message, 1)
        return found

    async def status(self, message: str, address: str = BOB) -> RecipientStatus:
        """Return the status of a recipient."""
        return (await self.state(message)).recipients[address].status

    async def is_sound(self) -> bool:
        """Whether the tables are what the journal tells."""
        return not await self.store.operator.verify_journal()
