"""A private RabbitMQ: one node, no plugins, nothing shared with a broker that runs on the machine.

Promises: its own Erlang port mapper, cookie and data; the same ports and node name after a restart, so that
durable queues come back; `wipe` makes it forget everything, as a broker does whose disk was lost.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from itertools import count
from pathlib import Path
from typing import Final

from tests.servers.ports import accepts, free_port, greets
from tests.servers.process import ServerError, ServerProcess, eventually
from tests.servers.server import Server, installed

USER: Final = "guest"
COOKIE: Final = "mailferry-tests"
ERLANG_OPTIONS: Final = "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
"""Two schedulers that do not spin while idle: on two cores spinning would slow down what is being tested."""
PROTOCOL_HEADER: Final = b"AMQP\x00\x00\x09\x01"
CONNECTION_START: Final = b"\x01\x00\x00"
"""A method frame on channel 0; a broker that is not ready closes the connection instead."""
NOT_REACHED: Final = "failed to connect to node"
REACH_SECONDS: Final = 10.0


class RabbitMq(Server):
    """One broker; each test should work in a virtual host of its own, see `add_vhost`."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.port = free_port()
        self._distribution_port = free_port()
        self._port_mapper_port = free_port()
        self._numbers = count(1)
        self._data = directory / "mnesia"
        self._port_mapper: ServerProcess | None = None
        cookie = directory / ".erlang.cookie"
        cookie.write_text(COOKIE)
        cookie.chmod(0o400)
        (directory / "rabbitmq.conf").write_text(_configuration(self.port))
        (directory / "enabled_plugins").write_text("[].\n")
        (directory / "rabbitmq-env.conf").touch()

    def start(self) -> None:
        environment = self._environment()
        # Erlang would start the port mapper as a daemon that outlives everything; as our child it does not.
        self._port_mapper = ServerProcess(["epmd"], log=self.directory / "epmd.log", env=environment)
        self._port_mapper.wait_until(lambda: accepts(self._port_mapper_port))
        self._process = ServerProcess(
            [str(installed("rabbitmq"))], log=self.directory / "output", env=environment
        )
        self._process.wait_until(self._answers)

    def stop(self) -> None:
        super().stop()
        if self._port_mapper:
            self._port_mapper.stop()

    def kill(self) -> None:
        super().kill()
        if self._port_mapper:
            self._port_mapper.kill()

    def wipe(self) -> None:
        """Removes all data; the broker must not run."""
        if self.running:
            raise ServerError("RabbitMQ must be stopped before its data are removed")
        shutil.rmtree(self._data, ignore_errors=True)

    def url(self, vhost: str = "/") -> str:
        return f"amqp://{USER}:{USER}@{self.host}:{self.port}/{vhost.replace('/', '%2F')}"

    def add_vhost(self, name: str | None = None) -> str:
        """Adds an empty virtual host, with all permissions for the user of `url`; returns its name."""
        name = name or f"test-{next(self._numbers)}"
        self.evaluate(
            f'ok = rabbit_vhost:add(<<"{name}">>, <<"{USER}">>), '
            f'ok = rabbit_auth_backend_internal:set_permissions(<<"{USER}">>, <<"{name}">>, '
            f'<<".*">>, <<".*">>, <<".*">>, <<"{USER}">>).'
        )
        return name

    def delete_vhost(self, name: str) -> None:
        """Deletes a virtual host with everything in it; its connections are closed."""
        self.evaluate(f'ok = rabbit_vhost:delete(<<"{name}">>, <<"{USER}">>).')

    def raise_disk_alarm(self) -> None:
        """Raises the disk alarm: the broker accepts nothing from publishers."""
        self.evaluate("ok = rabbit_alarm:set_alarm({{resource_limit, disk, node()}, []}).")

    def clear_disk_alarm(self) -> None:
        """Clears the disk alarm."""
        self.evaluate("ok = rabbit_alarm:clear_alarm({resource_limit, disk, node()}).")

    def write_down(self) -> None:
        """Has it write what was declared to its disk, as it does by itself within seconds: a kill before that
        takes the queues along with the mails that were confirmed."""
        self.evaluate("ok = mnesia:sync_log(), dumped = mnesia:dump_log().")

    def evaluate(self, expression: str) -> str:
        """Evaluates Erlang inside the broker, far faster than rabbitmqctl does; returns the value as text."""
        answer = ""

        def reached() -> bool:
            nonlocal answer
            answer = self._asked(expression)
            return NOT_REACHED not in answer

        eventually(reached, REACH_SECONDS)
        if not answer.startswith("{ok, "):
            raise ServerError(f"RabbitMQ answered {answer} to {expression}")
        return answer.removeprefix("{ok, ").removesuffix("}")

    def _asked(self, expression: str) -> str:
        """One try; the node now and then refuses a connection, and then has evaluated nothing."""
        address = f"{self.host}:{self._distribution_port}"
        done = subprocess.run(
            [str(_erl_call()), "-address", address, "-c", COOKIE, "-r", "-e"],
            input=f"{expression}\n".encode(),
            env=self._environment(),
            check=False,
            capture_output=True,
        )
        answer = done.stdout.decode(errors="replace")
        if done.returncode == 0:
            return answer
        return f"exit code {done.returncode}: {answer or done.stderr.decode(errors='replace')}"

    def _answers(self) -> bool:
        return greets(self.port, CONNECTION_START, says=PROTOCOL_HEADER)

    def _environment(self) -> dict[str, str]:
        home = str(self.directory)
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": home,
            "ERL_EPMD_PORT": str(self._port_mapper_port),
            "ERL_EPMD_ADDRESS": self.host,
            "RABBITMQ_NODENAME": f"{self.directory.name}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": self.host,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self._data),
            "RABBITMQ_LOG_BASE": home,
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONF_ENV_FILE": f"{home}/rabbitmq-env.conf",
            "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{home}/advanced.config",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{home}/config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/enabled_plugins",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG_OPTIONS,
            # The start script becomes the broker instead of waiting for it: signals reach the right process.
            "RUNNING_UNDER_SYSTEMD": "1",
        }


def _configuration(port: int) -> str:
    return f"""
listeners.tcp.1 = 127.0.0.1:{port}
log.console = true
log.console.level = warning
log.file = false
# The machine's memory and disk are not the test's business.
disk_free_limit.absolute = 50MB
vm_memory_high_watermark.absolute = 1GB
# As in deploy/rabbitmq.conf.
raft.wal_max_size_bytes = 67108864
"""


def _erl_call() -> Path:
    found = sorted(Path("/usr/lib/erlang/lib").glob("erl_interface-*/bin/erl_call"))
    if not found:
        raise ServerError("erl_call, a part of Debian's erlang-base, is not installed")
    return found[-1]
