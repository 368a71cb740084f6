"""Result folders of EleutherAI/w2s, as `run.py` of that repository writes them.

Folders `weak`, `strong` and `w2s`, each with `config.json` and `results.json` (of the Hugging Face trainer, on the gold
labels of the test rows: `eval_accuracy`). `w2s` is under RESULTS/RUN/DATASET, the two others beside it or under
RESULTS/SHARED/DATASET, where runs with other models find them too: so the configurations are compared.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from predictor.outcomes.importing.runs import Imported, Run, error_rate, runs_under, share_of
from predictor.outcomes.outcome import Outcome

KIND = "EleutherAI/w2s results"
RESULTS = "results.json"

_SAME = ("dataset", "n_train", "n_test", "n_epochs")
"""What student, teacher and ceiling must have in common."""


def read_results(root: Path) -> Imported:
    """Outcomes of every `w2s` folder under `root`; students of their own labels (`s2s-0` …) are reported, not taken."""
    runs = {run.folder.resolve(): run for run in runs_under(root, RESULTS)}
    outcomes, unpaired, notes = [], [], []
    for folder, run in runs.items():
        place = run.folder.relative_to(root)
        if folder.name.startswith("s2s"):
            unpaired.append(f"{place}: a student trained by a student; that is no weak-to-strong run.")
        if folder.name != "w2s":
            continue
        weak, lacks = _partner(run, folder, "weak", runs)
        accuracy = share_of(run.results, "eval_accuracy")
        weak_share = None if weak is None else share_of(weak.results, "eval_accuracy")
        if accuracy is None:
            unpaired.append(f"{place}: its {RESULTS} has no eval_accuracy.")
        elif weak_share is None:
            unpaired.append(f"{place}: {lacks or f'its teacher has no eval_accuracy in its {RESULTS}'}.")
        else:
            strong, lacks = _partner(run, folder, "strong", runs)
            top = None if strong is None else share_of(strong.results, "eval_accuracy")
            if top is None:
                notes.append(f"{place}: {lacks or 'its ceiling has no eval_accuracy'}; no ceiling, so no PGR.")
            outcomes.append(_outcome(run, weak_share, accuracy, top, str(place)))
    return Imported(KIND, tuple(outcomes), tuple(unpaired), tuple(notes))


def _partner(run: Run, folder: Path, role: str, runs: dict[Path, Run]) -> tuple[Run | None, str]:
    """The teacher (`weak`) or ceiling (`strong`) of a student, or why there is none."""
    config = run.config
    shared = folder.parents[2] / str(config.get("shared_folder", "shared")) / folder.parent.name
    wanted = config.get(f"{role}_model_name")
    why = f"no run of {wanted} on gold labels (folder {role!r}) is in this folder"
    for place in (folder.parent / role, shared / role):
        found = runs.get(place)
        if found is None:
            continue
        named = (found.config.get("model") or {}).get("name", found.config.get(f"{role}_model_name"))
        other = next((key for key in _SAME if found.config.get(key) != config.get(key)), None)
        if named != wanted:
            why = f"the run in folder {role!r} is of {named}, not of {wanted}"
        elif other is not None:
            why = f"the run in folder {role!r} has {other} {found.config.get(other)}, not {config.get(other)}"
        else:
            return found, ""
    return None, why


def _outcome(run: Run, weak: float, accuracy: float, ceiling: float | None, place: str) -> Outcome:
    config: dict[str, Any] = dict(run.config)
    lora = (config.get("model") or {}).get("enable_lora", not config.get("disable_lora", False))
    return Outcome(
        task=str(config.get("dataset", "")),
        strong=str(config.get("strong_model_name", "")),
        weak=str(config.get("weak_model_name", "")),
        recipe="lora" if lora else "full",
        loss=str(config.get("loss_name", "")),
        unit="error rate",
        weak_error=error_rate(weak),
        w2s_error=error_rate(accuracy),
        ceiling_error=error_rate(ceiling),
        weak_accuracy=weak,
        w2s_accuracy=accuracy,
        ceiling_accuracy=ceiling,
        rows=int(config.get("n_train", 0)),
        measured_on=run.date,
        origin=f"{KIND}: {place}",
    )
