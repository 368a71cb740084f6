"""Outcomes from tables in a declared layout; figures are made up, columns are those of the published tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from predictor.outcomes.importing.detect import import_outcomes
from predictor.outcomes.importing.layouts import LAYOUTS, RunTable


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


SWEEP = "family,fraction,seed,dataset,loss,student,weak,n_docs,r_accuracy"


def test_runs_with_teachers_in_other_rows(tmp_path):
    """Teacher and ceiling are looked up by seed, seeds are averaged, and what no teacher labelled is left out."""
    table = write(
        tmp_path / "runs.csv",
        SWEEP,
        "baseline,,0,sciq,xent,small,,100,0.6",
        "baseline,,1,sciq,xent,small,,100,0.7",
        "baseline,,0,sciq,xent,large,,100,0.9",
        "baseline,,1,sciq,xent,large,,100,0.8",
        "baseline,,0,sciq,logconf,large,small,100,0.7",
        "baseline,,1,sciq,logconf,large,small,100,0.8",
        "naive_mixing,010,1,sciq,xent,large,small,100,0.85",
        "gt_only,010,1,sciq,xent,large,small,100,0.5",
        "baseline,,2,sciq,xent,large,small,100,0.5",
    )
    found = import_outcomes(table)
    plain, mixed = found.outcomes
    assert (plain.task, plain.strong, plain.weak, plain.loss, plain.recipe) == (
        "sciq",
        "large",
        "small",
        "logconf",
        "full",
    )
    assert (plain.weak_accuracy, plain.w2s_accuracy, plain.ceiling_accuracy) == pytest.approx((0.65, 0.75, 0.85))
    assert (plain.seeds, plain.rows, plain.unit) == (2, 100, "error rate")
    assert plain.standard_error == pytest.approx(0.05)
    assert (mixed.recipe, mixed.seeds, mixed.weak_accuracy) == ("full naive_mixing 010", 1, pytest.approx(0.7))
    assert found.unpaired == (
        "1 runs trained by small, whose own run on gold labels is not in the table.",
        "1 runs with family gt_only: no teacher labelled their rows.",
    )


def test_last_epoch_counts(tmp_path):
    """A run with a row for each epoch is one outcome, of its last epoch."""
    table = write(
        tmp_path / "runs.csv",
        "role,tc,st,n,N,seed,epoch,eval_test_accuracy",
        "weak,tiny,,40,,0,2.0,0.7",
        "weak,tiny,,40,,0,1.0,0.6",
        "ceiling,,electra,40,80,0,1.0,0.95",
        "student,tiny,electra,40,80,0,10.0,0.75",
        "student,tiny,electra,40,80,0,9.0,0.9",
    )
    (one,) = import_outcomes(table).outcomes
    assert (one.weak, one.strong, one.task) == ("tiny n=40", "electra N=80", "sst2")
    assert (one.weak_accuracy, one.w2s_accuracy, one.ceiling_accuracy) == (0.7, 0.75, 0.95)


def test_pairs_need_a_task(tmp_path):
    """A table with a pair a row gives an outcome for each loss, and none without the task's name."""
    table = write(
        tmp_path / "pairs.csv",
        ",weak_acc,strong_acc,transfer_acc_xent,transfer_acc_logconf,weak_params,weak_step_size,strong_params,strong_step_size",
        "0,0.6,0.8,0.65,0.7,1.4,1000,2.8,91000",
    )
    assert "name it with --task" in import_outcomes(table).unpaired[0]
    one, other = import_outcomes(table, task="sciq").outcomes
    assert (one.weak, one.strong) == ("pythia-1.4b step 1000", "pythia-2.8b step 91000")
    assert [(o.loss, o.w2s_accuracy, o.weak_accuracy, o.ceiling_accuracy) for o in (one, other)] == [
        ("xent", 0.65, 0.6, 0.8),
        ("logconf", 0.7, 0.6, 0.8),
    ]


def test_students_by_name(tmp_path):
    """A JSON object of students has no teacher's accuracy, and no gain."""
    path = tmp_path / "transfer.json"
    path.write_text(json.dumps({"pythia-1b": {"strong_gt_acc": 0.7, "strong_transfer_acc": 0.6}}))
    (one,) = import_outcomes(path, task="boolq").outcomes
    assert (one.strong, one.w2s_accuracy, one.ceiling_accuracy, one.weak_accuracy, one.gain) == (
        "pythia-1b",
        0.6,
        0.7,
        None,
        None,
    )


def test_openai_columns_with_prefix(tmp_path):
    """The teacher's run is found by the student's columns that begin with weak_."""
    head = "ds_name,loss,n_docs,model_size,seed,weak_model_size,weak_ds_name,weak_loss,weak_n_docs,weak_seed,accuracy"
    table = write(
        tmp_path / "runs.csv",
        head,
        "sciq,logconf,20,large,5,small,sciq,xent,20,5,0.75",
        "sciq,xent,20,small,5,,,,,,0.7",
        "sciq,xent,20,large,5,,,,,,0.9",
    )
    (one,) = import_outcomes(table).outcomes
    assert (one.loss, one.weak_accuracy, one.w2s_accuracy, one.ceiling_accuracy) == ("logconf", 0.7, 0.75, 0.9)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda one: one.kind)
def test_layouts_differ(layout):
    """No table fits two layouts, so the order of the list decides nothing."""
    fitting = [one for one in LAYOUTS if one.columns <= layout.columns]
    assert fitting == [layout]
    if isinstance(layout, RunTable):
        assert layout.student[0] in layout.columns
