"""Delivery and parked mail."""

from __future__ import annotations

from boards.overview import OUTCOMES
from boards.panels import Board, Panel, Row, by_process, per_second, per_second_by
from boards.queries import A_PROCESS, gauge, increase, of_service, quantiles

TARGETS = Board(
    "targets",
    "Mailferry: targets and parked mail",
    "How delivery goes. No metric names a target yet; `mailferry status` does.",
    [
        Row(
            "Delivery",
            [
                OUTCOMES,
                per_second(
                    "Attempts and retries",
                    "Attempts that were begun, and recipients that wait for another one, per second.",
                    {
                        "attempts": "mailferry_relay_attempts_total",
                        "retries": "mailferry_relay_retries_total",
                    },
                ),
                Panel(
                    "Time of an attempt",
                    "With the wait for a free connection.",
                    quantiles("mailferry_relay_delivery_seconds"),
                    unit="s",
                ),
                per_second_by(
                    "reason",
                    "Postponed without an attempt",
                    "Events per second; busy and out: the target, early: the recipients are not due.",
                    "mailferry_relay_put_off_total",
                ),
                by_process(
                    "Targets out of reach",
                    "As each relay sees them.",
                    of_service(gauge("mailferry_relay_targets_out", *A_PROCESS, how="max"), "relay"),
                ),
                Panel(
                    "Deliveries in doubt",
                    "Their mail may arrive twice.",
                    [(increase("mailferry_relay_in_doubt_total"), "in doubt")],
                ),
            ],
        ),
        Row(
            "Parked mail",
            [
                Panel(
                    "Parked recipients",
                    "They await an operator.",
                    [(gauge("mailferry_parked_recipients", how="max"), "recipients")],
                ),
                Panel(
                    "Size of parked mail",
                    "Octets of the mails.",
                    [(gauge("mailferry_parked_bytes", how="max"), "octets")],
                    unit="bytes",
                ),
                Panel(
                    "Longest wait",
                    "Age of the oldest parked recipient.",
                    [(gauge("mailferry_parked_oldest_seconds", how="max"), "oldest")],
                    unit="s",
                ),
            ],
        ),
    ],
)
