"""Tenants, accounts and OAuth grants."""

from __future__ import annotations

from boards.overview import ACCOUNTS_BY_STATE
from boards.panels import Board, Panel, Row, per_second_by
from boards.queries import gauge, rate

TENANTS = Board(
    "tenants",
    "Mailferry: tenants and accounts",
    "How the accounts are, and which tenants have failing ones. `mailferry status` names accounts.",
    [
        Row(
            "Accounts",
            [
                ACCOUNTS_BY_STATE,
                Panel(
                    "Failing accounts by tenant",
                    "The tenants with most of them.",
                    [("topk(15, max by (tenant) (mailferry_tenant_accounts_failing[:]))", "{{tenant}}")],
                    kind="bargauge",
                    thresholds=(("orange", None),),
                ),
                Panel(
                    "Longest without success",
                    "The longest time without success of a failing account, pauses included.",
                    [(gauge("mailferry_accounts_failing_oldest_seconds", how="max"), "longest")],
                    unit="s",
                ),
                Panel(
                    "Mail of accounts that are not configured",
                    "Undelivered mails of removed or renamed accounts. `here`: there is no other copy.",
                    [(gauge("mailferry_unnamed_accounts_mails", "held", how="min"), "held: {{held}}")],
                    width=12,
                ),
                Panel(
                    "Lost at the source",
                    "Mails that left their source undelivered, with no copy here.",
                    [(gauge("mailferry_lost_mails", how="max"), "lost")],
                    width=12,
                ),
            ],
        ),
        Row(
            "Providers and tenants",
            [
                Panel(
                    "Failed visits by provider",
                    "Per second, for those with most; other: all that are not in `mailferry providers`.",
                    [
                        (
                            "topk(10, "
                            + rate("mailferry_provider_visits_total", "provider", labels='outcome="failed", ')
                            + ")",
                            "{{provider}}",
                        )
                    ],
                    unit="ops",
                    stacked=True,
                ),
                per_second_by(
                    "reason",
                    "Failed visits by reason",
                    "Per second; ours: database, broker, blobs or configuration.",
                    "mailferry_provider_visit_failures_total",
                ),
                Panel(
                    "Busiest tenants",
                    "Mails fetched since midnight by UTC, for the tenants with most of them.",
                    [("topk(15, max by (tenant) (mailferry_tenant_mails_today[:]))", "{{tenant}}")],
                    kind="bargauge",
                    thresholds=(("blue", None),),
                ),
            ],
        ),
        Row(
            "OAuth",
            [
                Panel(
                    "Grants by state",
                    "By which accounts and targets log in. `mailferry oauth status` says who has to act.",
                    [(gauge("mailferry_oauth_grants", "state", how="max"), "{{state}}")],
                    stacked=True,
                ),
                per_second_by(
                    "outcome",
                    "Requests for tokens",
                    "Per second, by what the provider's answer meant.",
                    "mailferry_oauth_refreshes_total",
                ),
                Panel(
                    "Going to stop within 14 days",
                    "Apps and grants.",
                    [(gauge("mailferry_oauth_expiring", how="max"), "apps and grants")],
                ),
                per_second_by(
                    "outcome",
                    "Sign-ins given back",
                    "Attempts per second to tell a provider that a sign-in has ended, by outcome.",
                    "mailferry_oauth_revocations_total",
                ),
            ],
        ),
    ],
)
