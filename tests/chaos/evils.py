"""What a campaign does to the stage. Each evil is done, lasts a while, and is over when its block is left."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from random import Random

from tests.chaos.stage import SERVICES, Stage
from tests.fakes.command import REPOSITORY
from tests.fakes.smtp_server import Act

Evil = Callable[[Stage, Random], AbstractContextManager[str]]
"""Yields in words what it did."""
CLOCKS = ("+40d", "-1d", "+3h", "-10m")


@contextmanager
def kill_a_service(stage: Stage, random: Random) -> Iterator[str]:
    name = random.choice(SERVICES)
    stage.kill(name)
    yield f"{name} is killed"
    stage.start(name)


@contextmanager
def kill_at_a_step(stage: Stage, random: Random) -> Iterator[str]:
    """The step may never be passed; then the service is killed where it is."""
    name = random.choice(SERVICES)
    service = name.partition("-")[0]
    step = random.choice([each for each in steps() if each.startswith(service)])
    stage.kill(name)
    passing = random.randint(1, 4)
    stage.start(name, MAILFERRY_DIE_AT=f"{step}:{passing}")
    yield f"{name} is killed at {step}:{passing}"
    stage.kill(name)
    stage.start(name)


@contextmanager
def kill_everything(stage: Stage, random: Random) -> Iterator[str]:
    for name in SERVICES:
        stage.kill(name)
    yield "all services are killed"
    for name in SERVICES:
        stage.start(name)


@contextmanager
def kill_rabbitmq(stage: Stage, random: Random) -> Iterator[str]:
    stage.rabbitmq.kill()
    yield "RabbitMQ is killed"
    stage.rabbitmq.start()


@contextmanager
def remove_rabbitmqs_data(stage: Stage, random: Random) -> Iterator[str]:
    stage.rabbitmq.kill()
    stage.rabbitmq.wipe()
    yield "RabbitMQ loses its data"
    stage.rabbitmq.start()


@contextmanager
def kill_postgresql(stage: Stage, random: Random) -> Iterator[str]:
    stage.postgres.kill()
    yield "PostgreSQL is killed"
    stage.postgres.start()


@contextmanager
def fill_the_blob_disk(stage: Stage, random: Random) -> Iterator[str]:
    if not stage.has_blob_disk:
        yield "SKIPPED, only root can mount a small disk: the blob disk is full"
        return
    filler = stage.blob_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:  # that is how a full disk shows
        while True:
            file.write(bytes(4096))
    yield "the blob disk is full"
    filler.unlink(missing_ok=True)


@contextmanager
def raise_the_disk_alarm(stage: Stage, random: Random) -> Iterator[str]:
    stage.rabbitmq.raise_disk_alarm()
    yield "RabbitMQ's disk alarm is raised"
    stage.rabbitmq.clear_disk_alarm()


@contextmanager
def stop_a_fetcher_past_its_lease(stage: Stage, random: Random) -> Iterator[str]:
    name = random.choice([each for each in SERVICES if each.startswith("fetcher")])
    stage.processes[name].send(signal.SIGSTOP)
    yield f"{name} is stopped past its lease"
    stage.processes[name].send(signal.SIGCONT)


@contextmanager
def move_the_clock(stage: Stage, random: Random) -> Iterator[str]:
    offset = random.choice(CLOCKS)
    stage.set_clock(offset)
    yield f"the clock is moved by {offset}"
    stage.set_clock("+0")


@contextmanager
def drop_the_target(stage: Stage, random: Random) -> Iterator[str]:
    moment = random.choice(("GREETING", "MAIL", "CONTENT"))
    stage.target.script[moment] = [random.choice((Act.HANG_UP, Act.RESET))]
    yield f"the target leaves at {moment}"
    del stage.target.script[moment]


EVILS: dict[str, Evil] = {
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
"""How long an evil lasts at least; others last as long as chance has it."""


def steps() -> list[str]:
    """All named steps in the services."""
    sources = (REPOSITORY / "services").rglob("*.py")
    named = {name for path in sources for name in re.findall(r'reached\("([^"]+)"\)', path.read_text())}
    return sorted(named)
