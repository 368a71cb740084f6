"""Candidates: the models named in a file, and the checkpoints of a training's folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

from predictor.errors import InputError
from predictor.folders import existing_path
from predictor.models.artefact import holds_model
from predictor.models.checkpoints import checkpoints_in
from predictor.models.libraries import need
from predictor.query.model_spec import ModelSpec, read_spec

FIELDS = ("name", "reference", "cost")
"""Of an entry in a YAML file; reference is required."""

_YAML = (".yaml", ".yml", ".json")


@dataclass(frozen=True, eq=False)
class CandidateFile:
    """What a file of candidates says.

    Attributes:
        models: in its order.
        costs: candidate -> what its training costs, in a unit of the file's own, for those that give it.
    """

    models: tuple[ModelSpec, ...]
    costs: Mapping[str, float]


def read_candidates(path: str | Path) -> CandidateFile:
    """The candidates in a text file, one MODEL a line, or in a YAML file, a list of MODELs or of name, reference, cost.

    In a text file, empty lines and lines that begin with # are comments. Paths in it start where the command runs.

    Raises:
        InputError: no such file, or an entry that cannot be read; with its line.
    """
    place = existing_path(str(path))
    if place is None or not place.is_file():
        raise InputError(
            f"file of candidates {str(path)!r} does not exist; give a file with one MODEL a line.",
            reason="CANDIDATES_UNREADABLE",
            field="candidates",
        )
    try:
        text = place.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"file of candidates {str(path)!r} is not UTF-8 text ({error}); save it as UTF-8.",
            reason="CANDIDATES_UNREADABLE",
            field="candidates",
        ) from error
    models: list[ModelSpec] = []
    costs: dict[str, float] = {}
    for line, model, cost in (_yaml if place.suffix.lower() in _YAML else _lines)(text, str(path)):
        try:
            spec = read_spec(model)
        except InputError as error:
            raise _bad(str(path), line, error.message) from error
        models.append(spec)
        if cost is not None:
            costs[spec.name] = cost
    if not models:
        raise InputError(
            f"file of candidates {str(path)!r} names none; give one MODEL a line.",
            reason="CANDIDATES_UNREADABLE",
            field="candidates",
        )
    return CandidateFile(tuple(models), costs)


def expanded(
    spec: ModelSpec, find: Callable[[ModelSpec], Path | None] = lambda spec: existing_path(spec.parsed.locator)
) -> tuple[ModelSpec, ...]:
    """The model itself, or of a folder of checkpoints each of them, named NAME/checkpoint-500.

    Args:
        find: the folder of a model on this machine; None where it has none.
    """
    if spec.values is not None or spec.parsed.kind != "folder":
        return (spec,)
    folder = find(spec)
    inside = () if folder is None else checkpoints_in(folder, holds_model)
    locator = spec.parsed.locator.rstrip("/")
    name, mark, options = spec.name.partition("#")  # without an alias the name is the reference as given
    return tuple(
        replace(
            spec,
            name=f"{name.rstrip('/')}/{path.name}{mark}{options}",
            reference=str(replace(spec.parsed, locator=f"{locator}/{path.name}")),
        )
        for path in inside
    ) or (spec,)


def _lines(text: str, path: str) -> Iterator[tuple[int, str, float | None]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip(), None


def _yaml(text: str, path: str) -> Iterator[tuple[int, str, float | None]]:
    need("yaml", purpose="reading candidates from YAML")
    import yaml

    try:
        top: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise _bad(path, 1 if mark is None else mark.line + 1, f"it is not YAML ({why})") from error
    if top is None:  # blank, or comments alone
        return
    if not isinstance(top, yaml.SequenceNode):
        raise _bad(path, 1, "the file must be a list: one `- MODEL`, or `- reference: MODEL` with name and cost, each")
    for node in top.value:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.ScalarNode) and node.value:
            yield line, node.value, None
        elif isinstance(node, yaml.MappingNode):
            yield line, *_entry(node, line, path)
        else:
            raise _bad(path, line, "an entry is a MODEL, or has reference, and maybe name and cost")


def _entry(node: Any, line: int, path: str) -> tuple[str, float | None]:
    found: dict[str, str] = {}
    for key, value in node.value:
        place = key.start_mark.line + 1
        if key.value not in FIELDS:
            raise _bad(path, place, f"{key.value!r} is not known; an entry has {', '.join(FIELDS)}")
        if not isinstance(value.value, str):
            raise _bad(path, place, f"{key.value} must be one value")
        found[key.value] = "" if value.tag.endswith(":null") else value.value
    if not found.get("reference"):
        raise _bad(path, line, "reference is missing; name the MODEL, as in reference: ./folder")
    name = f"{found['name']}=" if found.get("name") else ""
    return name + found["reference"], _cost(found.get("cost", ""), line, path)


def _cost(text: str, line: int, path: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not (value > 0 and isfinite(value)):
        raise _bad(path, line, f"cost is {text!r}; give a number above 0, in any one unit for all candidates")
    return value


def _bad(path: str, line: int, why: str) -> InputError:
    return InputError(
        f"file of candidates {path!r}, line {line}: {why}.", reason="CANDIDATES_UNREADABLE", field="candidates"
    )
