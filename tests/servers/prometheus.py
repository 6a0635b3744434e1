"""A private Prometheus that scrapes what a test names, each half second, with the rules of `deploy/`."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.fakes.command import REPOSITORY
from tests.servers.ports import LOOPBACK, free_port
from tests.servers.process import ServerProcess
from tests.servers.server import Server, installed

RULES = REPOSITORY / "deploy" / "prometheus"
SCRAPE = "500ms"
SECONDS = 40.0


class Prometheus(Server):
    """One Prometheus. `jobs` are addresses by the name of their job."""

    def __init__(self, directory: Path, jobs: Mapping[str, Sequence[str]]) -> None:
        super().__init__(directory)
        self.port = free_port()
        configuration = {
            "global": {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": SCRAPE},
            "rule_files": [str(RULES / "recording.yml"), str(RULES / "alerts.yml")],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": list(addresses)}]}
                for job, addresses in jobs.items()
            ],
        }
        self._file = directory / "prometheus.yml"
        self._file.write_text(yaml.safe_dump(configuration))

    def start(self) -> None:
        command = [
            str(installed("prometheus")),
            f"--config.file={self._file}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address={LOOPBACK}:{self.port}",
        ]
        self._process = ServerProcess(command, log=self.directory / "output")
        self._process.wait_until(self._answers)

    def ask(self, path: str, **arguments: str) -> Any:
        """What the API answers to a request, such as `query` or `targets`."""
        query = urllib.parse.urlencode(arguments)
        url = f"http://{LOOPBACK}:{self.port}/api/v1/{path}?{query}"
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            return json.load(answer)["data"]

    def values(self, query: str) -> list[dict[str, Any]]:
        """The series of an instant query, now."""
        return list(self.ask("query", query=query)["result"])

    def range(self, query: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """The series of a query between two times, which are seconds since the epoch, as `step` is."""
        found = self.ask("query_range", query=query, start=f"{start}", end=f"{end}", step=f"{step}")
        return list(found["result"])

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}/-/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
