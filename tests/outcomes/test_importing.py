"""Outcomes from elsewhere, on small folders in the formats that the public code writes.

Formats were read in openai/weak-to-strong (train_simple.py at 023e31b, weak_to_strong/config.py, and the older
train_weak_to_strong.py at 0fae64b) and EleutherAI/w2s (run.py and w2s/sft.py at 059b316); figures are made up.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from predictor.errors import InputError, NotFoundError
from predictor.outcomes.importing.detect import import_outcomes
from predictor.outcomes.outcome import Outcome


def openai_config(model: str, seed: int = 0, **changes: object) -> dict[str, object]:
    return {
        "batch_size": 32,
        "max_ctx": 1024,
        "ds_name": "sciq",
        "loss": "xent",
        "n_docs": 20000,
        "n_test_docs": 10000,
        "model_size": model,
        "lr": {"gpt2": 5e-05, "gpt2-xl": 1e-05}[model],
        "optim": "adam",
        "epochs": 2,
        "seed": seed,
        "train_with_dropout": False,
        "linear_probe": False,
        "lr_schedule": "cosine_anneal",
        "eval_every": 1000000,
        **changes,
    }


def write_run(folder: Path, config: dict[str, object], results: dict[str, object], name: str) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    (folder / name).write_text(json.dumps(results, indent=2))


def openai_run(folder: Path, config: dict[str, object], accuracy: float) -> None:
    write_run(folder, config, {"accuracy": accuracy}, "results_summary.json")


def openai_sweep(root: Path, seeds: tuple[int, ...] = (0, 1)) -> None:
    for seed in seeds:
        weak = openai_config("gpt2", seed)
        openai_run(root / f"weak-{seed}", weak, 0.7 + seed / 100)
        openai_run(root / f"ceil-{seed}", openai_config("gpt2-xl", seed), 0.9)
        transfer = openai_config("gpt2-xl", seed, loss="logconf", weak_model_size="gpt2", weak_model=weak)
        openai_run(root / f"transfer-{seed}", transfer, 0.8 + seed / 50)


def test_an_openai_sweep_pairs_teacher_student_and_ceiling_and_averages_seeds(tmp_path):
    openai_sweep(tmp_path / "default")
    found = import_outcomes(tmp_path)
    (one,) = found.outcomes
    assert (one.task, one.strong, one.weak, one.loss, one.recipe) == ("sciq", "gpt2-xl", "gpt2", "logconf", "full")
    assert (one.unit, one.label_form, one.seeds, one.rows) == ("error rate", "soft", 2, 20000)
    assert one.weak_accuracy == pytest.approx(0.705)
    assert one.w2s_accuracy == pytest.approx(0.81)
    assert one.ceiling_accuracy == pytest.approx(0.9)
    assert (one.weak_error, one.w2s_error, one.ceiling_error) == pytest.approx((0.295, 0.19, 0.1))
    assert one.standard_error == pytest.approx(0.01)
    assert one.pgr == pytest.approx(0.105 / 0.195)
    assert one.origin == "openai/weak-to-strong results: default/transfer-0"
    assert (found.unpaired, found.notes) == ((), ())


def test_what_an_openai_sweep_lacks_is_reported_run_by_run(tmp_path):
    openai_sweep(tmp_path, (0,))
    weak = openai_config("gpt2", 3)
    teacherless = openai_config("gpt2-xl", 3, weak_model_size="gpt2", weak_model=weak)
    openai_run(tmp_path / "teacherless", teacherless, 0.8)
    openai_run(tmp_path / "spare", openai_config("gpt2", 7), 0.7)
    other = openai_config("gpt2", 0, ds_name="boolq")
    openai_run(tmp_path / "boolq-weak", other, 0.6)
    topless = openai_config("gpt2-xl", 0, ds_name="boolq", weak_model_size="gpt2", weak_model=other)
    openai_run(tmp_path / "topless", topless, 0.65)
    broken = openai_config("gpt2-xl", 0, ds_name="boolq", weak_model_size="gpt2", weak_model=other, epochs=3)
    openai_run(tmp_path / "broken", broken, float("nan"))
    found = import_outcomes(tmp_path)
    assert [(one.task, one.ceiling_accuracy, one.pgr) for one in found.outcomes] == [
        ("boolq", None, None),
        ("sciq", 0.9, pytest.approx(0.5)),
    ]
    assert found.unpaired == (
        "broken: its results_summary.json has no accuracy from 0 to 1.",
        "teacherless: trained by gpt2 (seed 3), whose own run on gold labels is not in this folder.",
        "spare: a run on gold labels that no student here was trained by.",
    )
    assert found.notes == ("topless: no run of gpt2-xl on gold labels; no ceiling, so no PGR.",)


def test_a_teacher_with_another_configuration_is_not_taken_for_the_one_that_trained(tmp_path):
    weak = openai_config("gpt2")
    openai_run(tmp_path / "weak", weak | {"epochs": 5}, 0.7)
    transfer = openai_config("gpt2-xl", weak_model_size="gpt2", weak_model=weak)
    openai_run(tmp_path / "transfer", transfer, 0.8)
    assert import_outcomes(tmp_path).outcomes == ()
    (tmp_path / "weak" / "config.json").write_text(json.dumps(weak | {"eval_every": 25}))
    assert len(import_outcomes(tmp_path).outcomes) == 1


def test_a_linear_probe_of_an_openai_sweep_is_a_logistic_head(tmp_path):
    weak = openai_config("gpt2", linear_probe=True)
    openai_run(tmp_path / "weak", weak, 0.7)
    openai_run(
        tmp_path / "t", openai_config("gpt2-xl", linear_probe=True, weak_model_size="gpt2", weak_model=weak), 0.8
    )
    assert [one.recipe for one in import_outcomes(tmp_path).outcomes] == ["logistic"]


def test_older_openai_summaries_need_a_task_and_give_one_outcome_a_loss(tmp_path):
    for kind, name in (("weak", "Qwen_Qwen-1_8B"), ("strong", "gpt2-xl")):
        (tmp_path / f"{kind}_model_gt" / name).mkdir(parents=True)
    summary = {"weak_acc": 0.7, "strong_acc": 0.9, "transfer_acc_xent": 0.75, "transfer_acc_logconf": 0.8}
    (tmp_path / "Qwen_Qwen-1_8B_gpt2-xl.results_summary.json").write_text(json.dumps(summary))
    assert import_outcomes(tmp_path).unpaired == (
        "Qwen_Qwen-1_8B_gpt2-xl.results_summary.json: its task is not recorded; name it with --task.",
    )
    found = import_outcomes(tmp_path, task="sciq").outcomes
    assert [(one.weak, one.strong, one.loss, one.w2s_accuracy, one.pgr) for one in found] == [
        ("Qwen_Qwen-1_8B", "gpt2-xl", "xent", 0.75, pytest.approx(0.25)),
        ("Qwen_Qwen-1_8B", "gpt2-xl", "logconf", 0.8, pytest.approx(0.5)),
    ]


def test_an_older_summary_whose_names_run_together_is_reported(tmp_path):
    (tmp_path / "a_b_c.results_summary.json").write_text('{"weak_acc": 0.7, "transfer_acc_xent": 0.75}')
    assert "is not clear" in import_outcomes(tmp_path, task="t").unpaired[0]
    (tmp_path / "a_b_c.results_summary.json").rename(tmp_path / "a_b.results_summary.json")
    assert [(one.weak, one.strong) for one in import_outcomes(tmp_path, task="t").outcomes] == [("a", "b")]


def eleuther_config(model: str, **changes: object) -> dict[str, object]:
    return {
        "weak_model_name": "Qwen/Qwen1.5-0.5B",
        "strong_model_name": "meta-llama/Meta-Llama-3-8B",
        "dataset": "boolq",
        "n_epochs": 2.0,
        "n_train": 20000,
        "n_val": 500,
        "n_test": 1000,
        "shared_folder": "shared",
        "disable_lora": False,
        "loss_name": "xent",
        "model": {"name": model, "enable_lora": True, "lora_modules": ["q_proj"]},
        "train_args": {"seed": 42},
        "transfer": False,
        **changes,
    }


def eleuther_run(folder: Path, model: str, accuracy: float, **changes: object) -> None:
    results = {"eval_loss": 0.5, "eval_accuracy": accuracy, "eval_auroc": 0.9, "epoch": 2.0}
    write_run(folder, eleuther_config(model, **changes), results, "results.json")


WEAK, STRONG = "Qwen/Qwen1.5-0.5B", "meta-llama/Meta-Llama-3-8B"


def test_eleuther_results_pair_with_the_shared_teacher_and_ceiling(tmp_path):
    eleuther_run(tmp_path / "shared/boolq/weak", WEAK, 0.7)
    eleuther_run(tmp_path / "shared/boolq/strong", STRONG, 0.9)
    eleuther_run(tmp_path / "default/boolq/w2s", STRONG, 0.75, transfer=True, loss_name="logconf")
    eleuther_run(tmp_path / "default/boolq/s2s-0", STRONG, 0.76, transfer=True)
    found = import_outcomes(tmp_path)
    (one,) = found.outcomes
    assert (one.task, one.strong, one.weak, one.loss, one.recipe) == ("boolq", STRONG, WEAK, "logconf", "lora")
    assert (one.weak_accuracy, one.w2s_accuracy, one.ceiling_accuracy, one.rows) == (0.7, 0.75, 0.9, 20000)
    assert one.pgr == pytest.approx(0.25)
    assert found.unpaired == ("default/boolq/s2s-0: a student trained by a student; that is no weak-to-strong run.",)


def test_an_eleuther_teacher_of_another_model_or_size_is_not_taken(tmp_path):
    eleuther_run(tmp_path / "shared/boolq/weak", "gpt2", 0.7)
    eleuther_run(tmp_path / "default/boolq/w2s", STRONG, 0.75, transfer=True)
    found = import_outcomes(tmp_path)
    assert found.outcomes == ()
    assert found.unpaired == ("default/boolq/w2s: the run in folder 'weak' is of gpt2, not of Qwen/Qwen1.5-0.5B.",)
    (tmp_path / "shared/boolq/weak/config.json").write_text(json.dumps(eleuther_config(WEAK, n_train=100)))
    assert import_outcomes(tmp_path).unpaired == (
        "default/boolq/w2s: the run in folder 'weak' has n_train 100, not 20000.",
    )
    (tmp_path / "shared/boolq/weak/config.json").write_text(json.dumps(eleuther_config(WEAK)))
    found = import_outcomes(tmp_path)
    assert [one.ceiling_accuracy for one in found.outcomes] == [None]
    assert found.notes == (
        "default/boolq/w2s: no run of meta-llama/Meta-Llama-3-8B on gold labels (folder 'strong') is in this folder; "
        "no ceiling, so no PGR.",
    )


def test_a_table_gives_an_outcome_a_row_with_predictions_in_columns_of_their_own(tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text(
        "task,strong,weak,weak_accuracy,w2s_accuracy,seeds,predicted.combined.value,predicted.combined.gain\n"
        "news,big,small,0.7,0.75,3,0.4,0.05\n"
        "news,big,tiny,0.6,0.55,,,\n"
    )
    first, second = import_outcomes(path).outcomes
    assert first == Outcome(
        "news", "big", "small", weak_accuracy=0.7, w2s_accuracy=0.75, seeds=3, origin="runs.csv",
        predicted={"combined": {"value": 0.4, "gain": 0.05}},
    )  # fmt: skip
    assert (second.seeds, second.predicted) == (1, {})
    assert [one.task for one in import_outcomes(path, task="other").outcomes] == ["other", "other"]


def test_outcomes_as_json_lines_come_back_as_they_were(tmp_path):
    one = Outcome("t", "s", "w", w2s_error=0.5, predicted={"combined": {"value": 0.4}})
    path = tmp_path / "runs.jsonl"
    path.write_text(one.to_json() + "\n" + json.dumps({"id": one.id, **one.to_dict()}) + "\n")
    assert import_outcomes(path).outcomes == (one, one)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task,strong,weak,w2s_error\na,b,c,0.1\na,b,c,x\n", r"runs.csv, line 3: w2s_error of an outcome is 'x'"),
        ("task,strong,weak,w2s_error,colour\na,b,c,0.1,red\n", "line 2: column 'colour' is none of an outcome"),
        ("task,strong,weak,w2s_accuracy\na,b,c,75\n", r"w2s_accuracy of an outcome is 75\.0; it must be a finite"),
        ("task,strong,weak,w2s_error,seeds\na,b,c,0.1,1.5\n", r"seeds of an outcome is 1\.5; it must be a whole"),
        ("task,weak,w2s_error\na,c,0.1\n", "line 2: strong of an outcome is missing"),
    ],
)
def test_a_table_with_a_row_that_is_no_outcome_is_refused_by_line(tmp_path, text, message):
    path = tmp_path / "runs.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        import_outcomes(path)


def test_arrays_are_no_outcomes(tmp_path):
    np.savez(tmp_path / "runs.npz", w2s_error=np.ones(3))
    with pytest.raises(InputError, match=r"runs\.npz has arrays, and outcomes are one training a row; give a \.csv"):
        import_outcomes(tmp_path / "runs.npz")


def test_folders_and_files_that_are_not_known_are_refused(tmp_path):
    with pytest.raises(NotFoundError, match="does not exist"):
        import_outcomes(tmp_path / "gone")
    with pytest.raises(InputError, match="contains no results of a known kind"):
        import_outcomes(tmp_path)
    (tmp_path / "x.json").write_text('{"schema": "w2s.ranking.v1"}')
    with pytest.raises(InputError, match=r"read from w2s\.validation\.v1"):
        import_outcomes(tmp_path / "x.json")
    (tmp_path / "x.json").write_text("[")
    with pytest.raises(InputError, match="is no JSON"):
        import_outcomes(tmp_path / "x.json")
