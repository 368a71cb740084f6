"""PromptedRefiner: a language model that relabels rows given weakly labelled ones in context."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from predictor.errors import InputError
from predictor.extraction.word_scores import WordScorer
from predictor.statistics.arrays import Array, Ints
from predictor.steps import drain, relay
from predictor.store.partial import PartialFeatures


@dataclass(frozen=True, eq=False)
class PromptedRefiner:
    """See `predictor.estimators.somerstep2024.Refiner`.

    The class that a row's weak label favours is shown in context as its word; the refined label is the probability of
    each word behind the row. Rows with the same context share one prefix, which is run once.

    Attributes:
        scorer: the model and its questions.
        texts: the n rows.
    """

    scorer: WordScorer
    texts: Sequence[str]

    def relabel(self, weak_labels: Array, contexts: Ints) -> Array:
        """See `Refiner`.

        Raises:
            InputError: labels of another number of classes than there are words.
        """
        return drain(self.steps(weak_labels, contexts))

    def steps(
        self, weak_labels: Array, contexts: Ints, partial: PartialFeatures | None = None
    ) -> Generator[int, None, Array]:
        """`relabel`, yielding rows done; goes on with what a stopped run has left in `partial`."""
        classes = max(2, weak_labels.shape[1])
        if classes != len(self.scorer.prompts.words.tokens):
            raise InputError(
                f"the weak labels have {classes} classes and there are {len(self.scorer.prompts.words.tokens)} label "
                "words; give one word per class.",
                reason="BAD_LABEL_WORDS",
                field="label_words",
            )
        favoured = (weak_labels[:, 0] > 0.5).astype(int) if weak_labels.shape[1] == 1 else weak_labels.argmax(axis=1)
        refined = np.empty((len(self.texts), classes))
        groups: dict[tuple[int, ...], list[int]] = {}
        for row, context in enumerate(contexts):
            groups.setdefault(tuple(int(i) for i in context), []).append(row)
        noted = None if partial is None else self.scorer.noted(partial, len(self.texts), len(groups))
        done = 0
        for context, rows in groups.items():
            examples = [(self.texts[i], int(favoured[i])) for i in context]
            steps = self.scorer.steps([self.texts[row] for row in rows], examples, noted)
            scores = yield from relay(steps, done.__add__)
            refined[rows] = scores.probabilities
            done += len(rows)
        return refined[:, 1:] if weak_labels.shape[1] == 1 else refined
