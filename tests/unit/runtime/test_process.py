from __future__ import annotations

import os
import signal
from pathlib import Path

from shared.config import Configuration
from shared.runtime.process import Load, run_process
from tests.fakes.configuration import WHOLE


def test_a_hup_before_the_services_run_does_not_end_the_process(tmp_path: Path) -> None:
    path = tmp_path / "mailferry.toml"
    path.write_text(f'[relay]\nhelo_name = "mx.example"\n{WHOLE}')
    before = signal.getsignal(signal.SIGHUP)
    served = []

    async def serve(configuration: Configuration, _load: Load) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        served.append([*configuration.accounts])

    assert run_process(path, {}, serve) == 0
    assert served == [["acme/catchall"]]
    assert signal.getsignal(signal.SIGHUP) is before
