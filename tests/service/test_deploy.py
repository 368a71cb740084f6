"""Files in server/deploy: what they name exists."""

import json
import re
from pathlib import Path

import pytest

from server.telemetry.metrics import Metrics

DEPLOY = Path(__file__).resolve().parents[2] / "server" / "deploy"


def test_alerts_and_dashboard_name_metrics_that_exist():
    known = {sample for family in Metrics().registry.collect() for sample in (family.name, f"{family.name}_total")}
    yaml = pytest.importorskip("yaml")
    rules = [
        rule for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
    ]
    panels = json.loads((DEPLOY / "dashboard.json").read_text())["panels"]
    texts = [rule["expr"] for rule in rules] + [target["expr"] for panel in panels for target in panel["targets"]]
    named = {name for text in texts for name in re.findall(r"\b(?:w2s|grpc_server|process)_[a-z_]+\b", text)}
    assert len(rules) == len({rule["alert"] for rule in rules}) == 8
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in named} <= known
    assert named


def test_manifests_have_probes_apart_a_budget_a_policy_and_limits():
    yaml = pytest.importorskip("yaml")
    found = {one["kind"]: one for one in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())}
    assert set(found) == {"StatefulSet", "Service", "PodDisruptionBudget", "NetworkPolicy"}
    container = found["StatefulSet"]["spec"]["template"]["spec"]["containers"][0]
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["resources"]["limits"].keys() == {"cpu", "memory"}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_unit_tells_systemd_and_reads_certificates_where_they_are_replaced():
    unit = (DEPLOY / "w2s.service").read_text()
    assert "Type=notify\n" in unit
    assert "WatchdogSec=" in unit
    assert "LoadCredential=" not in unit
    assert "PrivateDevices=yes\n" not in unit.replace("PrivateDevices=yes would", "")
