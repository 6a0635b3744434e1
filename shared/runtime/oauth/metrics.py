"""The metrics of OAuth: requests for tokens, grants, and what is going to stop."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class OAuthMetrics:
    """The metrics. `oauth_grants` and `oauth_expiring` are the same in each process: take the max."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.oauth_refreshes = Counter(
            "mailferry_oauth_refreshes",
            "Requests for new tokens; outcome: ok, retrying, needs_owner, needs_admin, app_broken.",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("ok", "retrying", "needs_owner", "needs_admin", "app_broken"):
            self.oauth_refreshes.labels(outcome=outcome)
        self.oauth_revocations = Counter(
            "mailferry_oauth_revocations",
            "Attempts to tell a provider that a grant has ended; outcome: told, not_offered (it cannot be "
            "told), shared (another grant stands on the same sign-in), retrying, given_up.",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("told", "not_offered", "shared", "retrying", "given_up"):
            self.oauth_revocations.labels(outcome=outcome)
        self.oauth_grants = Gauge(
            "mailferry_oauth_grants",
            "Grants by state: valid, retrying, needs_owner, needs_admin, app_broken, revoking, revoked. The "
            "same in each process: take the max.",
            ["state"],
            registry=registry,
        )
        self.oauth_expiring = Gauge(
            "mailferry_oauth_expiring",
            "Apps and grants that are going to stop within 14 days. See `mailferry oauth status`.",
            registry=registry,
        )
