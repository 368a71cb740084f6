"""Result folders of openai/weak-to-strong, as `train_simple.py` and `sweep.py` of that repository write them.

One folder a run, `config.json` beside `results_summary.json` with `accuracy`. A transfer run names its teacher in
`weak_model_size`, and its `weak_model` is the whole configuration of the teacher's own run on gold labels. The older
`train_weak_to_strong.py` writes one `WEAK_STRONG.results_summary.json` with `weak_acc`, `strong_acc` and
`transfer_acc_LOSS` instead, and names no task.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from predictor.outcomes.importing.runs import Imported, Run, accuracies_outcome, read_object, runs_under, share_of
from predictor.outcomes.outcome import Outcome

KIND = "openai/weak-to-strong results"
SUMMARY = "results_summary.json"

_INDIFFERENT = frozenset({"eval_every", "minibatch_size_per_device", "results_folder", "sweep_subfolder"})
"""Keys of a configuration that do not change what is measured at the end."""


def read_sweep(root: Path) -> Imported:
    """Outcomes of every transfer run under `root`: one per task, models and loss, averaged over seeds."""
    runs = list(runs_under(root, SUMMARY))
    gold = {_key(run.config): run for run in runs if not _is_transfer(run)}
    unpaired, notes, used = [], [], set()
    groups: dict[str, list[tuple[Run, float, float, float | None]]] = {}
    for run in (one for one in runs if _is_transfer(one)):
        accuracy = share_of(run.results, "accuracy")
        weak = gold.get(_key(run.config.get("weak_model") or {}))
        teacher = run.config.get("weak_model_size", "a model without a name")
        place = run.folder.relative_to(root)
        if accuracy is None:
            unpaired.append(f"{place}: its {SUMMARY} has no accuracy from 0 to 1.")
            continue
        weak_share = None if weak is None else share_of(weak.results, "accuracy")
        if weak is None or weak_share is None:
            unpaired.append(
                f"{place}: trained by {teacher} (seed {run.config.get('seed')}), whose own run on gold labels is not "
                "in this folder."
            )
            continue
        ceiling = gold.get(_key(_ceiling_of(run.config)))
        top = None if ceiling is None else share_of(ceiling.results, "accuracy")
        if top is None:
            notes.append(f"{place}: no run of {run.config.get('model_size')} on gold labels; no ceiling, so no PGR.")
        used |= {one.folder for one in (weak, ceiling) if one is not None}
        groups.setdefault(_key(run.config, without=("seed",)), []).append((run, weak_share, accuracy, top))
    spare = sorted(str(run.folder.relative_to(root)) for run in gold.values() if run.folder not in used)
    unpaired.extend(f"{place}: a run on gold labels that no student here was trained by." for place in spare)
    return Imported(KIND, tuple(_averaged(group, root) for group in groups.values()), tuple(unpaired), tuple(notes))


def read_summaries(root: Path, task: str | None) -> Imported:
    """Outcomes of `WEAK_STRONG.results_summary.json` files right under `root`, which name neither task nor seed."""
    outcomes: list[Outcome] = []
    unpaired = []
    for path in sorted(root.glob(f"*.{SUMMARY}")):
        found, names = read_object(path), _names(path)
        weak, strong = share_of(found, "weak_acc"), share_of(found, "strong_acc")
        losses = {key.removeprefix("transfer_acc_"): share_of(found, key) for key in found if "transfer_acc_" in key}
        if task is None:
            unpaired.append(f"{path.name}: its task is not recorded; name it with --task.")
        elif names is None:
            unpaired.append(f"{path.name}: where the weak model's name ends and the strong one's begins is not clear.")
        elif weak is None or not losses:
            unpaired.append(f"{path.name}: it has no weak_acc, or no transfer_acc.")
        else:
            for loss, accuracy in losses.items():
                if accuracy is not None:
                    about = _about(task, names[1], names[0], loss, path.name)
                    outcomes.append(accuracies_outcome(about, [weak], [accuracy], [strong]))
    return Imported(KIND, tuple(outcomes), tuple(unpaired))


def _is_transfer(run: Run) -> bool:
    return "weak_model" in run.config or "weak_model_size" in run.config


def _key(config: Mapping[str, Any], without: Sequence[str] = ()) -> str:
    """The configuration as text, nested ones included, less what does not matter."""
    known = {}
    for key, value in config.items():
        if key in _INDIFFERENT or key in without:
            continue
        known[key] = _key(value, without) if isinstance(value, Mapping) else value
    return repr(sorted(known.items()))


def _ceiling_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of the same student trained on gold labels."""
    return {k: v for k, v in config.items() if k not in ("weak_model", "weak_model_size")} | {"loss": "xent"}


def _averaged(group: Iterable[tuple[Run, float, float, float | None]], root: Path) -> Outcome:
    runs, weak_share, reached, tops = zip(*group, strict=True)
    first: Run = runs[0]
    config = first.config
    about = _about(
        str(config.get("ds_name", "")),
        str(config.get("model_size", "")),
        str(config.get("weak_model_size") or (config.get("weak_model") or {}).get("model_size", "")),
        str(config.get("loss", "")),
        str(first.folder.relative_to(root)),
    )
    about = replace(
        about,
        recipe="logistic" if config.get("linear_probe", False) else "full",
        rows=int(config.get("n_docs", 0)),
        measured_on=max(run.date for run in runs),
    )
    return accuracies_outcome(about, weak_share, reached, tops)


def _about(task: str, strong: str, weak: str, loss: str, place: str) -> Outcome:
    """What is known of the runs before their accuracies."""
    return Outcome(task, strong, weak, recipe="full", loss=loss, w2s_accuracy=0.0, origin=f"{KIND}: {place}")


def _names(path: Path) -> tuple[str, str] | None:
    """Weak and strong model of a summary; the folders beside it show where one name ends and the other begins."""
    stem = path.name.removesuffix(f".{SUMMARY}")
    weak = {one.name for one in (path.parent / "weak_model_gt").glob("*")}
    strong = {one.name for one in (path.parent / "strong_model_gt").glob("*")}
    cuts = [place for place, letter in enumerate(stem) if letter == "_"]
    pairs = [(stem[:cut], stem[cut + 1 :]) for cut in cuts]
    fitting = [(a, b) for a, b in pairs if (not weak or a in weak) and (not strong or b in strong)]
    return fitting[0] if len(fitting) == 1 else None
