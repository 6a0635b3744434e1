"""Whether mail is carried, at a glance."""

from __future__ import annotations

from boards.panels import ALARM_ABOVE_0, BAD_ABOVE_0, GOOD_ABOVE_0, Board, Panel, Row, per_second_by, stat
from boards.queries import gauge, quantiles, rate

AT_A_GLANCE = Row(
    "At a glance",
    [
        stat(
            "Running services",
            "Of all processes: fetchers, routers, relays, control, and what renews OAuth tokens.",
            gauge("mailferry_service_up"),
            GOOD_ABOVE_0,
        ),
        stat(
            "Database",
            "Whether every process can use it.",
            gauge("mailferry_store_up", how="min"),
            GOOD_ABOVE_0,
            yes_or_no=True,
        ),
        stat(
            "Broker",
            "Whether every process can use it.",
            gauge("mailferry_broker_up", how="min"),
            GOOD_ABOVE_0,
            yes_or_no=True,
        ),
        stat(
            "Failing accounts",
            "`mailferry status` shows which and why.",
            gauge("mailferry_accounts", how="max", labels='state="failing", '),
            BAD_ABOVE_0,
        ),
        stat(
            "Targets out of reach",
            "Their mail stays at its source.",
            gauge("mailferry_relay_targets_out", how="max"),
            ALARM_ABOVE_0,
        ),
        stat(
            "Parked recipients",
            "They await an operator: `mailferry parked list`.",
            gauge("mailferry_parked_recipients", how="max"),
            BAD_ABOVE_0,
        ),
        stat(
            "Lost at the source",
            "Mails that left their source undelivered: `mailferry lost`.",
            gauge("mailferry_lost_mails", how="max"),
            ALARM_ABOVE_0,
        ),
        stat(
            "Deletion paused",
            "For example after a restored backup: `mailferry epoch show`.",
            gauge("mailferry_fetcher_deletion_paused", how="max"),
            ALARM_ABOVE_0,
            yes_or_no=True,
        ),
    ],
)

MAILS = Panel(
    "Mails",
    "Read at sources, routed, delivered to recipients, deleted at sources again, and skipped, per second.",
    [
        (rate("mailferry_fetcher_mails_fetched_total"), "fetched"),
        (rate("mailferry_router_mails_total"), "routed"),
        (rate("mailferry_relay_outcomes_total", labels='status="delivered", '), "recipients delivered"),
        (rate("mailferry_fetcher_mails_deleted_total"), "deleted"),
        (rate("mailferry_fetcher_mails_skipped_total"), "skipped"),
    ],
    unit="ops",
    width=12,
)
FROM_FETCH_TO_END = Panel(
    "From fetch to end",
    "How long mails take from their fetch until all their recipients are done.",
    quantiles("mailferry_settle_seconds"),
    unit="s",
    width=12,
)
VISITS = per_second_by(
    "outcome",
    "Visits",
    "To source mailboxes, per second; degraded: complete, with a problem.",
    "mailferry_fetcher_visits_total",
)
OUTCOMES = per_second_by(
    "status", "Recipients by outcome", "After an attempt, per second.", "mailferry_relay_outcomes_total"
)
ACCOUNTS_BY_STATE = Panel(
    "Accounts by state",
    "What `mailferry status` shows in colours. All fetchers report the same.",
    [(gauge("mailferry_accounts", "state", how="max"), "{{state}}")],
    stacked=True,
)

OLDEST = Panel(
    "Oldest mail that is not done",
    "In flight, deferred, or held here alone. Parked mail is done.",
    [(gauge("mailferry_unsettled_oldest_seconds", how="max"), "oldest")],
    unit="s",
    width=12,
)
VISIT_TIME = Panel(
    "Time of a visit",
    "From the dial to its end. A visit waits until its mails are settled, so that it can delete them.",
    quantiles("mailferry_fetcher_visit_seconds"),
    unit="s",
    width=12,
)

OVERVIEW = Board(
    "overview",
    "Mailferry: overview",
    "Whether mail is carried. docs/watching.md tells what the alerts mean.",
    [
        AT_A_GLANCE,
        Row(
            "Rate, errors, duration",
            [MAILS, FROM_FETCH_TO_END, VISITS, OUTCOMES, ACCOUNTS_BY_STATE, OLDEST, VISIT_TIME],
        ),
    ],
)
