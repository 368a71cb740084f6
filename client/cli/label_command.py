"""LabelCommand: the `w2s label` command that writes the chosen teacher's weak labels, after `rank` and `predict`."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace

from client.cli.flags import flag_of, query_of
from predictor.query.model_spec import ModelSpec, read_spec
from predictor.query.settings import OPTIONS
from predictor.results.ranking import Ranking

_CARRIED = ("pool", "text_column", "id_column", "template", "labels", "label_column", "weak_label_column")
_GROUPS = ("extraction", "labels")
_DEFAULTS = {"text_column": "text", "id_column": "id"}


def label_command(ranking: Ranking, arguments: argparse.Namespace) -> str:
    """The command for the first training of the decision; empty where its weak labels cannot be written by one.

    They can where the rows are a file, and the teacher has weak labels, labels rows itself, or gold labels are given to
    train its head on. Models of a server cannot be read here, and rows without a gold label must be left.
    """
    decision = ranking.decision
    asked = query_of(arguments)
    if decision is None or not decision.launch or asked.get("pool") in (None, "-"):
        return ""
    teacher = _teacher(decision.launch[0], ranking)
    if teacher is None:
        return ""
    own = [one for one in _texts(asked.get("weak_labels")) if one.partition("=")[0] == teacher.name]
    gold = ranking.provenance.request.get("labelled_rows") or 0
    headed = bool(gold) and not arguments.server and not teacher.labels_only
    if gold >= ranking.rows or not (own or headed or (teacher.labels and not arguments.server)):
        return ""
    words = ["w2s", "label", "--teacher", teacher.as_given, *_flags(asked)]
    words += ["--weak-labels", *own] if own else []
    return " ".join(map(shlex.quote, [*words, "-o", "train.jsonl"]))


def _teacher(name: str, ranking: Ranking) -> ModelSpec | None:
    """The model of a candidate, at its one layer."""
    for text in ranking.provenance.request.get("weak", ()):
        spec = read_spec(str(text))
        if spec.name == name:
            return spec
        if name.startswith(f"{spec.name}#layer="):
            return replace(spec, layer=name.removeprefix(f"{spec.name}#layer="))
    return None


def _flags(asked: Mapping[str, object]) -> Iterator[str]:
    """Flags of the rows, the labels and the reading, as they were given."""
    options = (name for name, option in OPTIONS.items() if option.group in _GROUPS)
    for name in (*_CARRIED, *options):
        value = asked.get(name)
        if value is not None and value != _DEFAULTS.get(name):
            yield from (flag_of(name), *_texts(value))


def _texts(value: object) -> list[str]:
    return [] if value is None else list(map(str, value)) if isinstance(value, list) else [str(value)]
