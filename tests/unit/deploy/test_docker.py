"""The image's definition is safe and complete, as far as that can be read from it."""

from __future__ import annotations

import re
import runpy

import pytest

from tests.fakes.command import REPOSITORY

DOCKER = REPOSITORY / "deploy" / "docker"
TEXT = (DOCKER / "Dockerfile").read_text()
STEPS = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE)).strip().splitlines()
WORDS = [step.split(maxsplit=1) for step in STEPS if step]
FINAL = WORDS[max(index for index, words in enumerate(WORDS) if words[0] == "FROM") :]


def test_the_runtime_lock_is_what_its_script_writes() -> None:
    written = (DOCKER / "runtime.lock").read_text()
    assert written == runpy.run_path(str(DOCKER / "write-runtime-lock"))["runtime_lock"]()
    names = set(re.findall(r"^([\w.-]+)==", written, re.MULTILINE))
    assert {"pydantic", "pydantic-core", "psycopg-binary", "cffi", "obstore"} <= names
    assert not names & {"hatchling", "trove-classifiers", "pytest"}
    assert written.count("--hash=sha256:") >= len(names)


def test_the_lock_for_tracing_has_what_the_image_does_not_have_without_it() -> None:
    written = (DOCKER / "otel.lock").read_text()
    assert written == runpy.run_path(str(DOCKER / "write-runtime-lock"))["otel_lock"]()
    names = set(re.findall(r"^([\w.-]+)==", written, re.MULTILINE))
    assert {"opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http", "protobuf"} <= names
    assert not names & set(re.findall(r"^([\w.-]+)==", (DOCKER / "runtime.lock").read_text(), re.MULTILINE))
    assert written.count("--hash=sha256:") >= len(names)


def test_every_library_is_installed_with_its_hash() -> None:
    installs = [step for step in STEPS if " install " in step and "pip" in step]
    assert installs
    for step in installs:
        for part in step.split("&&"):
            if "pip" in part and " install " in part:
                assert "--require-hashes" in part or "--no-deps dist/*.whl" in part


def test_the_last_stage_runs_as_a_user_without_rights_and_has_no_tools_of_ours() -> None:
    assert [words[1] for words in FINAL if words[0] == "USER"] == ["10001:10001"]
    assert not [
        words for words in FINAL if words[0] == "RUN" and re.search(r"\b(pip|apt|curl|gcc)\b", words[1])
    ]
    assert [words[1] for words in FINAL if words[0] == "COPY"] == [
        "--from=build /opt/mailferry /opt/mailferry"
    ]
    assert not [words for words in WORDS if words[0] == "ADD"]


def test_a_process_is_started_without_a_shell_that_would_keep_signals_from_it() -> None:
    for words in FINAL:
        if words[0] in ("ENTRYPOINT", "CMD"):
            assert words[1].startswith("[")
    assert any(words[0] == "HEALTHCHECK" and '"healthcheck", "--live"' in words[1] for words in FINAL)


def test_all_labels_that_registries_show_are_there() -> None:
    for label in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{label}=" in TEXT
    version = re.search(r'^version = "(.+)"$', (REPOSITORY / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert f"ARG VERSION={version[1]}\n" in TEXT


@pytest.mark.parametrize(
    "path", sorted({source for words in WORDS if words[0] == "COPY" for source in words[1].split()[:-1]})
)
def test_what_is_copied_exists_and_is_in_the_context(path: str) -> None:
    if path.startswith("--from") or path == "/opt/mailferry":
        return
    assert (REPOSITORY / path).exists()
    allowed = (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert f"!{path}" in allowed
