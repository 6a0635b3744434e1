"""The faults of a campaign. Each begins on entering its context, and ends on leaving it."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from random import Random

from tests.chaos.testbed import SERVICES, Testbed
from tests.fakes.command import REPOSITORY
from tests.fakes.smtp_server import Act

Fault = Callable[[Testbed, Random], AbstractContextManager[str]]
"""Yields a description."""
CLOCKS = ("+40d", "-1d", "+3h", "-10m")


@contextmanager
def kill_a_service(testbed: Testbed, random: Random) -> Iterator[str]:
    name = random.choice(SERVICES)
    testbed.kill(name)
    yield f"{name} is killed"
    testbed.start(name)


@contextmanager
def kill_at_a_step(testbed: Testbed, random: Random) -> Iterator[str]:
    """If the step is not reached, the service is killed where it is."""
    name = random.choice(SERVICES)
    service = name.partition("-")[0]
    step = random.choice([each for each in steps() if each.startswith(service)])
    testbed.kill(name)
    count = random.randint(1, 4)
    testbed.start(name, MAILFERRY_DIE_AT=f"{step}:{count}")
    yield f"{name} is killed at {step}:{count}"
    testbed.kill(name)
    testbed.start(name)


@contextmanager
def kill_everything(testbed: Testbed, random: Random) -> Iterator[str]:
    for name in SERVICES:
        testbed.kill(name)
    yield "all services are killed"
    for name in SERVICES:
        testbed.start(name)


@contextmanager
def kill_rabbitmq(testbed: Testbed, random: Random) -> Iterator[str]:
    testbed.rabbitmq.kill()
    yield "RabbitMQ is killed"
    testbed.rabbitmq.start()


@contextmanager
def remove_rabbitmqs_data(testbed: Testbed, random: Random) -> Iterator[str]:
    testbed.rabbitmq.kill()
    testbed.rabbitmq.wipe()
    yield "RabbitMQ loses its data"
    testbed.rabbitmq.start()


@contextmanager
def kill_postgresql(testbed: Testbed, random: Random) -> Iterator[str]:
    testbed.postgres.kill()
    yield "PostgreSQL is killed"
    testbed.postgres.start()


@contextmanager
def fill_the_blob_disk(testbed: Testbed, random: Random) -> Iterator[str]:
    if not testbed.has_blob_disk:
        yield "SKIPPED, only root can mount a small disk: the blob disk is full"
        return
    filler = testbed.blob_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:  # that is how a full disk shows
        while True:
            file.write(bytes(4096))
    yield "the blob disk is full"
    filler.unlink(missing_ok=True)


@contextmanager
def raise_the_disk_alarm(testbed: Testbed, random: Random) -> Iterator[str]:
    testbed.rabbitmq.raise_disk_alarm()
    yield "RabbitMQ's disk alarm is raised"
    testbed.rabbitmq.clear_disk_alarm()


@contextmanager
def stop_a_fetcher_past_its_lease(testbed: Testbed, random: Random) -> Iterator[str]:
    name = random.choice([each for each in SERVICES if each.startswith("fetcher")])
    testbed.processes[name].send(signal.SIGSTOP)
    yield f"{name} is stopped past its lease"
    testbed.processes[name].send(signal.SIGCONT)


@contextmanager
def move_the_clock(testbed: Testbed, random: Random) -> Iterator[str]:
    offset = random.choice(CLOCKS)
    testbed.set_clock(offset)
    yield f"the clock is moved by {offset}"
    testbed.set_clock("+0")


@contextmanager
def drop_the_target(testbed: Testbed, random: Random) -> Iterator[str]:
    moment = random.choice(("GREETING", "MAIL", "CONTENT"))
    testbed.target.script[moment] = [random.choice((Act.HANG_UP, Act.RESET))]
    yield f"the target leaves at {moment}"
    del testbed.target.script[moment]


FAULTS: dict[str, Fault] = {
    each.__name__: each
    for each in (
        kill_a_service,
        kill_at_a_step,
        kill_everything,
        kill_rabbitmq,
        remove_rabbitmqs_data,
        kill_postgresql,
        fill_the_blob_disk,
        raise_the_disk_alarm,
        stop_a_fetcher_past_its_lease,
        move_the_clock,
        drop_the_target,
    )
}
SECONDS = {"stop_a_fetcher_past_its_lease": 3.0, "raise_the_disk_alarm": 2.0}
"""The least time in seconds of a fault. Others last a random time."""


def steps() -> list[str]:
    """Return all named steps in the services."""
    sources = (REPOSITORY / "services").rglob("*.py")
    named = {name for path in sources for name in re.findall(r'reached\("([^"]+)"\)', path.read_text())}
    return sorted(named)
