"""The chart: what it renders for each file of `ci/`, and what its schema refuses."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.cli.__main__ import AllCommands
from services.control.server import check_exposure
from shared.config import from_mapping
from shared.config.environment import PREFIX
from shared.config.settings import SECTIONS
from shared.config.values import Listen
from shared.runtime.run_services import STOP_DEADLINE
from tests.fakes.command import REPOSITORY
from tests.fakes.tools import checked, tool

CHART = REPOSITORY / "deploy" / "helm" / "mailferry"
CASES = sorted(path.name for path in (CHART / "ci").glob("*-values.yaml"))
NAMESPACE = "mail"
SERVERS = {
    "broker": {"url": "amqp://localhost/mailferry"},
    "store": {"url": "postgresql://localhost/mailferry"},
    "blobs": {"url": "s3://mailferry/blobs"},
}


@cache
def rendered(case: str) -> list[dict[str, Any]]:
    text = checked(
        "helm", "template", "ferry", CHART, "--namespace", NAMESPACE, "--values", CHART / "ci" / case
    )
    return [each for each in yaml.safe_load_all(text) if each]


def pods_of(objects: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in objects:
        if each["kind"] in ("Deployment", "Job"):
            yield each["spec"]["template"]["spec"]


def kinds(objects: list[dict[str, Any]]) -> dict[str, int]:
    names = [each["kind"] for each in objects]
    return {name: names.count(name) for name in names}


@pytest.mark.parametrize("case", CASES)
def test_helm_finds_nothing_wrong_with_the_chart(case: str) -> None:
    checked("helm", "lint", "--strict", CHART, "--values", CHART / "ci" / case)


@pytest.mark.parametrize("case", CASES)
def test_every_pod_may_do_as_little_as_possible(case: str) -> None:
    for pod in pods_of(rendered(case)):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in [*pod["containers"], *pod.get("initContainers", ())]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"]["requests"]
            assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("case", CASES)
def test_every_pod_runs_a_command_that_there_is_with_settings_that_there_are(case: str) -> None:
    for pod in pods_of(rendered(case)):
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in [*pod["containers"], *pod.get("initContainers", ())]:
            assert container["args"][0] in AllCommands.places
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes
            for variable in container["env"]:
                section, _, key = variable["name"].removeprefix(PREFIX).lower().partition("__")
                assert variable["name"] == "MAILFERRY_CONFIG" or key in SECTIONS[section].model_fields


@pytest.mark.parametrize("case", CASES)
def test_every_selector_finds_the_pods_of_its_own_release_and_component(case: str) -> None:
    objects = rendered(case)
    deployments = [each for each in objects if each["kind"] == "Deployment"]
    for deployment in deployments:
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"].items() <= labels.items()
        component = labels["app.kubernetes.io/component"]
        assert component in deployment["metadata"]["name"]
        pod = deployment["spec"]["template"]["spec"]
        assert pod["terminationGracePeriodSeconds"] > STOP_DEADLINE
        (container,) = pod["containers"]
        assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    names = {each["metadata"]["name"] for each in deployments}
    for each in objects:
        assert each["metadata"].get("namespace", NAMESPACE) == NAMESPACE
        if each["kind"] == "PodDisruptionBudget":
            assert each["metadata"]["name"] in names
        if each["kind"] in ("ScaledObject", "HorizontalPodAutoscaler"):
            assert each["spec"]["scaleTargetRef"]["name"] in names


def test_the_chart_as_it_is_has_all_services_and_a_migration() -> None:
    assert kinds(rendered("default-values.yaml")) == {
        "ServiceAccount": 1,
        "ConfigMap": 1,
        "Deployment": 4,
        "Service": 1,
        "PodDisruptionBudget": 4,
        "Job": 1,
    }


@pytest.mark.parametrize("case", CASES)
def test_the_migration_brings_the_accounts_into_the_database_last(case: str) -> None:
    (job,) = [each for each in rendered(case) if each["kind"] == "Job"]
    pod = job["spec"]["template"]["spec"]
    assert [each["args"] for each in pod["initContainers"]] == [["db", "upgrade"], ["topology", "apply"]]
    (last,) = pod["containers"]
    assert last["args"] == ["apply"]


@pytest.mark.parametrize("case", CASES)
def test_every_process_has_the_key_of_the_passwords_in_the_database(case: str) -> None:
    for pod in pods_of(rendered(case)):
        (urls,) = [volume["secret"] for volume in pod["volumes"] if volume["name"] == "urls"]
        assert {"key": "secrets-key", "path": "secrets-key"} in urls["items"]
        for container in [*pod["containers"], *pod.get("initContainers", ())]:
            (mount,) = [each for each in container["volumeMounts"] if each["name"] == "urls"]
            variables = {each["name"]: each.get("value") for each in container["env"]}
            assert variables["MAILFERRY_SECRETS__KEY_FILE"] == f"{mount['mountPath']}/secrets-key"


@pytest.mark.parametrize("case", ["default-values.yaml", "everything-values.yaml"])
def test_the_api_can_be_reached_through_its_service_and_starts_with_what_it_is_given(case: str) -> None:
    objects = {(each["kind"], each["metadata"]["name"]): each for each in rendered(case)}
    name = "ferry-mailferry-control"
    service = objects["Service", name]["spec"]
    template = objects["Deployment", name]["spec"]["template"]
    assert service["selector"].items() <= template["metadata"]["labels"].items()
    (container,) = template["spec"]["containers"]
    assert service["ports"][0]["targetPort"] in {port["name"] for port in container["ports"]}
    environ = {each["name"]: each["value"] for each in container["env"] if "CONTROL" in each["name"]}
    settings = from_mapping(SERVERS, environ, Path("/")).control
    check_exposure(settings, "the chart")
    assert settings.listen == Listen("0.0.0.0", 8464)  # noqa: S104 - a pod's address is not known before
    if ("Ingress", name) in objects:
        (rule,) = objects["Ingress", name]["spec"]["rules"]
        assert rule["http"]["paths"][0]["backend"]["service"]["name"] == name
        assert settings.certificate is not None
        assert settings.proxies


def test_a_changed_configuration_is_applied_by_a_new_job_where_hooks_are_off() -> None:
    def name(config: str) -> str:
        objects = yaml.safe_load_all(
            checked(
                "helm", "template", "ferry", CHART, "--set", f"migrate.useHelmHooks=false,config={config}"
            )
        )
        return next(str(each["metadata"]["name"]) for each in objects if each and each["kind"] == "Job")

    assert name("a") != name("b")


def test_the_migration_and_its_configuration_come_before_everything_else() -> None:
    hooks = {
        each["kind"]: int(each["metadata"]["annotations"]["helm.sh/hook-weight"])
        for each in rendered("default-values.yaml")
        if "helm.sh/hook" in (each["metadata"].get("annotations") or {})
    }
    assert hooks == {"ConfigMap": 0, "Job": 5}
    without = rendered("gitops-values.yaml")
    assert not [each for each in without if "helm.sh/hook" in str(each["metadata"].get("annotations"))]
    assert kinds(without)["Deployment"] == 2
    assert "Service" not in kinds(without)


def test_everything_that_can_be_switched_on_is_there_once() -> None:
    objects = rendered("everything-values.yaml")
    found = kinds(objects)
    once = "ScaledObject HorizontalPodAutoscaler NetworkPolicy PodMonitor PrometheusRule Service Ingress"
    for kind in once.split():
        assert found[kind] == 1
    for each in objects:
        if each["kind"] == "Deployment":
            scaled = not each["metadata"]["name"].endswith(("fetcher", "control"))
            assert ("replicas" in each["spec"]) is not scaled, (
                "an autoscaler and the chart fight over replicas"
            )
    (container,) = next(pods_of(objects))["containers"]
    assert container["image"].endswith("@sha256:" + "0" * 64)


def test_alerts_and_dashboards_are_those_of_the_repository() -> None:
    objects = rendered("everything-values.yaml")
    (rule,) = [each for each in objects if each["kind"] == "PrometheusRule"]
    prometheus = REPOSITORY / "deploy" / "prometheus"
    expected = [
        group
        for name in ("recording.yml", "alerts.yml")
        for group in yaml.safe_load(
            (prometheus / name)
            .read_text()
            .replace("https://mailferry.example/docs/runbooks", "https://wiki.corp.example/runbooks")
        )["groups"]
    ]
    assert rule["spec"]["groups"] == expected
    boards = {
        name: json.loads(text)
        for each in objects
        if each["kind"] == "ConfigMap" and "dashboard" in each["metadata"]["name"]
        for name, text in each["data"].items()
    }
    files = (REPOSITORY / "deploy" / "grafana").glob("*.json")
    assert boards == {path.name: json.loads(path.read_text()) for path in files}


@pytest.mark.parametrize(
    "wrong",
    [
        "fetchr.enabled=true",
        "relay.replicas=3",
        "relay.replicaCount=-1",
        "blobs.url=file:///var/lib/mailferry/blobs",
        "image.digest=latest",
        "terminationGracePeriodSeconds=5",
        "existingSecret.name=",
        "existingSecret.secretsKeyKey=",
        "control.ingress.enabled=true",
        "control.url=mailferry.example",
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(wrong: str) -> None:
    command = [tool("helm"), "template", "ferry", str(CHART), "--set", wrong]
    assert subprocess.run(command, check=False, capture_output=True).returncode != 0


@pytest.mark.parametrize("case", CASES)
def test_kubernetes_knows_every_field(case: str, tmp_path: Path) -> None:
    """The custom resources of KEDA and the Prometheus operator are not among Kubernetes' schemas."""
    own = [each for each in rendered(case) if not each["apiVersion"].startswith(("keda", "monitoring"))]
    path = tmp_path / "objects.yaml"
    path.write_text(yaml.safe_dump_all(own))
    checked("kubernetes-validate", "--kubernetes-version", "1.31", "--strict", path)
