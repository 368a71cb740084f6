"""What is published for clients in other languages: examples, byte layouts, reasons and the service config."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import descriptor_pool, json_format
from google.protobuf.message_factory import GetMessageClass

import protos
from predictor.query.pool import Pool
from predictor.store.manifest import Manifest
from protos import convert, reasons
from protos.w2s.v1 import calibration_pb2, features_pb2, parts_pb2, predictor_service_pb2, ranking_service_pb2

ROOT = Path(protos.__file__).parent
SERVICES = {
    service.full_name: service
    for module in (calibration_pb2, features_pb2, parts_pb2, predictor_service_pb2, ranking_service_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
}
EXAMPLE = re.compile(r"^// Example (\w+):\n((?:^//   .*\n)+)service (\w+)", re.MULTILINE)
EXAMPLES = {
    service: (message, json.loads(re.sub(r"^//", "", text, flags=re.MULTILINE)))
    for path in sorted(ROOT.rglob("*.proto"))
    for message, text, service in EXAMPLE.findall(path.read_text(encoding="utf-8"))
}
README = (ROOT / "README.md").read_text(encoding="utf-8")


def example(service: str):
    name, raw = EXAMPLES[service]
    descriptor = descriptor_pool.Default().FindMessageTypeByName(f"w2s.v1.{name}")
    return json_format.ParseDict(raw, GetMessageClass(descriptor)())


def test_every_service_has_an_example():
    assert {f"w2s.v1.{name}" for name in EXAMPLES} == set(SERVICES)


@pytest.mark.parametrize("service", EXAMPLES)
def test_an_example_is_a_request_of_its_service(service):
    methods = SERVICES[f"w2s.v1.{service}"].methods
    assert example(service).DESCRIPTOR.name in {method.input_type.name for method in methods}


@pytest.mark.parametrize("service", ["PredictorService", "RankingService"])
def test_the_query_of_an_example_is_valid(service):
    query = convert.query_from_proto(example(service).query)
    assert len(query.pool) >= 2


def test_the_other_examples_are_valid():
    assert convert.outcome_from_proto(example("CalibrationService").outcomes[0]).task == "sst2"
    values = np.array([[1, 2], [3, 4]], "<f4")
    assert convert.manifest_from_proto(example("FeatureService").manifest) == Manifest.of("small-layer3", values)
    assert example("PartService").manifest.sha256 == hashlib.sha256(values.tobytes()).hexdigest()


def test_the_byte_layout_of_rows_is_that_of_the_readme():
    block = re.search(r"```\n(02 00 .*?)```", README, re.DOTALL)
    raw = bytes.fromhex(block[1])
    digest = hashlib.sha256(raw).hexdigest()
    assert digest == Pool(("0", "1"), ("a", "ß")).sha256
    assert digest in README
    assert digest in (ROOT / "w2s/v1/ranking.proto").read_text(encoding="utf-8")


def test_the_service_config_names_every_method_once():
    config = json.loads((ROOT / "service_config.json").read_text(encoding="utf-8"))
    named = [(name["service"], name["method"]) for entry in config["methodConfig"] for name in entry["name"]]
    assert sorted(named) == sorted((name, method.name) for name, one in SERVICES.items() for method in one.methods)
    assert all(entry["timeout"] for entry in config["methodConfig"])


def test_the_table_of_reasons_has_not_drifted():
    assert reasons.main(["--check"]) == 0, "run python -m protos.reasons"


def test_a_reason_is_found_with_its_status():
    source = 'raise LimitError("x", reason="OVER_LIMIT", field="y")\nraise kind("z", reason="OTHER")\nf(reason=name)'
    assert list(reasons.reasons_in(source)) == [("OVER_LIMIT", "RESOURCE_EXHAUSTED"), ("OTHER", "any")]


def test_the_script_of_breaking_changes_is_sound():
    assert subprocess.run(["bash", "-n", ROOT / "breaking.sh"], check=False).returncode == 0
