"""The same request gives the same bytes in process, as a job and by Predict, but for timings."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.answers import bare, ranked_here
from tests.service.running import arrays


def asked(seed: int, rows: int = 90, **evidence: object) -> dict[str, object]:
    query = arrays(seed, rows=rows, broken=True)
    return {
        "strong": query.strong.values,
        "weak": {spec.name: spec.values for spec in query.weak},
        "seed": seed,
        **evidence,
    }


def labels() -> list[float | None]:
    rng = np.random.default_rng(0)
    return [round(value, 3) if row < 30 else None for row, value in enumerate(rng.normal(size=90).tolist())]


REQUESTS = {
    "representations": asked(1),
    "gain": asked(2, rank_by="gain"),
    "one estimator": asked(3, estimators=["cka", "representation_gap"]),
    "few labels": asked(4, labels=labels()),
    "weak labels": asked(5, weak_labels={"near": np.linspace(0, 1, 90), "far": np.linspace(1, 0, 90)}),
    "a proxy": asked(5, proxies={"length": np.linspace(0, 1, 90)}),
    "weak labels and a proxy": asked(5, weak_labels={"near": np.linspace(0, 1, 90)}, proxies={"p": np.arange(90)}),
    "rows drawn": asked(6, max_rows=50),
    "texts": asked(7, pool=[f"row {i}" for i in range(89)] + [""]),
    "stages": asked(9, rows=400, budget="80%", confidence=0.9),
    "a training": asked(10, weak_rows=20, student_rows=300, weak_ridge=0.1, student_ridge=0.02),
    "whole numbers": asked(8) | {"strong": np.arange(450).reshape(90, 5) % 7},
}


@pytest.mark.parametrize("name", REQUESTS)
def test_in_process_job_and_predict_agree_byte_for_byte(client, name):
    from predictor.intake.request import build_query

    request = REQUESTS[name]
    here = bare(ranked_here(request))
    assert bare(client.rank(**request)) == here
    assert bare(client.predict(build_query(**request))) == here


def test_files_agree_byte_for_byte_whatever_the_folder(client, tmp_path, monkeypatch):
    from safetensors.numpy import save_file

    query = arrays(1, broken=True)
    monkeypatch.chdir(tmp_path)
    np.save("strong.npy", query.strong.values)
    np.save("near.npy", np.asfortranarray(query.weak[0].values.astype(">f8")))
    save_file({"x": query.weak[1].values}, "far.safetensors", metadata={"parameters": "123", "depth": "0"})
    request = {
        "strong": "array:strong.npy",
        "weak": [
            "alias=array:near.npy",
            "./far.safetensors",
            "array:missing.npy",
            "./no-such-folder",
            "array:strong.npy",
        ],
    }
    here = ranked_here(request)
    there = client.rank(**request)
    assert bare(there) == bare(here)
    assert [candidate.parameters for candidate in there.candidates if candidate.name.endswith("far.safetensors")] == [
        123
    ]


def test_the_front_process_reads_no_model_library(server):
    maps = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "grpc" in maps
    assert not [name for name in ("torch", "onnxruntime", "tokenizers", "sklearn") if f"/{name}/" in maps]


@pytest.mark.parametrize("module", ["server.app", "client"])
def test_importing_reads_no_model_library(module):
    heavy = ("torch", "transformers", "onnxruntime", "sklearn")
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
