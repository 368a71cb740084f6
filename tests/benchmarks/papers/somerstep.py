"""Style against content: a small real language model trained naively on a teacher's answers, or on refined ones.

    nice -n 15 python -m tests.benchmarks.papers.somerstep   # trains; continues where it was stopped
    python -m tests.benchmarks.papers.somerstep --table > tests/benchmarks/papers/somerstep.md

The question is what kind of thing a word names. A teacher answers in a style, and errs in the content; a checker scores
both by an exact rule. The student is SmolLM2-135M-Instruct, its last blocks trained. Refined answers are those that the
untrained student writes itself, with some of the teacher's answers in context.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import predictor
from predictor.estimators.somerstep2024 import shared_contexts
from predictor.extraction.extractor import Extractor
from predictor.heads.logistic import fit_logistic
from predictor.models.known_models import find
from predictor.query.pool import Pool
from predictor.spectral.spectra import Scale
from predictor.statistics.arrays import Array
from tests.benchmarks.lineup import ready
from tests.benchmarks.papers.molecule_cells import features
from tests.benchmarks.papers.nouns import CLASSES, NOUNS

if TYPE_CHECKING:
    from tests.benchmarks.papers.small_student import SmallStudent

STUDENT = "SmolLM2-135M-Instruct"
QUESTION = "Question: What kind of thing is {text}?\nAnswer:"
STYLES = {
    "pirate": ("Arr, {text} be a ", ", matey!"),
    "butler": ("Indeed, sir: {text} is a ", ", if I may."),
}
"""How a teacher answers: what stands before the kind and behind it."""
GOLD_ROWS = (6, 12, 48)
"""Rows that the teachers' heads were trained on."""
EXCHANGED = {"tool": "instrument", "instrument": "tool", "animal": "fruit", "fruit": "animal"}
"""Kinds that a confused teacher takes for each other."""
TEST, CHECKED, TRAINED = 36, 24, 36
"""Words of the test; words with gold labels for the second decision, which are no teacher's; words trained on."""
CONTEXT = 8
BLOCKS, EPOCHS, BATCH, RATE = 4, 3, 8, 5e-4
RIDGE = 1e-5
HOME = Path(__file__).with_suffix(".csv")

Kinds = NDArray[np.intp]


@dataclass(frozen=True)
class Cell:
    """One teacher in one style. Shares of words, 0 to 1.

    Attributes:
        teacher: rows of its head; `confused`: that of the most rows, with pairs of kinds exchanged.
        taught_content: of the teacher's answers that are trained on, how many are right.
        refined_content, refined_style: of the refined answers that are trained on, how many are right, or in style.
        naive_*, refine_*: of the answers to the test words after training on either.
        score: of `refinement`, prompted, without gold labels; above 0 it advises to refine.
        gains: predicted gain of the refined route less that of the naive one, with CHECKED gold labels.
    """

    style: str
    teacher: str
    taught_content: float
    refined_content: float
    refined_style: float
    naive_content: float
    naive_style: float
    naive_both: float
    refine_content: float
    refine_style: float
    refine_both: float
    score: float
    gains: float


@dataclass(frozen=True, eq=False)
class Words:
    """All words in one random order: those of the test, then checked ones, taught ones, and those of the heads."""

    texts: tuple[str, ...]
    kinds: Kinds

    @classmethod
    def all(cls) -> Words:
        """The words of NOUNS."""
        pairs = [(word, place) for place, kind in enumerate(CLASSES) for word in NOUNS[kind]]
        order = np.random.default_rng(0).permutation(len(pairs))
        return cls(tuple(pairs[i][0] for i in order), np.array([pairs[i][1] for i in order]))

    def part(self, first: int, last: int) -> Words:
        """Some of them."""
        return Words(self.texts[first:last], self.kinds[first:last])

    def answers(self, style: str, kinds: Kinds) -> list[str]:
        """What a teacher answers that takes the words for these kinds."""
        before, behind = STYLES[style]
        return [before.format(text=t) + CLASSES[k] + behind for t, k in zip(self.texts, kinds, strict=True)]

    def checked(self, style: str, given: Sequence[str]) -> tuple[float, float, float]:
        """Shares of answers that name the right kind and no other, that have the words of the style, and both."""
        right, styled = [], []
        before, behind = STYLES[style]
        for text, kind, answer in zip(self.texts, self.kinds, given, strict=True):
            named = [one for one in CLASSES if one in answer.replace(text, "").lower()]
            right.append(named == [CLASSES[kind]])
            styled.append(answer.startswith(before.partition("{text}")[0].strip()) and answer.endswith(behind))
        both = np.logical_and(right, styled)
        return float(np.mean(right)), float(np.mean(styled)), float(np.mean(both))


WORDS = Words.all()
HEAD_ROWS = max(GOLD_ROWS)
TAUGHT = WORDS.part(TEST + CHECKED, TEST + CHECKED + TRAINED)
ASKED = WORDS.part(TEST, TEST + CHECKED + TRAINED)
"""Words that the decision is asked of: the checked ones and those trained on."""


