"""Brings the hints that come for this process to the board where its visits wait for them."""

from __future__ import annotations

import structlog

from services.fetcher.flow_control.settlement_tracker import SettlementTracker
from shared.contract.codec import EVENT_CODEC, Undecodable
from shared.contract.events import MessageSettled
from shared.ports.broker import Broker, Delivery

PREFETCH = 2000
BATCH = 500
LINGER = 0.002

log = structlog.get_logger("mailferry.fetcher")


class SettlementListener:
    """For the fetcher called `name`. It has `begun` once hints can arrive."""

    def __init__(self, broker: Broker, board: SettlementTracker, name: str) -> None:
        self._broker = broker
        self._board = board
        self._name = name
        self.begun = False

    async def run(self) -> None:
        """Post hints, until cancelled."""
        async with self._broker.subscribe_hints(self._name, PREFETCH) as hints:
            self.begun = True
            while True:
                deliveries = await hints.batch(BATCH, LINGER)
                for delivery in deliveries:
                    self._post(delivery)
                await hints.ack(deliveries)

    def _post(self, delivery: Delivery) -> None:
        try:
            event = EVENT_CODEC.decode(delivery.body)
        except Undecodable as error:
            log.warning("hint not understood", error=error)
            return
        if isinstance(event, MessageSettled):
            self._board.post(event.messages)
