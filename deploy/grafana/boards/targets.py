"""Delivery and parked mail."""

from __future__ import annotations

from boards.overview import OUTCOMES
from boards.panels import Board, Panel, Row, by_process, per_second, per_second_by
from boards.queries import A_PROCESS, gauge, increase, of_service, quantiles, rate

TARGETS = Board(
    "targets",
    "Mailferry: targets and parked mail",
    "How delivery goes. The first 100 targets that a relay meets are named; `mailferry status` names all.",
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
            "By target",
            [
                Panel(
                    "Recipients not delivered to",
                    "Deferred and parked, per second, for the targets with most.",
                    [
                        (
                            "topk(10, "
                            + rate(
                                "mailferry_target_outcomes_total", "target", labels='status!="delivered", '
                            )
                            + ")",
                            "{{target}}",
                        )
                    ],
                    unit="ops",
                    stacked=True,
                ),
                Panel(
                    "Mean time of an attempt",
                    "With the wait for a free connection, for the slowest targets.",
                    [
                        (
                            "topk(10, "
                            + rate("mailferry_target_delivery_seconds_sum", "target")
                            + " / "
                            + rate("mailferry_target_delivery_seconds_count", "target")
                            + ")",
                            "{{target}}",
                        )
                    ],
                    unit="s",
                ),
                Panel(
                    "Out of reach",
                    "1 while a relay does not reach the target.",
                    [(gauge("mailferry_target_out", "target", how="max"), "{{target}}")],
                ),
                Panel(
                    "Connections to targets",
                    "Busy and idle ones of all relays.",
                    [(gauge("mailferry_relay_connections", "state"), "{{state}}")],
                    stacked=True,
                    width=12,
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