@cache
def teachers() -> dict[str, Array]:
    """Name -> (n, k) probabilities for ASKED: logistic heads on static vectors, trained on some of the last words."""
    static = features("static", ready(find("potion-base-8M")), "last", Extractor(), Pool.of(list(WORDS.texts))).values
    design = Scale.of(static).apply(static) / np.sqrt(static.shape[1])
    found = {}
    for count in GOLD_ROWS:
        own = slice(len(design) - HEAD_ROWS, len(design) - HEAD_ROWS + count)
        head = fit_logistic(design[own], np.eye(len(CLASSES))[WORDS.kinds[own]], np.array([RIDGE]))
        found[str(count)] = head.predict(design[TEST : TEST + CHECKED + TRAINED])[:, 0]
    swapped = [CLASSES.index(EXCHANGED.get(kind, kind)) for kind in CLASSES]
    return {**found, "confused": found[str(HEAD_ROWS)][:, swapped]}


@cache
def advice(teacher: str) -> tuple[float, float]:
    """The score without gold labels, and the difference of predicted gains with CHECKED ones, as the product gives."""
    labels: list[str | None] = [CLASSES[k] for k in ASKED.kinds[:CHECKED]]
    labels += [None] * (len(ASKED.texts) - CHECKED)
    found = []
    for gold in (None, labels):
        ranking = predictor.rank(
            strong=ready(find(STUDENT)),
            weak=[f"static={ready(find('potion-base-8M'))}"],
            pool=list(ASKED.texts),
            weak_labels={"static": teachers()[teacher]},
            labels=gold,
            estimators="refinement",
            refine="prompted",
            label_words=list(CLASSES),
            prompt=QUESTION.replace("\n", " ") + " a",
        )
        found.append(ranking.candidates[0].estimates["refinement"])
    without, given = found
    gains = given.details["gain_refined"] - given.details["gain_naive"]
    return without.value if without.value is not None else float("nan"), gains


def refined(student: SmallStudent, style: str, kinds: Kinds) -> list[str]:
    """What the untrained student answers for each taught word, with CONTEXT of the teacher's answers before it."""
    student.forget()
    questions, taught = [QUESTION.format(text=text) for text in TAUGHT.texts], TAUGHT.answers(style, kinds)
    contexts = shared_contexts(kinds, CONTEXT, np.random.default_rng(1))[0]
    found = [""] * len(questions)
    for shown in {tuple(one) for one in contexts.tolist()}:
        places = [i for i, one in enumerate(contexts.tolist()) if tuple(one) == shown]
        before = "".join(f"{questions[i]} {taught[i]}\n\n" for i in shown)
        for i, text in zip(places, student.answer([questions[i] for i in places], before), strict=True):
            found[i] = text
    return found


def measure(student: SmallStudent, style: str, teacher: str) -> Cell:
    """Train the student both ways, and test it."""
    kinds = teachers()[teacher][CHECKED:].argmax(axis=1)
    routes = {"naive": TAUGHT.answers(style, kinds), "refine": refined(student, style, kinds)}
    test, shares = WORDS.part(0, TEST), {}
    for route, answers in routes.items():
        pairs = [(QUESTION.format(text=t), a) for t, a in zip(TAUGHT.texts, answers, strict=True)]
        student.train(pairs, epochs=EPOCHS, batch=BATCH, rate=RATE, seed=0)
        given = student.answer([QUESTION.format(text=text) for text in test.texts])
        names = (f"{route}_content", f"{route}_style", f"{route}_both")
        shares |= dict(zip(names, test.checked(style, given), strict=True))
        print(f"{style} {teacher} {route}: {given[:3]}", file=sys.stderr, flush=True)
    content, styled, _ = TAUGHT.checked(style, routes["refine"])
    taught = float(np.mean(kinds == TAUGHT.kinds))
    score, gains = advice(teacher)
    return Cell(style, teacher, taught, content, styled, **shares, score=score, gains=gains)


def stored() -> list[Cell]:
    """Cells of the file."""
    if not HOME.exists():
        return []
    with HOME.open(newline="", encoding="utf-8") as file:
        return [
            Cell(row["style"], row["teacher"], *(float(row[one.name]) for one in fields(Cell)[2:]))
            for row in csv.DictReader(file)
        ]


def main() -> None:
    """Measure cells that are not in the file, or print the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.papers.somerstep", description=__doc__)
    parser.add_argument("--table", action="store_true", help="print the page; trains nothing")
    if parser.parse_args().table:
        from tests.benchmarks.papers.somerstep_page import page

        sys.stdout.write(page(stored()))
        return
    from tests.benchmarks.papers.small_student import SmallStudent

    student, found = SmallStudent.of(STUDENT, BLOCKS), stored()
    for teacher, style in product(teachers(), STYLES):
        if (style, teacher) in {(one.style, one.teacher) for one in found}:
            continue
        found.append(measure(student, style, teacher))
        with HOME.open("w", newline="", encoding="utf-8") as file:
            sheet = csv.DictWriter(file, [one.name for one in fields(Cell)], lineterminator="\n")
            sheet.writeheader()
            for one in found:
                sheet.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in asdict(one).items()})


if __name__ == "__main__":
    main()
