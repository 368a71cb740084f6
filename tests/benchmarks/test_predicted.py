"""What is put beside fine-tuned outcomes: by hand where it is small, refused where it is of other rows."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest

from predictor.errors import InputError
from predictor.query.labels import Labels
from predictor.query.pool import Pool
from predictor.query.source import FeatureSet
from predictor.query.training_plan import Training
from predictor.training.recipe import Recipe, Tuning
from predictor.training.runs import train_w2s
from tests.benchmarks import predicted
from tests.benchmarks.finetuning import MEASURED, Bench, measured_rows
from tests.benchmarks.lineup import Cell, Task

ROWS = 90
BENCH = Bench("t", "s#layer=1", ROWS, 1, Recipe("full", training=Training(30, 30), tuning=Tuning(epochs=2)), 2)


def features(name: str, values: np.ndarray) -> FeatureSet:
    return FeatureSet(name, values, "1", "")


@pytest.fixture(scope="module")
def cell() -> Cell:
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((ROWS, 3))
    strong = features("s", hidden @ rng.standard_normal((3, 8)))
    noisy = (hidden @ rng.standard_normal((3, 5)) + noise * rng.standard_normal((ROWS, 5)) for noise in (0.1, 1.0, 2.0))
    weak = tuple(features(f"w{i}", values) for i, values in enumerate(noisy))
    labels = Labels.of(hidden @ np.array([1.0, -1.0, 0.5]))
    return Cell(Task("t", Pool.numbered(ROWS), labels), strong, weak)


def kept(cell: Cell, path, shift: float = 0.0):
    """A file as a training would have left it, students made up, weak heads real."""
    sizes = Recipe(training=Training(weak_rows=30, student_rows=30))
    weak = train_w2s(cell.strong.values, [w.values for w in cell.weak], cell.task.labels, splits=2, recipe=sizes).weak
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(MEASURED)
        for split in range(2):
            for i, one in enumerate(cell.weak):
                errors = (weak[i, split] + shift, 0.1 * (i + 1), 0.05)
                writer.writerow([*BENCH.key.values(), split, one.name, *(f"{e:.4f}" for e in errors), "1.0"])
    return path


def test_reliability_is_the_mean_over_all_halvings():
    a, b, c, d = np.random.default_rng(1).standard_normal((4, 6))
    measured = np.stack([a, b, c, d], axis=1)

    def agree(one, other):
        return np.corrcoef(predicted.average_ranks(one), predicted.average_ranks(other))[0, 1]

    by_hand = (agree(a + b, c + d), agree(a + c, b + d), agree(a + d, b + c))
    assert predicted.reliability(measured) == pytest.approx(np.mean(by_hand))
    assert predicted.reliability(measured[:, :2]) == pytest.approx(agree(a, b))


def test_what_was_measured_stands_beside_what_is_reported_of_it_today(cell, tmp_path):
    path = tmp_path / "f.csv"
    predicted.write(path, kept(cell, tmp_path / "f.measured.csv"), [(BENCH, cell)])
    rows = list(csv.DictReader(path.open()))
    assert [row["candidate"] for row in rows] == ["w0", "w1", "w2"]
    assert tuple(rows[0]) == predicted.COLUMNS
    shown = [rows[0][name] for name in ("tuned_error", "tuned_error_se", "reliability_error")]
    assert shown == ["0.1000", "0.0000", "1.0000"]
    for row in rows:
        assert float(row["tuned_gain"]) == pytest.approx(float(row["weak_error"]) - float(row["tuned_error"]), abs=2e-4)
        assert all(np.isfinite(float(row[figure])) for figure in (*predicted.ERRORS, *predicted.GAINS))
    first = rows[0]
    assert float(first["both"]) == 1.0  # Least noise: first by both.
    text = predicted.tables(path)
    assert "| error of the weak head, cross-validated on D~ | 1.00 | 1.00 | 1.00 |" in text
    assert "| *itself: half of the splits against the others* | 1.00 |" in text


def test_a_cell_that_does_not_repeat_counts_in_no_mean(cell, tmp_path):
    path = tmp_path / "f.csv"
    predicted.write(path, kept(cell, tmp_path / "f.measured.csv"), [(BENCH, cell)])
    path.write_text(path.read_text().replace("1.0000,1.0000", "0.4000,0.4000", 3))
    rows = [dict(row, reliability_error="0.4000") for row in csv.DictReader(path.open())]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, predicted.COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    assert "| error of the weak head, cross-validated on D~ | 1.00 | – | – |" in predicted.tables(path)


def test_cells_that_are_not_forecast_again_stay_and_one_split_is_too_few(cell, tmp_path):
    path, file = tmp_path / "f.csv", kept(cell, tmp_path / "f.measured.csv")
    predicted.write(path, file, [(BENCH, cell)])
    before = path.read_text()
    predicted.write(path, file, [(replace(BENCH, strong="other#layer=1"), cell)])
    assert path.read_text() == before
    single = tmp_path / "one.measured.csv"
    single.write_text("".join(line for line in file.open() if ",1,w" not in line))
    predicted.write(tmp_path / "one.csv", single, [(BENCH, cell)])
    assert len((tmp_path / "one.csv").read_text().splitlines()) == 1


def test_a_record_of_other_rows_is_refused(cell, tmp_path):
    with pytest.raises(InputError, match="remove these rows from the file and train again"):
        predicted.write(tmp_path / "f.csv", kept(cell, tmp_path / "f.measured.csv", 0.04), [(BENCH, cell)])


def test_cross_validation_looks_at_gold_rows_of_d_alone(cell):
    known = predicted.cross_validated(cell, BENCH.recipe, [0])
    part = predicted.part_of(ROWS, BENCH.recipe, 0, 0)
    targets = np.full_like(cell.task.labels.targets, 7.0)
    targets[part.weak] = cell.task.labels.targets[part.weak]
    spread = np.var(targets) / np.var(cell.task.labels.targets)
    other = replace(cell, task=replace(cell.task, labels=Labels(targets, "regression", None)))
    np.testing.assert_allclose(predicted.cross_validated(other, BENCH.recipe, [0]) * spread, known)


def test_cells_are_separated_by_their_settings(cell, tmp_path):
    path = kept(cell, tmp_path / "f.measured.csv")
    assert len(measured_rows(path, BENCH)) == 6
    longer = replace(BENCH, recipe=replace(BENCH.recipe, tuning=Tuning(epochs=3)))
    assert measured_rows(path, longer) == []
    assert measured_rows(tmp_path / "none.csv", BENCH) == []
