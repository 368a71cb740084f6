"""Result folders of openai/weak-to-strong, as `train_simple.py` and `sweep.py` of that repository write them.

One folder a run, `config.json` beside `results_summary.json` with `accuracy`. A transfer run names its teacher in
`weak_model_size`, and its `weak_model` is the whole configuration of the teacher's own run on gold labels. The older
`train_weak_to_strong.py` writes one `WEAK_STRONG.results_summary.json` with `weak_acc`, `strong_acc` and
`transfer_acc_LOSS` instead, and names no task.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from predictor.outcomes.importing.runs import Imported, Run, error_rate, read_object, runs_under, share_of
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
            unpaired.append(f"{path.name}: it does not say which task it is of; name it with --task.")
        elif names is None:
            unpaired.append(f"{path.name}: where the weak model's name ends and the strong one's begins is not clear.")
        elif weak is None or not losses:
            unpaired.append(f"{path.name}: it has no weak_acc, or no transfer_acc.")
        else:
            for loss, accuracy in losses.items():
                if accuracy is not None:
                    about = _about(task, names[1], names[0], loss, linear=False)
                    outcomes.append(_outcome(about, weak, [accuracy], strong, str(path.name)))
    return Imported(KIND, tuple(outcomes), tuple(unpaired))


def _is_transfer(run: Run) -> bool:
    return "weak_model" in run.config or "weak_model_size" in run.config


def _key(config: Mapping[str, Any], without: Sequence[str] = ()) -> str:
    """The configuration as text, nested ones included, less what does not matter."""
    kept = {}
    for key, value in config.items():
        if key in _INDIFFERENT or key in without:
            continue
        kept[key] = _key(value, without) if isinstance(value, Mapping) else value
    return repr(sorted(kept.items()))


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
        linear=bool(config.get("linear_probe", False)),
    )
    about |= {"rows": int(config.get("n_docs", 0)), "measured_on": max(run.date for run in runs)}
    top = None if None in tops else float(np.mean(tops))
    return _outcome(about, float(np.mean(weak_share)), reached, top, str(first.folder.relative_to(root)))


def _about(task: str, strong: str, weak: str, loss: str, *, linear: bool) -> dict[str, Any]:
    recipe = "logistic" if linear else "full"
    return {"task": task, "strong": strong, "weak": weak, "loss": loss, "recipe": recipe, "unit": "error rate"}


def _outcome(
    about: dict[str, Any], weak: float, reached: Sequence[float], ceiling: float | None, place: str
) -> Outcome:
    spread = float(np.std(reached, ddof=1) / np.sqrt(len(reached))) if len(reached) > 1 else None
    accuracy = float(np.mean(reached))
    return Outcome(
        **about,
        weak_error=error_rate(weak),
        w2s_error=error_rate(accuracy),
        ceiling_error=error_rate(ceiling),
        weak_accuracy=weak,
        w2s_accuracy=accuracy,
        ceiling_accuracy=ceiling,
        standard_error=spread,
        seeds=len(reached),
        origin=f"{KIND}: {place}",
    )


def _names(path: Path) -> tuple[str, str] | None:
    """Weak and strong model of a summary; the folders beside it tell where one name ends and the other begins."""
    stem = path.name.removesuffix(f".{SUMMARY}")
    weak = {one.name for one in (path.parent / "weak_model_gt").glob("*")}
    strong = {one.name for one in (path.parent / "strong_model_gt").glob("*")}
    cuts = [place for place, letter in enumerate(stem) if letter == "_"]
    pairs = [(stem[:cut], stem[cut + 1 :]) for cut in cuts]
    fitting = [(a, b) for a, b in pairs if (not weak or a in weak) and (not strong or b in strong)]
    return fitting[0] if len(fitting) == 1 else None
