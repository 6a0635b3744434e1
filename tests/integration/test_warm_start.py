"""A command that is started warm behaves as one that is started afresh."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.fakes.command import Ended, running
from tests.servers.process import eventually
from tests.servers.warm_start import COMMAND

SECONDS = 40.0
ENVIRON = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}


def run_warm(directory: Path, *arguments: str, **environ: str) -> Ended:
    with running([str(COMMAND), *arguments], directory, ENVIRON | environ) as command:
        return command.ended(SECONDS)


def run_fresh(directory: Path, *arguments: str, **environ: str) -> Ended:
    done = subprocess.run(
        [COMMAND, *arguments], check=False, capture_output=True, cwd=directory, env=ENVIRON | environ
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


def written(directory: Path) -> Path:
    path = directory / "mailferry.toml"
    lines = ('store.url = "sqlite:mailferry.db"', 'blobs.url = "file:blobs"')
    off = ('control.listen = ""', 'metrics.listen = ""')
    path.write_text("\n".join([*lines, *off, ""]))
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        (["--version"], {}),
        (["--help"], {"COLUMNS": "60"}),
        (["fly"], {}),
        (["status", "-c", "absent.toml"], {}),
        (["config", "show", "-c", "mailferry.toml"], {"MAILFERRY_STORE__URL": "sqlite:other.db"}),
    ],
)
def test_output_and_exit_code_are_the_same(
    arguments: list[str], environ: Mapping[str, str], tmp_path: Path
) -> None:
    written(tmp_path)
    assert run_warm(tmp_path, *arguments, **environ) == run_fresh(tmp_path, *arguments, **environ)


def test_nothing_of_one_command_reaches_the_next(tmp_path: Path) -> None:
    written(tmp_path)
    changed = run_warm(tmp_path, "config", "show", "-c", "mailferry.toml", MAILFERRY_STORE__URL="sqlite:o.db")
    after = run_warm(tmp_path, "config", "show", "-c", "mailferry.toml")
    assert ("/o.db" in changed.out, "/o.db" in after.out) == (True, False)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, -9)])
def test_signals_end_it(sent: signal.Signals, code: int, tmp_path: Path) -> None:
    path = written(tmp_path)
    assert run_warm(tmp_path, "db", "upgrade", "-c", str(path)).code == 0
    with running([str(COMMAND), "--debug", "run", "-c", str(path)], tmp_path, ENVIRON) as command:
        output = Path(f"/proc/self/fd/{command.out.fileno()}")
        assert eventually(lambda: b'"started"' in output.read_bytes(), SECONDS)
        command.child.send_signal(sent)
        assert command.child.wait(SECONDS) == code
