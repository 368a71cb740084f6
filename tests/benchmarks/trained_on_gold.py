"""Weak labels of heads that were trained on the very gold rows that are given beside them.

    W2S_DATA=FOLDER python -m tests.benchmarks.trained_on_gold > tests/benchmarks/trained_on_gold.md

600 rows a task; ridge heads on 200 of them (D~) label all rows, and the gold labels of D~ are given too. Candidates are
layers of all-MiniLM-L6-v2 and SmolLM2-135M, the student is layer 8 of all-mpnet-base-v2, really trained on the weak
labels of 200 other rows, 20 times. ρ is Spearman's with its measured error, by `truth` where these weak labels vote, by
`truth` as it is, by `truth_posterior` and by the default. z is the excess spread that gives such heads away (trained
from 2 on); beside it that of heads trained on 200 rows elsewhere, compared with gold labels of 100 further rows. The
bound of 2 was set after looking at these nine draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from unittest.mock import patch

import numpy as np

import predictor
from predictor.extraction.extractor import Extractor
from predictor.heads.ridge import FactoredRidge
from predictor.intake.rows import read_task
from predictor.models.known_models import find
from predictor.query.model_spec import read_spec
from predictor.query.pool import Pool
from predictor.query.settings import Settings
from predictor.statistics.arrays import Array
from predictor.statistics.rank_correlation import rank_correlation
from predictor.steps import drain
from predictor.truth.exchangeability import excess_spread
from tests.benchmarks.lineup import data_folder

TASKS = ("sentence_polarity", "subjectivity", "ethics_deontology")
STUDENT = ("all-mpnet-base-v2", "8")
CANDIDATES = (("all-MiniLM-L6-v2", "0,1,2,3,4,5,6"), ("SmolLM2-135M-Instruct", "0,5,10,15,20,30"))
ROWS, GOLD, REPEATS, DRAWS = 600, 200, 20, 3


def features(name: str, layers: str, pool: Pool) -> dict[str, Array]:
    """Features of some layers of a known model, by name."""
    spec = read_spec(f"{name}={find(name).pinned}#layer={layers}")
    return {f"{name}#{one.layer}": one.values for one in drain(Extractor().features(spec, pool, Settings()))}


def trained(weak: Mapping[str, Array], labels: Array, rows: Array) -> dict[str, Array]:
    """(n,) weak labels of heads trained on these rows."""
    heads = {name: FactoredRidge.of(x[rows], x) for name, x in weak.items()}
    return {name: np.clip(head.predict(labels[rows][:, None])[:, 0], 0.0, 1.0) for name, head in heads.items()}


def main() -> None:
    """Print the table."""
    print(f"# Heads trained on the gold rows given\n\n```text\n{(__doc__ or '').strip()}\n```\n")
    print("| task | draw | z | z elsewhere | truth, with their votes | truth | truth_posterior | default |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for task in TASKS:
        pool, gold = read_task(data_folder() / f"{task}.jsonl", "text", "id", "label")
        rows = np.arange(ROWS)
        pool, labels = pool.take(rows), gold.take(rows).targets[:, 0]
        (strong,) = features(*STUDENT, pool).values()
        weak = {name: x for model in CANDIDATES for name, x in features(*model, pool).items()}
        for draw in range(DRAWS):
            rng = np.random.default_rng(draw)
            order = rng.permutation(ROWS)
            own, rest = order[:GOLD], order[GOLD:]
            given, errors = trained(weak, labels, own), {name: [] for name in weak}
            for _ in range(REPEATS):
                taken, test = np.split(rng.permutation(rest), [GOLD])
                student = FactoredRidge.of(strong[taken], strong[test])
                for name in weak:
                    predicted = student.predict(given[name][taken][:, None])[:, 0]
                    errors[name].append(float(np.mean((predicted - labels[test]) ** 2)))
            measured = np.array([np.mean(errors[name]) for name in weak])
            known = np.isin(rows, own)
            elsewhere, others = trained(weak, labels, rest[:GOLD]), np.setdiff1d(rows, rest[:GOLD])
            further = np.isin(others, rng.choice(others, 100, replace=False))

            def rho(name: str, strong=strong, weak=weak, known=known, given=given, labels=labels, measured=measured):
                shown = np.where(known, labels, np.nan)
                asked = predictor.predict(strong=strong, weak=weak, labels=shown, weak_labels=given, estimators=[name])
                found = {one.name: one.predicted_w2s_error.value for one in asked.candidates}
                return rank_correlation(np.array([found[name] for name in weak]), measured)

            with patch("predictor.estimators.weak_voters.trained_on", lambda *given: False):
                voting = rho("truth")
            orders = (voting, *(rho(name) for name in ("truth", "truth_posterior", "combined")))
            spreads = (
                excess_spread(given.values(), known),
                excess_spread((one[others] for one in elsewhere.values()), further),
            )
            figures = " | ".join(f"{value:.2f}" for value in (*spreads, *orders))
            print(f"| {task} | {draw} | {figures} |", flush=True)


if __name__ == "__main__":
    main()
