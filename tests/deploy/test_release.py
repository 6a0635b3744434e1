"""The wheel and the source distribution: built, installed alone, and used."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import click
import pytest

from tests.fakes.command import REPOSITORY

CONSOLE_FILES = (
    "templates/page.html",
    "static/console.css",
    "static/vendor/tabler.LICENSE",
    "locale/de/engine.po",
)
pytestmark = pytest.mark.deploy
LIBRARIES = Path(click.__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with both, from what git would hand to others."""
    tree, place = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    archive = subprocess.run(["git", "archive", "HEAD"], check=True, capture_output=True, cwd=REPOSITORY)
    subprocess.run(["tar", "-x"], check=True, input=archive.stdout, cwd=tree)
    run(sys.executable, "-m", "hatchling", "build", "-d", str(place), cwd=tree)
    return place


def run(*command: str, cwd: Path | None = None, **environ: str) -> str:
    variables = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environ}
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=cwd, env=variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_has_the_program_with_its_data_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
        (metadata,) = [name for name in names if name.endswith("METADATA")]
        said = email.message_from_bytes(content.read(metadata))
    assert {name.split("/")[0] for name in names} == {"services", "shared", metadata.split("/")[0]}
    assert "shared/config/providers.toml" in names
    console = {f"services/control/console/{each}" for each in CONSOLE_FILES}
    assert console <= {*names}
    assert [name for name in names if "migrations/versions/" in name]
    assert not [name for name in names if "__pycache__" in name]
    assert said["License-Expression"] == "Apache-2.0"
    assert f"mailferry-{said['Version']}-py3-none-any.whl" == wheel.name


def test_the_source_distribution_builds_the_same_wheel(built: Path, tmp_path: Path) -> None:
    (source,) = built.glob("*.tar.gz")
    run("tar", "-xf", str(source), "-C", str(tmp_path))
    (tree,) = tmp_path.iterdir()
    assert (tree / "deploy" / "docker" / "Dockerfile").exists()
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "again"), cwd=tree)
    (again,) = (tmp_path / "again").glob("*.whl")
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(again) as one, zipfile.ZipFile(wheel) as other:
        assert {name: one.read(name) for name in one.namelist()} == {
            name: other.read(name) for name in other.namelist()
        }


def test_the_wheel_runs_in_an_environment_of_its_own(built: Path, tmp_path: Path) -> None:
    """The libraries are those of this environment, beside it: pip would have to fetch them."""
    (wheel,) = built.glob("*.whl")
    place = tmp_path / "environment"
    venv.create(place, with_pip=False)
    python = place / "bin" / "python"
    run(
        sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)
    )
    command = place / "bin" / "mailferry"
    libraries = {"PYTHONPATH": str(LIBRARIES)}
    version = run(str(command), "--version", cwd=tmp_path, **libraries)
    assert wheel.name.split("-")[1] in version
    where = run(
        str(python), "-c", "import services.cli; print(services.cli.__file__)", cwd=tmp_path, **libraries
    )
    assert where.startswith(str(place))
    assert "Every mail is where it belongs" in run(str(command), "demo", cwd=tmp_path, **libraries)
