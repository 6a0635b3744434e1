"""Each service, the broker, the database and the processes."""

from __future__ import annotations

from boards.overview import VISITS
from boards.panels import Board, Panel, Row, by_process, per_second, per_second_by
from boards.queries import A_PROCESS, gauge, increase, of_mailferry, of_service, quantiles, rate

FETCHER = Row(
    "Fetcher",
    [
        VISITS,
        Panel(
            "Sessions with sources",
            "Open now, by process; kept: they stay open between visits.",
            [
                (of_service(gauge("mailferry_fetcher_sessions_open", *A_PROCESS), "fetcher"), "{{instance}}"),
                (
                    of_service(gauge("mailferry_fetcher_sessions_kept", *A_PROCESS), "fetcher"),
                    "{{instance}}, kept",
                ),
            ],
        ),
        Panel(
            "Visits under way",
            "Not logged in yet, silent, slow and working.",
            [(gauge("mailferry_fetcher_places", "state"), "{{state}}")],
            stacked=True,
        ),
        Panel(
            "Slots for visits",
            "Visits that may make progress at a time, and those that do, over all fetchers.",
            [
                (gauge("mailferry_fetcher_concurrency"), "slots"),
                (gauge("mailferry_fetcher_places", labels='state="working", '), "working"),
            ],
        ),
        by_process(
            "Mails in flight",
            "Fetched and not settled.",
            of_service(gauge("mailferry_fetcher_mails_in_flight", *A_PROCESS), "fetcher"),
            stacked=True,
        ),
        by_process(
            "Octets read",
            "From sources.",
            of_service(rate("mailferry_fetcher_fetched_bytes_total", *A_PROCESS), "fetcher"),
            unit="Bps",
            stacked=True,
        ),
        by_process(
            "Memory of listings",
            "Estimated memory of the listings of open sessions.",
            of_service(gauge("mailferry_fetcher_listing_bytes", *A_PROCESS), "fetcher"),
            unit="bytes",
        ),
        by_process(
            "Leases lost",
            "Visits that were aborted because the fetcher hung for too long.",
            of_service(increase("mailferry_fetcher_leases_lost_total", *A_PROCESS), "fetcher"),
            width=12,
        ),
        by_process(
            "Visits that lost their slot",
            "They made no progress while other accounts waited.",
            of_service(increase("mailferry_fetcher_places_taken_total", *A_PROCESS), "fetcher"),
            width=12,
        ),
    ],
    closed=True,
)
ROUTER = Row(
    "Router",
    [
        per_second_by(
            "evidence",
            "Mails by evidence",
            "The evidence that decided the recipients, per second.",
            "mailferry_router_mails_total",
        ),
        Panel(
            "Mails in a batch",
            "How many were routed in one transaction.",
            quantiles("mailferry_router_batch_mails"),
        ),
        Panel(
            "Time of a batch",
            "From taking it to its acknowledgement.",
            quantiles("mailferry_router_batch_seconds"),
            unit="s",
        ),
    ],
    closed=True,
)
BROKER_AND_DATABASE = Row(
    "Broker and database",
    [
        per_second(
            "Events",
            "Handed to the broker and confirmed by it, per second.",
            {
                "published": "mailferry_broker_published_total",
                "confirmed": "mailferry_broker_confirmed_total",
            },
        ),
        Panel(
            "Events that did not arrive",
            "Unroutable: queues are missing (`mailferry topology check`). Dead: not understood.",
            [
                (increase("mailferry_broker_unroutable_total"), "unroutable"),
                (increase("mailferry_broker_dead_total"), "dead"),
            ],
        ),
        Panel(
            "Time of a transaction",
            "With the wait for a connection, and with repetitions.",
            quantiles("mailferry_store_call_seconds"),
            unit="s",
        ),
        by_process(
            "Transactions under way",
            "They run, or wait for one of the process' connections.",
            of_mailferry(gauge("mailferry_store_calls", *A_PROCESS)),
        ),
        Panel(
            "Can be used",
            "By each process: 1 while it can.",
            [
                (gauge("mailferry_store_up", "instance", how="min"), "database, {{instance}}"),
                (gauge("mailferry_broker_up", "instance", how="min"), "broker, {{instance}}"),
            ],
        ),
    ],
    closed=True,
)
PROCESSES = Row(
    "Processes",
    [
        by_process(
            "Memory",
            "Resident.",
            of_mailferry("process_resident_memory_bytes[:]"),
            unit="bytes",
        ),
        by_process(
            "Processor",
            "Cores that are kept busy.",
            of_mailferry("rate(process_cpu_seconds_total[:][$__rate_interval])"),
        ),
        by_process(
            "Files and connections",
            "Open file descriptors, as a part of those that a process may have.",
            of_mailferry("process_open_fds[:] / process_max_fds[:]"),
            unit="percentunit",
        ),
        by_process(
            "Event loop lag",
            "How late 1 of 100 wake-ups is. Above a second, leases and time limits suffer.",
            "histogram_quantile(0.99, sum by (le, instance) "
            "(rate(mailferry_event_loop_lag_seconds_bucket[:][$__rate_interval])))",
            unit="s",
            width=24,
        ),
        by_process(
            "Configuration refused",
            "1 after a changed configuration was refused, until one is taken over.",
            gauge("mailferry_reload_failed", "instance", how="max"),
            width=12,
        ),
        Panel(
            "Versions",
            "What runs where.",
            [(gauge("mailferry_build_info", "instance", "version", how="max"), "")],
            kind="table",
            width=12,
        ),
    ],
)
SERVICES = Board(
    "services",
    "Mailferry: services",
    "Each service, the broker, the database and the processes. Open a row to see it.",
    [PROCESSES, FETCHER, ROUTER, BROKER_AND_DATABASE],
)
