"""`mailferry healthcheck` beside a running process, as a container runtime calls it."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.command import Ended
from tests.servers.ferry import Ferry
from tests.servers.ferry_config import configuration
from tests.servers.ports import LOOPBACK, free_port

CHOSEN_PORT = f'metrics.listen = "{LOOPBACK}:0"'


def test_its_exit_code_says_whether_the_process_can_work(tmp_path: Path) -> None:
    port = free_port()
    text = configuration([], target=free_port()).replace("metrics.listen =", "# metrics.listen =")
    text = f'metrics.listen = "{LOOPBACK}:{port}"\n' + text
    with Ferry(tmp_path, text) as ferry:
        before = ferry.call("healthcheck")
        assert (before.code, before.out) == (1, "")
        assert before.err == f"{LOOPBACK}:{port}/readyz does not answer: Connection refused\n"
        process = ferry.start().ready()
        process.wait_until(lambda: ferry.call("healthcheck").code == 0)
        assert ferry.call("healthcheck") == Ended(0, "ready\n", "")
        assert ferry.call("healthcheck", "--live") == Ended(0, "alive\n", "")
        (tmp_path / "elsewhere").mkdir()
        other = Ferry(tmp_path / "elsewhere", "this is no TOML")
        assert other.call("healthcheck", "--address", f"{LOOPBACK}:{port}").code == 0
        assert other.call("healthcheck").code == 78
        process.terminate()
        assert ferry.call("healthcheck").code == 1


def test_without_health_pages_there_is_nothing_to_ask(tmp_path: Path) -> None:
    text = configuration([], target=free_port()).replace(CHOSEN_PORT, 'metrics.listen = ""')
    with Ferry(tmp_path, text) as ferry:
        assert ferry.call("healthcheck").code == 2
