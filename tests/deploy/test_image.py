"""The container image: built by podman and run with nothing but what it needs.

The public base image is replaced by a Debian that mmdebstrap makes, so that no registry is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.fakes.command import REPOSITORY
from tests.servers.available import unavailable
from tests.servers.directory import is_root, server_directory
from tests.servers.podman import Podman

pytestmark = [pytest.mark.deploy, pytest.mark.timeout(3600)]
BASE, IMAGE = "localhost/debian:bookworm-slim", "localhost/mailferry:test"
INCLUDED = "ca-certificates,passwd,python3,python3-venv"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
CONFINED = (
    "--network=none",
    "--read-only",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
    "--tmpfs=/tmp",
)


@pytest.fixture(scope="module")
def podman() -> Iterator[Podman]:
    """With the image in it."""
    if not is_root():
        unavailable("only root can build the image here")
    with server_directory("podman") as directory:
        podman = Podman(directory)
        podman.import_debian(BASE, INCLUDED)
        certificates = [f"--volume={CERTIFICATES}:{CERTIFICATES}:ro", f"--env=PIP_CERT={CERTIFICATES}"]
        build = [
            "build",
            "--network=host",
            "--isolation=chroot",
            "--ulimit=nofile=20000:20000",
            *certificates,
        ]
        file = REPOSITORY / "deploy" / "docker" / "Dockerfile"
        podman.run(*build, f"--build-arg=BASE={BASE}", f"--file={file}", f"--tag={IMAGE}", str(REPOSITORY))
        yield podman


def test_the_whole_pipeline_runs_in_a_container_that_may_do_nothing_else(podman: Podman) -> None:
    shown = podman.run("run", "--rm", *CONFINED, IMAGE, "demo")
    assert "Every mail is where it belongs" in shown


def test_the_image_says_what_it_is_and_runs_as_a_user_without_rights(podman: Podman) -> None:
    (image,) = json.loads(podman.run("image", "inspect", IMAGE))
    assert image["Config"]["User"] == "10001:10001"
    assert image["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    print(f"the image has {image['Size'] / 1e6:.0f} MB, its base included")  # noqa: T201 - a figure for the log


def test_its_health_check_fails_where_nothing_runs(podman: Podman) -> None:
    asked = ("healthcheck", "--live", "--address", "127.0.0.1:9464")
    podman.run("run", "--rm", *CONFINED, IMAGE, *asked, ends_with=1)


def test_there_is_no_installer_in_it(podman: Podman) -> None:
    entry = ("--entrypoint", "/opt/mailferry/bin/python", IMAGE, "-c", "import pip")
    podman.run("run", "--rm", *CONFINED, *entry, ends_with=1)
