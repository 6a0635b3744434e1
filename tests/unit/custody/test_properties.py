"""Whatever services command, in whatever order: what `decide` allows and `fold` makes keeps the promises."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contract.journal import Entry
from shared.custody import decide
from shared.custody.claims import GIVEN_UP, claim_after, claims_touched
from shared.custody.commands import Attempt, Outcomes
from shared.custody.fold import fold
from shared.custody.settlement import needs_raw_mail, settlement_between
from shared.custody.state import Claim, ClaimKey, ClaimView, Message
from shared.model.message import TERMINAL, MessageStatus, RecipientStatus
from tests.fakes.custody import BOB, EVE, LEASE, NOW, fetched_mail, folded, outcome_of, routed_mail

R = RecipientStatus
OUTCOMES = (R.DELIVERED, R.DEFERRED, R.PARKED, R.DISCARDED)
STEPS = ("fetch", "route", "begin", "end", "lose", "delete", "gone", "retry", "discard", "wait")


@dataclass
class World:
    """Three mails of the same content, and all that is known of them."""

    messages: dict[str, Message] = field(default_factory=dict)
    claims: dict[ClaimKey, Claim] = field(default_factory=dict)
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    arrived: set[ClaimKey] = field(default_factory=set)
    blobs_gone: set[str] = field(default_factory=set)
    now: float = NOW

    def apply(self, entry: Entry | None) -> None:
        if entry is None:
            return
        before = self.messages.get(entry.message)
        after = self.messages[entry.message] = fold(before, entry)
        self.entries.setdefault(entry.message, []).append(entry)
        if (settled := settlement_between(before, after)) and settled.blob:
            self.blobs_gone.add(settled.message)
        for key, status in claims_touched(after, entry):
            self.touch(key, after.id, status)

    def touch(self, key: ClaimKey, message: str, status: RecipientStatus) -> None:
        held = self.claims.pop(key, None)
        after = claim_after(held, message, status)
        if after is not None:
            self.claims[key] = after
        if status is R.DELIVERED:
            self.arrived.add(key)
        if status is R.DELIVERED or (status in GIVEN_UP and after != held):
            for known in list(self.messages.values()):
                arrived = status is R.DELIVERED
                self.apply(decide.resolve_waiting(known, key.address, message, arrived=arrived, now=self.now))

    def views(self) -> dict[ClaimKey, ClaimView]:
        views = {}
        for key, claim in self.claims.items():
            holder = self.messages[claim.holder]
            recipient = holder.recipients.get(key.address)
            status = recipient.status if recipient else None
            views[key] = ClaimView(claim, holder.status, holder.lease_until, status)
        return views

    def view_of_other(self, known: Message, address: str) -> ClaimView | None:
        view = self.views().get(ClaimKey(known.tenant, address, known.identity))
        return None if view is None or view.claim.holder == known.id else view

    def again_at(self, outcome: RecipientStatus) -> float | None:
        return self.now + LEASE if outcome is R.DEFERRED else None

    def step(self, name: str, message: str, addresses: tuple[str, ...], outcome: RecipientStatus) -> None:
        known = self.messages.get(message)
        if name == "fetch":
            mail = fetched_mail(known.fetch_no if known else 0, message=message)
            for entry in decide.record_fetch(known, mail, "acme/box", self.now, LEASE):
                self.apply(entry)
        elif name == "wait":
            self.now += LEASE / 2
        elif known is not None:
            self.change(name, known, addresses, outcome)

    def change(self, name: str, known: Message, addresses: tuple[str, ...], outcome: RecipientStatus) -> None:
        attempts = {
            address: known.recipients[address].attempt for address in addresses if address in known.recipients
        }
        entries_by_step: dict[str, list[Entry | None]] = {
            "route": [
                decide.route(
                    known,
                    routed_mail(*addresses, message=known.id, fetch_no=known.fetch_no),
                    self.views(),
                    self.now,
                    LEASE,
                )
            ],
            "begin": [
                decide.begin_attempt(
                    known, Attempt(known.id, known.fetch_no, tuple(attempts.items()), "r"), self.now, LEASE
                )
            ],
            "end": [
                decide.end_attempt(
                    known,
                    Outcomes(
                        known.id,
                        tuple(
                            (outcome_of(a, outcome, self.again_at(outcome)), n) for a, n in attempts.items()
                        ),
                        blob="blob",
                    ),
                    self.now,
                    LEASE,
                )
            ],
            "lose": [*decide.mark_lost(known, "why", self.now)],
            "delete": [*(decide.allow_deletion(known, self.now) or [])],
            "gone": [decide.mark_gone(known, "not listed", self.now) if known.is_finished else None],
            "retry": [
                decide.retry_parked(known, address, None, None, self.now, self.view_of_other(known, address))
                for address in addresses
            ],
            "discard": [decide.discard_parked(known, addresses[0], self.now)],
        }
        for entry in entries_by_step[name]:
            self.apply(entry)


def kept_promises(before: dict[str, Message], world: World) -> None:
    for message in world.messages.values():
        was = before.get(message.id)
        assert was is None or was.fetch_no <= message.fetch_no
        # The sweep of blobs relies on this: what is needed no more is never needed again.
        assert was is None or needs_raw_mail(was) or not needs_raw_mail(message)
        assert needs_raw_mail(message) or not any(
            each.status is R.PARKED or each.status not in TERMINAL for each in message.recipients.values()
        )
        for address, recipient in message.recipients.items():
            key = ClaimKey(message.tenant, address, message.identity)
            assert recipient.status is not R.SUPPRESSED or key in world.arrived
            assert recipient.status is not R.PARKED or (message.blob and message.id not in world.blobs_gone)
            assert (recipient.status is R.PARKED) == (recipient.parked_at is not None)
            if was and address in was.recipients:
                old = was.recipients[address]
                assert old.attempt <= recipient.attempt
                assert old.status is not R.DELIVERED or recipient == old
                if old.status is R.DEFERRED and old.next_attempt_at and old.next_attempt_at > world.now:
                    assert recipient.status not in {R.OPEN, R.ATTEMPTING}
                if old.status in TERMINAL and old.status is not recipient.status:
                    assert old.status is R.PARKED
                    assert recipient.status is not R.OPEN or world.claims[key] == Claim(
                        message.id, done=False
                    )
        if message.status is MessageStatus.SETTLED and (
            was is None or was.status is not MessageStatus.SETTLED
        ):
            assert message.all_done


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(STEPS),
            st.sampled_from(["m1", "m2", "m3"]),
            st.sampled_from([(BOB,), (EVE,), (BOB, EVE)]),
            st.sampled_from(OUTCOMES),
        ),
        max_size=60,
    )
)
def test_no_order_of_entries_by_step_breaks_a_promise(
    steps: list[tuple[str, str, tuple[str, ...], RecipientStatus]],
) -> None:
    world = World()
    for step in steps:
        before = dict(world.messages)
        world.step(*step)
        kept_promises(before, world)
    assert {name: folded(*entries) for name, entries in world.entries.items()} == world.messages
