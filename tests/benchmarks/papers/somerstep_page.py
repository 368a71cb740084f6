"""The page of `tests.benchmarks.papers.somerstep`: its cells, and how often each decision was right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tests.benchmarks.papers.somerstep import Cell


def page(found: Sequence[Cell]) -> str:
    """Markdown; the cells in which refining helped least come first."""
    return PAGE.format(cells=_cells(found), rules=_rules(found), count=len(found))


def _cells(found: Sequence[Cell]) -> str:
    lines = [
        "| style | teacher | taught: content | refined: content · style | naive: content · style · both "
        "| refined route: content · style · both | score | predicted gains |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for one in sorted(found, key=lambda c: c.refine_both - c.naive_both):
        lines.append(
            f"| {one.style} | {one.teacher} | {one.taught_content:.2f} "
            f"| {one.refined_content:.2f} · {one.refined_style:.2f} "
            f"| {one.naive_content:.2f} · {one.naive_style:.2f} · {one.naive_both:.2f} "
            f"| {one.refine_content:.2f} · {one.refine_style:.2f} · {one.refine_both:.2f} "
            f"| {one.score:+.2f} | {one.gains:+.2f} |"
        )
    return "\n".join(lines)


RULES: dict[str, Callable[[Cell], bool]] = {
    "never refine": lambda one: False,
    "always refine": lambda one: True,
    "score above 0, no gold label": lambda one: one.score > 0.0,
    "predicted gains, 24 gold labels": lambda one: one.gains > 0.0,
}


def _rules(found: Sequence[Cell]) -> str:
    lines = [
        "| decision | content: right of cells | content lost, mean | both: right of cells | both lost, mean |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, rule in RULES.items():
        cells = []
        for measure in ("content", "both"):
            saved = np.array([getattr(c, f"refine_{measure}") - getattr(c, f"naive_{measure}") for c in found])
            refine = np.array([rule(c) for c in found])
            right = np.where(refine, saved >= 0.0, saved <= 0.0)
            cells += [f"{right.sum()} of {len(found)}", f"{np.mean(np.where(right, 0.0, np.abs(saved))):.3f}"]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


PAGE = """# Somerstep et al. 2024: style against content

[arXiv:2405.16236](https://arxiv.org/abs/2405.16236). Made by `python -m tests.benchmarks.papers.somerstep`, which
writes every cell to [somerstep.csv](somerstep.csv), and its `--table`.

**Setting.** The question is what kind of thing a noun names, of six kinds ([nouns.py](nouns.py)). The student is
SmolLM2-135M-Instruct, which knows the answer and neither style. A teacher answers all questions in its style, as a
pirate or as a butler. Its content is that of a logistic head on static word vectors, trained on 6 to 48 nouns; a
confused teacher is the best one with animals and fruits, and tools and instruments, exchanged. 36 nouns are taught,
36 tested. *Naive*: the student's last four blocks are trained on the teacher's answers (three epochs, AdamW, loss on
the answer alone). *Refined*: they are trained on what the untrained student writes itself, with eight of the
teacher's answers in context. Content is right where the answer names the right kind and no other. Style is right
where the answer has the words of the style. All figures are shares of nouns.

**The product's decision** is that of `refinement` with `--refine prompted`: the same student is asked for the kind,
with eight of the teacher's labels in context. The score needs no gold label. The predicted gains see 24 gold labels,
of nouns that are neither taught nor tested.

**What differs from the paper.** Its students are GPT-3.5 and GPT-4o-mini, and a language model judges both concepts
on a scale. Here the model is small, and a rule decides.

## Cells, those in which refining helped least first

{count} of 8 cells were trained so far; the command goes on where it was stopped. Score above 0: refine.

{cells}

## Decisions

Lost: the share given away against the better of the two routes.

{rules}

## What it says

Written of the cells above, which are too few to say how often a decision is right.

* Refining helped in each of them, and cost no style: the small model takes over the style from 36 answers by either
  route. That is unlike the paper, whose refined students mostly lose style.
* It helped most where the teacher confuses kinds: the untrained student, shown its answers, mends more than half of
  its errors, and the student trained on these names the right kind far more often. Where the teacher knows little,
  the answers in context mislead the student too.
* The score without gold labels advised to refine each time. The gains predicted from 24 gold labels advised against
  it where it helped most. They are those of a linear head on the student's features, and no prediction of this
  training.
* Chosen after looking: the ridge of the teachers' heads, whose accuracy was at chance before; and style is read off
  the first and last words alone, since an answer misspelt its noun. Sizes were cut for computing time before any cell
  was done.
"""
