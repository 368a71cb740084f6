"""`w2s ls`: lists estimators, known models, describers and devices."""

from __future__ import annotations

import argparse
import os
import textwrap
from importlib.util import find_spec
from typing import Any

from client.cli.flags import add_json
from client.cli.listing import listing
from client.cli.output import print_json
from client.cli.parser import Commands, add_command

KINDS = ("estimators", "models", "describers", "devices")

PREDICTS = {
    "w2s_error": "the W2S error",
    "gain": "the gain",
    "weak_error": "the weak model's own error",
    "nothing": "no order",
}


def add(commands: Commands) -> None:
    """Declare the subcommand."""
    parser = add_command(commands, "ls", run, "list estimators, known models, describers or devices")
    parser.add_argument("kind", choices=KINDS, metavar="|".join(KINDS))
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """List one kind of thing."""
    lists = {"estimators": _estimators, "models": _models, "describers": _describers, "devices": _devices}
    lists[arguments.kind](arguments.json)
    return 0


def estimators() -> list[dict[str, Any]]:
    """Every estimator as JSON."""
    from predictor.estimators.protocol import Forecaster, predicted
    from predictor.estimators.registry import ESTIMATORS

    return [
        {
            "name": name,
            "better": one.better,
            "unit": one.unit,
            "evidence": one.evidence.name,
            "predicts": predicted(one),
            "forecasts": isinstance(one, Forecaster),
            "source": one.source,
            "summary": one.summary,
        }
        for name, one in ESTIMATORS.items()
    ]


def _estimators(as_json: bool) -> None:
    from predictor.query.evidence import EVIDENCE, Evidence

    if as_json:
        print_json(estimators())
        return
    for one in estimators():
        what = PREDICTS[one["predicts"]] + (" and the gain" if one["forecasts"] else "")
        needs = EVIDENCE[Evidence[one["evidence"]]].short
        print(f"{one['name']}  ({one['better']} is better; needs {needs}; predicts {what})")
        print(textwrap.fill(one["summary"], 100, initial_indent="    ", subsequent_indent="    "))
        print(f"    {one['source']}")


def _models(as_json: bool) -> None:
    from predictor.models.known_models import KNOWN_MODELS

    if as_json:
        print_json(
            [
                {
                    "name": model.name,
                    "reference": model.reference,
                    "pinned": model.pinned,
                    "reads": model.reads,
                    "layers": model.layers,
                    "dim": model.width,
                    "licence": model.licence,
                    "convert": model.convert,
                }
                for model in KNOWN_MODELS
            ]
        )
        return
    rows = [(m.name, m.reads, f"{m.layers} × {m.width}", m.licence) for m in KNOWN_MODELS]
    print(listing(("model", "reads", "layers × width", "licence"), rows, empty=""))
    print()
    for model in KNOWN_MODELS:
        once = "    (run w2s models convert on it once)" if model.convert else ""
        print(f"{model.name}\n    {model.reference}{once}")


def describers() -> list[dict[str, Any]]:
    """Known models that compare rows with descriptions, as JSON; the default first."""
    from predictor.intake.describing import DEFAULT, LANGUAGE_MODELS, SENTENCE_ENCODERS
    from predictor.models.known_models import find

    encoders = sorted(SENTENCE_ENCODERS, key=lambda name: name != DEFAULT)
    by = [(name, "similarity") for name in encoders] + [(name, "words") for name in LANGUAGE_MODELS]
    return [
        {"name": name, "by": how, "describer": find(name).reference + ("#labels=words" if how == "words" else "")}
        for name, how in by
    ]


def _describers(as_json: bool) -> None:
    if as_json:
        print_json(describers())
        return
    for one in describers():
        how = "similarity of row and text" if one["by"] == "similarity" else "probability of the text behind the row"
        print(f"{one['name']}  ({how})\n    --describer {one['describer']}")
    print("\nAny folder of sentence-transformers is a describer too; any causal language model is one as")
    print('MODEL#labels=words. Say what each class means: --describe 0="a negative review" 1="a positive review".')


def _devices(as_json: bool) -> None:
    found: list[tuple[str, str, int | None]] = [("cpu", f"{len(os.sched_getaffinity(0))} cores usable", None)]
    note = ""
    if find_spec("torch") is None:
        note = (
            "torch is not installed: arrays can be ranked, models cannot be read. pip install 'w2s-predictor[models]'"
        )
    else:
        import torch

        note = "Answers are computed with numpy; --answer-device names another device."
        for place in range(torch.cuda.device_count()):
            facts = torch.cuda.get_device_properties(place)
            found.append((f"cuda:{place}", facts.name, facts.total_memory))
    if as_json:
        print_json([{"device": device, "name": name, "memory_bytes": memory} for device, name, memory in found])
        return
    rows = [(device, name, f"{memory / 2**30:.0f} GiB" if memory else "") for device, name, memory in found]
    print(listing(("device", "name", "memory"), rows, empty=""))
    if note:
        print(note)
