"""Opens the store, broker and blobs of a configuration, each with the adapter for its URL."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version

from prometheus_client import CollectorRegistry

from shared.adapters.directories import ConfiguredDirectories
from shared.adapters.memory_broker import MemoryBroker
from shared.adapters.sql import open_store, upgrade
from shared.adapters.system_clock import SystemClock
from shared.config import Configuration
from shared.contract.topology import Topology, topology
from shared.model.errors import ConfigurationError, MailferryError
from shared.ports.broker import Broker
from shared.ports.clock import Clock
from shared.ports.store import Store
from shared.ports.tracing import NO_TRACING, Tracing
from shared.runtime.blobs import open_blobs
from shared.runtime.counting_broker import CountingBroker
from shared.runtime.metrics import Metrics
from shared.runtime.missing_blobs import MissingBlobReporter, TrackedBlobs
from shared.runtime.oauth.opening import open_keeper
from shared.runtime.registry import Registry
from shared.runtime.runtime import Runtime
from shared.runtime.secret_box import open_secret_box
from shared.runtime.unrecorded_blobs import UnrecordedBlobs


@asynccontextmanager
async def open_runtime(configuration: Configuration, name: str = "mailferry") -> AsyncIterator[Runtime]:
    """Open what the services of this process need. An unavailable database or broker is no error.

    `name` is that of the process in traces.

    An SQLite database is upgraded to the current schema, and gets the key of its secrets. Raises
    `KeysUnusable`.
    """
    clock = SystemClock()
    queues = topology(configuration.relay.retry_delays)
    metrics = Metrics(CollectorRegistry(), version("mailferry"))
    store = _store(configuration, metrics)
    box = await open_secret_box(configuration, store.secrets)
    registry = Registry(store.registry, box, clock, os.environ, configuration.hosts)
    untracked = open_blobs(configuration.blobs)
    unrecorded = UnrecordedBlobs(untracked, clock)
    blobs = TrackedBlobs(untracked, unrecorded)
    entropy = random.Random().randbytes  # noqa: S311 - ids must be unique, not secret

    async def record(target: str, domain: str, accepts_all: bool) -> None:
        await store.router.note_catch_all(target, domain, accepts_all, clock.now())

    try:
        async with (
            _tracing(configuration, name) as tracing,
            _broker(configuration, queues, clock) as broker,
            _blob_maintenance(blobs, unrecorded, store, broker, clock),
            _registry_watched(registry),
            open_keeper(configuration, store, box, clock, metrics) as (oauth, token_keeper),
        ):
            yield Runtime(
                store=store,
                registry=registry,
                broker=CountingBroker(broker, metrics),
                blobs=blobs,
                directories=ConfiguredDirectories(
                    registry.targets,
                    helo_name=configuration.relay.helo_name,
                    clock=clock,
                    entropy=entropy,
                    record=record,
                    grants=oauth.tokens,
                ),
                clock=clock,
                topology=queues,
                metrics=metrics,
                chance=random.random,
                entropy=entropy,
                cores=os.cpu_count() or 1,
                unrecorded=unrecorded,
                broker_memory=broker.held if isinstance(broker, MemoryBroker) else dict,
                grants=oauth.tokens,
                oauth=oauth,
                token_keeper=token_keeper,
                tracing=tracing,
            )
    finally:
        await store.close()


def _store(configuration: Configuration, metrics: Metrics) -> Store:
    url = configuration.store.url.get_secret_value()
    if configuration.store.sqlite_path is not None:
        upgrade(url)
    store = open_store(url, deadline=configuration.store.deadline)
    store.runner.on_doubts = metrics.in_doubt.inc
    store.runner.on_end = metrics.store_seconds.observe
    metrics.store_calls.set_function(lambda: store.runner.under_way)
    return store


@asynccontextmanager
async def _tracing(configuration: Configuration, name: str) -> AsyncIterator[Tracing]:
    settings = configuration.tracing
    if settings.endpoint is None:
        yield NO_TRACING
        return
    try:
        from shared.adapters.otel_tracing import OtelTracing  # noqa: PLC0415 - optional, and slow to import
    except ImportError as error:
        sentence = (
            f'{configuration.document.origin}: [tracing] "endpoint": the library {error.name} is not '
            'installed; `pip install "mailferry[otel]"` brings it'
        )
        raise ConfigurationError([sentence]) from error
    tracing = OtelTracing(settings.endpoint, name=name, version=version("mailferry"), sample=settings.sample)
    try:
        yield tracing
    finally:
        await asyncio.to_thread(tracing.close)


@asynccontextmanager
async def _registry_watched(registry: Registry) -> AsyncIterator[None]:
    with suppress(MailferryError):
        await registry.refresh()
    task = asyncio.ensure_future(registry.run())
    try:
        yield
    finally:
        task.cancel()


@asynccontextmanager
async def _blob_maintenance(
    blobs: TrackedBlobs, unrecorded: UnrecordedBlobs, store: Store, broker: Broker, clock: Clock
) -> AsyncIterator[None]:
    works = [
        MissingBlobReporter(blobs, store.maintenance, broker, clock).run(),
        unrecorded.run(store.maintenance),
    ]
    tasks = [asyncio.ensure_future(each) for each in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def _broker(configuration: Configuration, queues: Topology, clock: Clock) -> AsyncIterator[Broker]:
    if configuration.broker.in_process:
        memory = MemoryBroker(queues, clock)
        try:
            yield memory
        finally:
            await memory.close()
        return
    from shared.adapters.rabbitmq.broker import RabbitMqBroker  # noqa: PLC0415 - a process with its own broker needs no pika

    rabbit = RabbitMqBroker(
        configuration.broker.url.get_secret_value(), queues, clock=clock, random=random.SystemRandom()
    )
    await rabbit.start()
    try:
        yield rabbit
    finally:
        await rabbit.close()
