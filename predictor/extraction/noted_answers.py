"""Noted answers: what a stopped run has got from a model for numbered questions, and where this run notes its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from predictor.store.partial import PartialFeatures


class NotedAnswers:
    """Answers of one run, question by question, in the parts of `PartialFeatures`.

    Questions are numbered in the order in which they are asked, the same in every run of the same rows. Shorter answers
    are filled up with zeros. float32 holds all of an answer, as models give no more.

    Attributes:
        width: numbers of the longest answer.
    """

    def __init__(self, partial: PartialFeatures, questions: int, width: int) -> None:
        """
        Args:
            partial: parts of this run, with a single output.
            questions: their number at most.
            width: see above.
        """
        self.width = width
        self._partial = partial
        self._next = 0
        self._known = {
            int(number): answer
            for numbers, (answers,) in partial.parts(questions)
            if answers.shape[1] == width
            for number, answer in zip(numbers, answers, strict=True)
        }

    def numbers(self, count: int) -> NDArray[np.intp]:
        """Numbers of the next questions."""
        self._next += count
        return np.arange(self._next - count, self._next)

    def known(self, numbers: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which of these questions are answered already."""
        return np.array([int(number) in self._known for number in numbers], dtype=bool)

    def answers(self, numbers: NDArray[np.intp], width: int) -> NDArray[np.float64]:
        """(b, width) answers to some that are."""
        found = [self._known[int(number)][:width] for number in numbers]
        return np.array(found, dtype=np.float64).reshape(len(numbers), width)

    def add(self, numbers: NDArray[np.intp], answers: NDArray[np.floating]) -> None:
        """Note (b, at most `width`) answers."""
        filled = np.zeros((len(numbers), self.width), dtype=np.float32)
        filled[:, : answers.shape[1]] = answers
        self._partial.add(numbers, (filled,))
